"""Playing in the real environment, as tasks that can be done anywhere: each is a function of plain data.

Batch    so many episodes, to be learned from          -> the episodes, as they end
Bout     so many episodes, by an agent of its own      -> what each earned
Contest  candidates, each on the same episodes         -> what they are worth
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from genmodels.model import Model
from genmodels.storage import Sealed
from worldmodels.agent import Agent
from worldmodels.backends import Keep
from worldmodels.blind_policies import Wanderer
from worldmodels.config import Experiment
from worldmodels.evolution import Worth
from worldmodels.interfaces import MakeEnv, Policy
from worldmodels.rollout import Played, rollout
from worldmodels.types import Episode


class Cast(NamedTuple):
    """What the tasks of a stage share: the experiment, where worlds come from, and the parts of the agent, if one plays."""

    experiment: Experiment
    make_env: MakeEnv
    parts: tuple[Sealed, ...] = ()
    """V, M and C, sealed"""
    precision: str = "fp32"
    """of the agent's V, the same wherever it plays"""


class Batch(NamedTuple):
    """Episodes to be learned from."""

    turn: int
    """the round"""
    number: int
    """the batch's, in its round"""
    seed: int
    episodes: int


class Bout(NamedTuple):
    """Episodes to compare an agent by."""

    parts: tuple[Sealed, ...]
    """its V, M and C, sealed"""
    seed: int
    episodes: int


class Contest(NamedTuple):
    """Candidates, each of which plays the episodes of the same seeds."""

    candidates: NDArray[np.float32]
    """(P, num_parameters)"""
    seeds: tuple[int, ...]


def world(cast: Cast, seed: int, slots: int = 0, test: bool = False, **more: Any) -> VectorEnv:
    """The real environment, with more options where the experiment names none."""
    about = cast.experiment.world
    options = {**more, **about.options, **(about.test_options if test else {})}
    return cast.make_env(about.name, slots or about.slots, seed, workers=cast.experiment.workers, **options)


def _one_core(cast: Cast, seed: int, slots: int = 0) -> VectorEnv:
    """The same, for one task of as many as there are cores."""
    if cast.experiment.world.options.get("backend") == "envpool":
        return world(cast, seed, slots, threads=1)
    return world(cast, seed, slots)


def seal(*models: Any) -> tuple[Sealed, ...]:
    """Models as what can be sent."""
    return tuple(model.sealed() for model in models)


def play_batch(cast: Cast, task: Batch, keep: Keep) -> list[Played]:
    """Episodes by the agent, if there is one, or by a random policy."""
    with contextlib.closing(_one_core(cast, task.seed)) as env:
        policy = explorer(cast, env, task.seed)
        marked = None if keep is None else partial(_mark, keep, {"round": task.turn, "batch": task.number})
        return rollout(env, policy, task.episodes, keep=marked, quiet=True)


def _mark(keep: Callable[[Episode], None], facts: dict[str, int], episode: Episode, played: Played) -> None:
    """Kept with where it came from."""
    keep(replace(episode, facts={**episode.facts, **facts}))


def play_bout(cast: Cast, task: Bout, keep: Keep) -> list[Played]:
    """Episodes by an agent as it is, without noise."""
    vision, memory, controller = _models(cast._replace(parts=task.parts))
    agent = Agent(vision, memory, controller, cast.experiment.controller.sees, precision=cast.precision)
    with contextlib.closing(_one_core(cast, task.seed)) as env:
        return rollout(env, agent, task.episodes, quiet=True)


def play_contest(cast: Cast, task: Contest, keep: Keep) -> Worth:
    """What each candidate is worth."""
    vision, memory, controller = _models(cast)
    sees, seeds = cast.experiment.controller.sees, [seed for _ in task.candidates for seed in task.seeds]
    agent = Agent(vision, memory, controller, sees, population=torch.from_numpy(task.candidates), precision=cast.precision)
    with contextlib.closing(_one_core(cast, 0, slots=len(seeds))) as env:
        return Worth.of(rollout(env, agent, len(seeds), seed=seeds, quiet=True), len(task.candidates))


def explorer(cast: Cast, env: VectorEnv, seed: int) -> Policy:
    """Who plays what is collected: somebody who wanders, or the agent with noise."""
    about = cast.experiment.collect
    if not cast.parts:
        return Wanderer(env.single_action_space, about.policy, about.span, seed, about.drift)
    vision, memory, controller = _models(cast)
    sees, noise = cast.experiment.controller.sees, about.agent_noise
    return Agent(vision, memory, controller, sees, noise=noise, seed=seed, precision=cast.precision)


def _models(cast: Cast) -> tuple[Any, ...]:
    return tuple(_unsealed(tuple(sorted(part.files.items()))) for part in cast.parts)


@lru_cache(maxsize=3)  # V, M and C, for all tasks that a process does
def _unsealed(files: tuple[tuple[str, bytes], ...]) -> Model:
    return Model.unsealed(Sealed(Path("what was sent"), dict(files)))
