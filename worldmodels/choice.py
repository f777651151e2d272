"""Which round's agent is the run's.

From one round to the next an agent swings by more than it gains, so the last is as good as luck has it. With `choice.rounds`
the agents of so many last rounds are kept, and play against one another in the environment that data are collected in, on
seeds of their own. All have the same episodes; then the worse half leaves, and the others play on until each has twice as many
(sequential halving; Karnin, Koren and Somekh 2013). What is earned there is no score: that is for `evaluate`, on other seeds.

    contenders/round-17/vision, memory, controller      what is chosen among; the chosen one becomes the run's
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from genmodels import storage
from genmodels.precision import quick_precision
from worldmodels import stages
from worldmodels.interfaces import MakeEnv
from worldmodels.playing import Bout, Cast, play_bout
from worldmodels.rollout import Played
from worldmodels.run import Run, Stage

PARTS = ("vision", "memory", "controller")


class Contender(NamedTuple):
    """The agent of a round, and what it played."""

    turn: int
    parts: tuple[storage.Sealed, ...]
    played: tuple[Played, ...] = ()

    @property
    def mean(self) -> float:
        """Of its returns."""
        return float(np.mean([one.ret for one in self.played]))


def due(run: Run) -> bool:
    """Whether there is anything to choose among."""
    return min(run.experiment.choice.rounds, run.experiment.rounds) > 1


def keep(run: Run, turn: int) -> None:
    """Put the agent of a round aside, if it is one to choose among."""
    if due(run) and run.experiment.rounds - run.experiment.choice.rounds < turn:
        for part in PARTS:
            storage.write_folder(_folder(run, turn) / part, storage.read_folder(run / part).files)


def choose(run: Run, make_env: MakeEnv, turn: int) -> Mapping[str, float]:
    """Make the best of the last rounds' agents the run's."""
    about = run.experiment.choice
    turns = range(max(1, turn - about.rounds + 1), turn + 1)
    left = [Contender(one, tuple(storage.read_folder(_folder(run, one) / part) for part in PARTS)) for one in turns]
    cast, episodes, level, frames = Cast(run.experiment, make_env, precision=quick_precision()), about.episodes, 0, 0
    while len(left) > 1:
        more, seed = episodes - len(left[0].played), run.seed(Stage.CHOICE, level)
        results = run.backend.map(play_bout, cast, [Bout(one.parts, seed, more) for one in left])
        left = [one._replace(played=(*one.played, *new)) for one, new in zip(left, results, strict=True)]
        frames += sum(one.length for each in left for one in each.played[-more:])
        run.say(f"  in {episodes} episodes: " + ", ".join(f"round {one.turn} {one.mean:.1f}" for one in left))
        left = sorted(left, key=lambda one: one.mean, reverse=True)[: len(left) // 2]
        episodes, level = 2 * episodes, level + 1
    (chosen,) = left
    for name, part in zip(PARTS, chosen.parts, strict=True):
        storage.write_folder(run / name, part.files)
    stages.encode(run, make_env, turn)  # what dreams begin with is what this V saw
    return {"chosen": chosen.turn, "return": chosen.mean, "frames": frames}


def _folder(run: Run, turn: int) -> Path:
    return run / "contenders" / f"round-{turn}"
