"""Cars on tracks of their own, as `CarRacing` wants them from whichever simulator drives and draws them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.simulator import Frames

Floats = NDArray[np.float64]
RAW = 96  # side of the simulators' frames


class Driven(NamedTuple):
    """What N cars met while their wheels were held."""

    rew: Floats  # (N,), added up
    end: NDArray[np.bool_]
    frames: NDArray[np.int64]  # for how many they were held, before the end if there was one
    paid: NDArray[np.bool_]  # whether any of those frames paid

    @staticmethod
    def blank(count: int) -> Driven:
        """Nowhere yet."""
        return Driven(np.zeros(count), np.zeros(count, np.bool_), np.zeros(count, np.int64), np.zeros(count, np.bool_))

    def add(self, slots: int | NDArray[np.int64], rew: float | NDArray[np.float32], end: bool | NDArray[np.bool_]) -> None:
        """One frame more of a slot, or of some."""
        self.rew[slots] += rew
        self.end[slots] = end
        self.frames[slots] += 1
        self.paid[slots] |= rew > 0


class Cars(ABC):
    """N cars on tracks of their own, as the simulator drives and draws them.

    Fields:
        pictures: (N, 96, 96, 3), what was drawn of each last.
    """

    pictures: Frames

    def expect(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """See `Simulator.expect`."""
        del slots, seeds

    @abstractmethod
    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """A new track for each of these slots; its first frame is drawn."""

    @abstractmethod
    def drive(self, controls: NDArray[np.float32], most: NDArray[np.int64]) -> Driven:
        """Hold each wheel, controls (N, 3), for so many frames or until the episode ends; the last frame is drawn."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it all."""
