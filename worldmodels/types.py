"""The file to read first: the words that are the same everywhere, the axes, and which number belongs to which moment.

    obs     what is seen: uint8 frames (..., height, width, 3) on disk and from environments; (..., 3, height, width) for models
    act     what is done: float32 (..., A); a discrete action is one-hot
    rew     what is earned by it: float32
    end     the world is over (terminal): nothing can be earned after it
    trunc   the world goes on, but we stopped looking (time limit, end of the recording)
    z       the latent of a frame, (..., Z)
    h       the state of the memory

Axes are (B, T, ...): batch, then time. An episode of T transitions has T + 1 frames:

    obs[0] --act[0]--> rew[0], obs[1] --act[1]--> rew[1], obs[2] ...  --act[T-1]--> rew[T-1], obs[T]

`rew[t]` and the end belong to `act[t]`. Only the last transition of an episode can be an end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Fact = int | float | str
Frames = NDArray[np.uint8]
Floats = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Episode:
    """One life in a world, from its first frame to its last.

    Arguments:
        obs: frames, uint8 (T + 1, height, width, 3).
        act: actions, float32 (T, A).
        rew: rewards, float32 (T,).
        end: whether the last transition is terminal.
        trunc: whether the episode was cut short of its end.
        facts: where it comes from (seed, slot, generation, policy, ...): numbers and strings.
    """

    obs: Frames
    act: Floats
    rew: Floats
    end: bool
    trunc: bool
    facts: dict[str, Fact] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _require(self.obs, "obs", np.uint8, 4, "(T + 1, height, width, 3)")
        _require(self.act, "act", np.float32, 2, "(T, A)")
        _require(self.rew, "rew", np.float32, 1, "(T,)")
        length = len(self.rew)
        if length == 0:
            raise ValueError("rew: an episode has at least one transition; leave empty ones out")
        if self.obs.shape != (length + 1, *self.obs.shape[1:3], 3):
            raise ValueError(f"obs: {length} rewards go with frames ({length + 1}, height, width, 3), not {self.obs.shape}")
        if len(self.act) != length:
            raise ValueError(f"act: {length} rewards go with as many actions, not {len(self.act)}")
        for name, values in (("act", self.act), ("rew", self.rew)):
            if not np.isfinite(values).all():
                first = int(np.argwhere(~np.isfinite(values))[0][0])
                raise ValueError(f"{name}: not finite at step {first}; mend the policy or the environment that made it")
        for name, flag in (("end", self.end), ("trunc", self.trunc)):
            if not isinstance(flag, bool):
                raise TypeError(f"{name} is a bool, not {type(flag).__name__}: say bool({name}), for the last transition alone")
        for key, value in self.facts.items():
            if not isinstance(key, str) or isinstance(value, bool) or not isinstance(value, (int, float, str)):
                raise TypeError(f"facts[{key!r}] is {value!r}: facts are Python's own int, float and str, under names")
            if isinstance(value, float) and not math.isfinite(value):
                raise ValueError(f"facts[{key!r}] is {value}: JSON has no place for it; leave it out or write it as a string")

    @property
    def length(self) -> int:
        """T, the number of transitions."""
        return len(self.rew)

    @property
    def ret(self) -> float:
        """The sum of the rewards, in double precision."""
        return float(self.rew.sum(dtype=np.float64))


@dataclass(frozen=True)
class Entry:
    """An episode's line in the table of a replay: all but its arrays.

    Arguments:
        index: its number, from 0.
        start: the row of its first frame in the arrays on disk.
        length: T.
        ret: the sum of its rewards.
        end: whether its last transition is terminal.
        trunc: whether it was cut short of its end.
        facts: where it comes from.
        seal: the checksum of this line, by which others refer to it.
    """

    index: int
    start: int
    length: int
    ret: float
    end: bool
    trunc: bool
    facts: dict[str, Fact]
    seal: str

    @property
    def frames(self) -> int:
        """T + 1."""
        return self.length + 1


def _require(array: object, name: str, dtype: type, axes: int, shape: str) -> None:
    if not isinstance(array, np.ndarray) or array.dtype != dtype or array.ndim != axes:
        found = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise TypeError(f"{name} is an array {np.dtype(dtype).name} {shape}, not {found}")
