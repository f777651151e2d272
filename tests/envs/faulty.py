"""An environment that does as it is told: 0 steps, 1 raises, 2 hangs, 3 dies without a word. For the tests of workers."""

import os
import time
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Frame = NDArray[np.uint8]


class Faulty(gymnasium.Env[Frame, int]):
    """Shows the number of steps taken, on top of a shade that comes from the seed; ends after 100."""

    observation_space = spaces.Box(0, 255, (64, 64), np.uint8)
    action_space = spaces.Discrete(4)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Frame, dict[str, Any]]:
        """Begin."""
        super().reset(seed=seed)
        self.shade, self.steps = int(self.np_random.integers(100)), 0
        return self._frame(), {}

    def step(self, action: int) -> tuple[Frame, float, bool, bool, dict[str, Any]]:
        """Obey."""
        if action == 1:
            raise ArithmeticError("it was told to")
        if action == 2:
            time.sleep(1000)
        if action == 3:
            os._exit(1)
        self.steps += 1
        return self._frame(), 1.0, self.steps >= 100, False, {}

    def _frame(self) -> Frame:
        return np.full((64, 64), self.shade + self.steps, np.uint8)


gymnasium.register("Faulty-v0", entry_point=Faulty)
