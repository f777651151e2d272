"""Any Gymnasium environment that shows images: `gym:ID`.

Its observation is the frame if it is an image, (height, width), (height, width, 1 or 3) in bytes; else what it renders is.
Actions are its own if they are Discrete; a bounded Box is seen as [-1, 1]^k, flattened, and stretched to its bounds.

A module that registers environments is named before a colon, as in Gymnasium: `gym:ale_py:ALE/Pong-v5`. Where an error names a
wrapper, register the wrapped environment under an id of its own.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from envs.action_checks import box
from envs.resize import shrink
from envs.simulator import Frames, Outcome, Simulator


class Images(Simulator):
    """N environments of one Gymnasium id, one after the other in this process.

    Arguments:
        frames: to draw into, (N, 64, 64, 3).
        id: as `gymnasium.make` takes it.
        repeat: steps for which an action is held; their rewards are added.
        options: the environment's own, as `gymnasium.make` takes them.
    """

    def __init__(self, frames: Frames, id: str, repeat: int = 1, **options: Any) -> None:
        if repeat < 1:
            raise ValueError(f"repeat: at least 1, not {repeat!r}")
        self.frames, self._repeat = frames, repeat
        first = _make(id, **options)
        _refuse_composite(first)
        self._seen = _is_image(first.observation_space)
        if not self._seen and "rgb_array" not in (first.metadata.get("render_modes") or ()):
            first.close()
            raise ValueError(
                f"gym:{id} observes {first.observation_space} and does not render rgb_array, so it shows no image: wrap it "
                "so that it observes one (gymnasium.wrappers.TransformObservation)"
            )
        if not self._seen:
            first.close()
            options["render_mode"] = "rgb_array"
            first = _make(id, **options)
        self._envs = [first, *(_make(id, **options) for _ in frames[1:])]
        self.action_space, self._scale = _actions(first.action_space)

    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> NDArray[np.bool_]:
        """Reset each of these environments."""
        for slot, seed in zip(slots, seeds, strict=True):
            obs, _ = self._envs[slot].reset(seed=seed)
            self._draw(slot, obs)
        return np.zeros(len(self.frames), np.bool_)

    def step(self, actions: NDArray[Any]) -> Outcome:
        """Hold each action for `repeat` steps, or until its episode is over."""
        outcome = Outcome.blank(len(self._envs))
        for slot, (env, action) in enumerate(zip(self._envs, actions, strict=True)):
            own = self._own(action)
            for _ in range(self._repeat):
                obs, rew, outcome.end[slot], outcome.trunc[slot], _ = env.step(own)
                outcome.rew[slot] += float(rew)
                if outcome.end[slot] or outcome.trunc[slot]:
                    break
            self._draw(slot, obs)
        return outcome

    def close(self) -> None:
        """Close each environment."""
        for env in self._envs:
            env.close()

    def _own(self, action: Any) -> Any:
        """The environment's action for one of ours."""
        if self._scale is None:
            return int(action)
        low, high, space = self._scale
        return (low + (action + 1) / 2 * (high - low)).reshape(space.shape).astype(space.dtype)

    def _draw(self, slot: int, obs: Any) -> None:
        image = np.asarray(obs if self._seen else self._envs[slot].render())
        image = image[..., None] if image.ndim == 2 else image
        self.frames[slot] = shrink(image)  # grey spreads over the three colours


def _make(id: str, **options: Any) -> gymnasium.Env[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # SWIG's own; made an error, it crashes the import of Box2D
            return gymnasium.make(id, disable_env_checker=True, **options)
    except ModuleNotFoundError as error:
        where = "a module of yours is looked for in the folder where the command is started, and on PYTHONPATH"
        raise ModuleNotFoundError(f"gym:{id}: {error} ({where})") from error
    except (gymnasium.error.Error, TypeError) as error:
        raise ValueError(f"gym:{id}: {error}") from error


def _refuse_composite(env: gymnasium.Env[Any, Any]) -> None:
    for what, space, wrapper in (
        (
            "observations",
            env.observation_space,
            "gymnasium.wrappers.FlattenObservation, or FilterObservation and a choice of one",
        ),
        ("actions", env.action_space, "gymnasium.wrappers.TransformAction with one Box or Discrete"),
    ):
        if isinstance(space, (spaces.Dict, spaces.Tuple)):
            raise ValueError(
                f"{what} are a {type(space).__name__}, of which nothing here knows the parts: wrap it by {wrapper}"
            )


def _is_image(space: spaces.Space[Any]) -> bool:
    """Bytes with two axes, or with one or three colours as the third."""
    shape = space.shape or ()
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(shape) in (2, 3) and shape[2:] in ((), (1,), (3,))


def _actions(space: spaces.Space[Any]) -> tuple[spaces.Space[Any], tuple[NDArray[Any], NDArray[Any], spaces.Box] | None]:
    """Our action space for theirs, and the bounds of theirs (flat) if it is a Box."""
    if isinstance(space, spaces.Discrete):
        return space, None
    if isinstance(space, spaces.Box) and space.is_bounded():
        low, high = space.low.ravel().astype(np.float64), space.high.ravel().astype(np.float64)
        return box(low.size), (low, high, space)
    raise ValueError(f"actions are {space}: Discrete or a bounded Box is needed; wrap it by gymnasium.wrappers.TransformAction")
