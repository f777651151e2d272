"""Worlds that are stepped together: what a simulator has to do, and nothing of what surrounds it.

A simulator begins an episode at a slot when it is told the seed, and steps all its slots by one action each. It draws into
frames that are handed to it, so that they can lie in memory shared between processes. Numbering episodes, seeding them,
beginning the next where one ended and checking actions is the same for every simulator, and is done in `vector_env.py`.

Axes: N slots, 64 x 64 pixels, 3 colours.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

Frames = NDArray[np.uint8]
SIDE = 64
FRAME = (SIDE, SIDE, 3)


class Outcome(NamedTuple):
    """What a step of N slots gave: rewards (N,), and masks (N,) of the episodes that ended, ran out of time, or were lost.

    An episode is lost when the process that simulated it is gone; its frame is then the last one that was drawn.
    """

    rew: NDArray[np.float64]
    end: NDArray[np.bool_]
    trunc: NDArray[np.bool_]
    lost: NDArray[np.bool_]

    @staticmethod
    def blank(count: int) -> Outcome:
        """Nothing earned, nothing ended."""
        return Outcome(np.zeros(count), *(np.zeros(count, np.bool_) for _ in range(3)))


class Simulator(ABC):
    """N slots of one simulator.

    Fields:
        frames: (N, 64, 64, 3), what each slot shows now; drawn by `begin` and `step`.
        action_space: of one slot, Box [-1, 1]^k float32 or Discrete.
    """

    frames: Frames
    action_space: spaces.Space[Any]

    def expect(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """These episodes are begun at these slots in time, in this order; who can make ready for them may. Others forget it."""
        del slots, seeds

    @abstractmethod
    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> NDArray[np.bool_]:
        """Begin an episode at each of these slots, and draw its first frame; the answer masks all slots (N,) lost meanwhile."""

    def rest(self, slots: NDArray[np.bool_]) -> None:
        """Nobody looks at these slots, until others are named: who can leave them as they are may."""
        del slots

    @abstractmethod
    def step(self, actions: NDArray[Any]) -> Outcome:
        """Step every slot by its action, checked before: (N, k) for a Box, (N,) for a Discrete space."""

    @abstractmethod
    def close(self) -> None:
        """Let go of processes, windows and memory; nothing may be asked afterwards."""
