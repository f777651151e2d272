"""One slot of any environment here as a plain `gymnasium.Env`, for tools that take nothing else."""

from __future__ import annotations

from typing import Any, ClassVar, SupportsFloat

import gymnasium
import numpy as np
from gymnasium import spaces

from envs.action_checks import check
from envs.simulator import FRAME, Frames
from envs.vector_env import episode_seed


class Single(gymnasium.Env[Frames, Any]):
    """An environment by its name in `envs.make`, with its options.

    `reset(seed=s)` begins the episode that slot 0 of `envs.make(name, 1, s)` begins with, `reset()` the one after.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 30}  # type: ignore[misc]

    def __init__(self, name: str, render_mode: str | None = None, **options: Any) -> None:
        from envs import build

        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode: 'rgb_array' or None, not {render_mode!r}")
        self.render_mode = render_mode
        self._worlds = build(name, np.zeros((1, *FRAME), np.uint8), **options)
        self.observation_space = spaces.Box(0, 255, FRAME, np.uint8)
        self.action_space = self._worlds.action_space
        self._episode = -1

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frames, dict[str, Any]]:
        """Begin an episode."""
        super().reset(seed=seed)
        self._episode = 0 if seed is not None else self._episode + 1
        self._worlds.begin([0], [episode_seed(self.np_random_seed, 0, self._episode)])
        return self._worlds.frames[0].copy(), {}

    def step(self, action: Any) -> tuple[Frames, SupportsFloat, bool, bool, dict[str, Any]]:
        """One action."""
        outcome = self._worlds.step(check(np.asarray(action)[None], self.action_space, 1))
        return self._worlds.frames[0].copy(), float(outcome.rew[0]), bool(outcome.end[0]), bool(outcome.trunc[0]), {}

    def render(self) -> Frames | None:
        """The frame, where it was asked for."""
        return self._worlds.frames[0].copy() if self.render_mode == "rgb_array" else None

    def close(self) -> None:
        """Close the simulator."""
        self._worlds.close()
