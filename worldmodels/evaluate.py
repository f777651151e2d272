"""What an agent is worth: whole episodes in the real environment, on seeds that no stage has used.

The fitness it was trained on is never a score: it is the largest of many noisy numbers, and in a dream not even of this world.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from genmodels import storage
from worldmodels.blind_policies import Constant, Wanderer
from worldmodels.config import Baselines
from worldmodels.interfaces import Policy
from worldmodels.rollout import Played, action_size

GRID = (-1.0, -0.5, 0.0, 0.5, 1.0)  # constant actions that any agent must beat


@dataclass(frozen=True)
class Score:
    """The returns of some episodes.

    >>> print(Score((1.0, 2.0, 3.0)))
    mean 2.0 sd 1.0 ci95 0.9 3.1 n 3
    """

    returns: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Of the returns."""
        return float(np.mean(self.returns))

    @property
    def sd(self) -> float:
        """Of the returns, as of a sample."""
        return float(np.std(self.returns, ddof=1)) if len(self.returns) > 1 else math.nan

    @property
    def error(self) -> float:
        """The standard error of the mean."""
        return self.sd / math.sqrt(len(self.returns))

    def __str__(self) -> str:
        low, high = self.mean - 1.96 * self.error, self.mean + 1.96 * self.error
        return f"mean {self.mean:.1f} sd {self.sd:.1f} ci95 {low:.1f} {high:.1f} n {len(self.returns)}"


def score(played: Sequence[Played]) -> Score:
    """Of episodes that were played."""
    return Score(tuple(episode.ret for episode in played))


def standard_errors_between(a: Score, b: Score) -> float:
    """By how many standard errors of their difference a's mean lies above b's.

    >>> round(standard_errors_between(Score((3.0, 5.0)), Score((1.0, 3.0))), 2)
    1.41
    """
    return (a.mean - b.mean) / max(math.hypot(a.error, b.error), 1e-12)


def baselines(space: gymnasium.Space[Any], seed: int, which: Baselines = "all") -> dict[str, Policy]:
    """Policies that see nothing: fresh random actions; of "all" also none at all, and each constant one of a grid."""
    if which == "none":
        return {}
    size = action_size(space)
    found: dict[str, Policy] = {"random": Wanderer(space, "uniform", seed=seed)}
    if which == "random":
        return found
    if isinstance(space, gymnasium.spaces.Discrete):
        return found | {f"always {choice}": Constant(row) for choice, row in enumerate(np.eye(size, dtype=np.float32))}
    for values in _grid(size):
        name = "still" if not values.any() else f"always {' '.join(f'{value:g}' for value in values)}"
        found[name] = Constant(values)
    return found


def _grid(size: int) -> list[NDArray[np.float32]]:
    """Five points along each axis, the others at rest."""
    points = {tuple(value if axis == moved else 0.0 for axis in range(size)) for moved in range(size) for value in GRID}
    return [np.array(point, np.float32) for point in sorted(points)]


def write(path: str | Path, played: Mapping[str, Sequence[Played]], facts: Mapping[str, Any]) -> None:
    """One line for each episode, with what it depends on, all or nothing."""
    lines = [
        {
            "policy": name,
            "slot": one.slot,
            "number": one.number,
            "return": one.ret,
            "length": one.length,
            "end": one.end,
            **facts,
        }
        for name, episodes in played.items()
        for one in episodes
    ]
    storage.write_bytes(path, "".join(json.dumps(line, sort_keys=True) + "\n" for line in lines).encode())


def read(path: str | Path) -> dict[str, Score]:
    """The score of each policy in a file written by `write`."""
    returns: dict[str, list[float]] = {}
    for line in Path(path).read_text().splitlines():
        episode = json.loads(line)
        returns.setdefault(episode["policy"], []).append(episode["return"])
    return {name: Score(tuple(values)) for name, values in returns.items()}
