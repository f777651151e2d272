"""Policies that know nothing: the first data, and what an agent must beat.

Actions drawn afresh at each step cancel out: a car that steers so stays where it is. Those here keep going for a while.
"""

from __future__ import annotations

from typing import Literal, get_args

import gymnasium
import numpy as np
from numpy.typing import NDArray

from worldmodels.interfaces import Array, Policy
from worldmodels.rollout import action_size

Random = Literal["uniform", "held", "correlated", "network"]


class Constant(Policy):
    """The same action for ever."""

    def __init__(self, act: NDArray[np.float32]) -> None:
        self._act = act

    def initial(self, slots: int) -> None:
        """It remembers nothing."""

    def act(self, obs: Array, state: None, first: NDArray[np.bool_]) -> tuple[NDArray[np.float32], None]:
        return np.tile(self._act, (len(obs), 1)), None


class Wanderer(Policy):
    """Random actions of a kind, the same for a seed.

    uniform     drawn afresh at each step
    held        drawn uniformly, and held for 1 to `span` steps
    correlated  an autoregressive walk that forgets in about `span` steps:  x <- k x + sqrt(1 - k^2) n,  k = exp(-1 / span)
    network     a randomly initialised linear map of the frame's coarse grey values, another one for each episode

    Arguments:
        space: the environment's action space, for one slot.
        kind: see above.
        span: how many steps an action lasts.
        seed: of everything it draws.
        drift: added to correlated actions, so that a car may on the whole be driven forward.
    """

    def __init__(
        self,
        space: gymnasium.Space[object],
        kind: Random = "held",
        span: int = 10,
        seed: int = 0,
        drift: tuple[float, ...] = (),
    ) -> None:
        if kind not in get_args(Random):
            raise ValueError(f"a random policy is one of {', '.join(get_args(Random))}, not {kind!r}")
        self._size, self._discrete = action_size(space), isinstance(space, gymnasium.spaces.Discrete)
        self._kind, self._span = kind, span
        self._drift = np.array(drift or (0.0,) * self._size, np.float32)
        if self._drift.shape != (self._size,):
            raise ValueError(f"drift: {len(drift)} numbers, where an action has {self._size}")
        self._random = np.random.default_rng(seed)

    def initial(self, slots: int) -> tuple[Array, Array, Array]:
        nets = np.zeros((slots, 64, self._size), np.float32)
        return np.zeros((slots, self._size), np.float32), np.zeros(slots, int), nets

    def act(
        self, obs: Array, state: tuple[Array, Array, Array], first: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], tuple[Array, Array, Array]]:
        before, left, nets = state
        slots, random = len(obs), self._random
        fresh = random.uniform(-1.0, 1.0, (slots, self._size)).astype(np.float32)
        match self._kind:
            case "uniform":
                raw = fresh
            case "held":
                ended = first | (left <= 0)
                left = np.where(ended, random.integers(1, self._span + 1, slots), left) - 1
                raw = np.where(ended[:, None], fresh, before)
            case "correlated":
                keep = np.where(first, 0.0, np.exp(-1.0 / self._span))[:, None]
                noise = random.standard_normal((slots, self._size))
                raw = (keep * before + np.sqrt(1.0 - keep**2) * noise).astype(np.float32)
            case "network":
                drawn = random.standard_normal((slots, 64, self._size)).astype(np.float32)
                nets = np.where(first[:, None, None], drawn, nets)
                raw = np.tanh(np.einsum("nf,nfa->na", _coarse(obs), nets))
        return self._finish(raw), (raw, left, nets)

    def _finish(self, raw: Array) -> NDArray[np.float32]:
        if self._discrete:
            return np.eye(self._size, dtype=np.float32)[raw.argmax(axis=1)]
        return np.clip(raw + self._drift, -1.0, 1.0, dtype=np.float32)


def _coarse(obs: Array) -> NDArray[np.float32]:
    """Frames (N, H, W, 3) as 8 x 8 mean grey values about zero: (N, 64)."""
    slots, height, width = obs.shape[:3]
    grey = obs.reshape(slots, 8, height // 8, 8, width // 8, 3).mean(axis=(2, 4, 5), dtype=np.float32) / 255.0
    return (grey - grey.mean(axis=(1, 2), keepdims=True)).reshape(slots, 64)
