"""A figure beside a plain way to do the same and beside what bounds it, measured in turns."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

Work = Callable[[], float]  # does something once, and says how much of it that was

WINDOWS = 5


@dataclass(frozen=True)
class Measured:
    """A stage's rate, in units a second unless the unit is one of time or room, of which less is better."""

    stage: str
    rate: float
    unit: str
    must: str
    holds: bool
    reference: float | None = None
    bound: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the plain way."""
        return self.rate / self.reference if self.reference else None

    @property
    def fraction(self) -> float | None:
        """Of what bounds it."""
        return self.rate / self.bound if self.bound else None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "ratio": self.ratio, "fraction": self.fraction}

    def __str__(self) -> str:
        told = f"{self.stage:<16} {self.rate:>12,.5g} {self.unit:<16}"
        told += f" {self.ratio:>7.3g} x plain" if self.ratio else " " * 16
        told += f" {self.fraction:>6.2f} of the bound" if self.fraction else " " * 20
        return f"{told}   {self.must}: {'holds' if self.holds else 'missed'}"


def rates(seconds: float, *works: Work) -> list[float]:
    """Units a second of each, medians over windows of so many seconds, in which they take turns."""
    found: list[list[float]] = [[] for _ in works]
    for work in works:
        work()  # once unmeasured
    for _ in range(WINDOWS):
        for work, of in zip(works, found, strict=True):
            units, passed, began = 0.0, 0.0, time.perf_counter()
            while passed < seconds / WINDOWS:
                units += work()
                passed = time.perf_counter() - began
            of.append(units / passed)
    return [statistics.median(of) for of in found]
