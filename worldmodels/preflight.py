"""Build what an experiment is made of, small, so that what cannot be is found before anything is begun."""

from __future__ import annotations

import contextlib
from operator import attrgetter

import gymnasium
import torch

from worldmodels.blind_policies import Wanderer
from worldmodels.config import Experiment, StableBaselines
from worldmodels.controller import Controller, sight_size
from worldmodels.frame_batches import check_recent
from worldmodels.interfaces import MakeEnv
from worldmodels.mirror import check_signs
from worldmodels.rollout import action_size

COUNTS = (
    *("world.slots", "collect.episodes", "collect.span", "vision.steps", "vision.batch"),
    *("memory.steps", "memory.batch", "memory.window", "dream.horizon", "rounds"),
    *("learner.iterations", "learner.repeats", "learner.judge_every", "learner.judgements", "learner.at_once"),
    *("learner.dreams", "learner.length", "learner.epochs", "learner.minibatch", "learner.steps"),
)  # a learner has some of its own


def preflight(experiment: Experiment, make_env: MakeEnv) -> None:
    """Raise what a run of this experiment would raise sooner or later: ValueError, TypeError, ImportError, RuntimeError."""
    _check_numbers(experiment)
    try:
        torch.zeros(1, device=experiment.device)
    except (AssertionError, RuntimeError) as error:  # a torch without CUDA asserts
        raise ValueError(f"device: {experiment.device!r}: {error}") from None
    world, workers = experiment.world, min(experiment.workers, 1)
    for options in (world.options, {**world.options, **world.test_options}):
        with contextlib.closing(make_env(world.name, 1, 0, workers=workers, **options)) as env:
            (height, width, _), space = env.single_observation_space.shape or (), env.single_action_space
    vision = experiment.vision.build((3, height, width))
    memory = experiment.memory.build(vision.latent_size, action_size(space))
    about = experiment.controller
    discrete = isinstance(space, gymnasium.spaces.Discrete)
    controller = about.build(sight_size(memory, about.sees), action_size(space), discrete)
    _check_against(space, controller, experiment)


def _check_numbers(experiment: Experiment) -> None:
    later, about = experiment.rounds > 1, experiment.collect
    lowest = dict.fromkeys(COUNTS, 1) | {"learner.population": 2, "evaluation.episodes": 2, "workers": 0}
    lowest |= {"collect.agent_episodes": 1} if later else {}
    lowest |= {"choice.episodes": 1} if experiment.choice.rounds > 1 else {}
    for name, low in lowest.items():
        part, _, last = name.rpartition(".")
        whole = attrgetter(part)(experiment) if part else experiment
        if (value := getattr(whole, last, low)) < low:
            raise ValueError(f"{name}: at least {low}, not {value}")
    if not experiment.dream.temperature > 0.0:
        raise ValueError(f"dream.temperature: above 0, not {experiment.dream.temperature}")
    if later:
        check_recent(about.recent, about.agent_episodes)


def _check_against(space: gymnasium.Space[object], controller: Controller, experiment: Experiment) -> None:
    """What has to go with the actions that there are."""
    about, learner = experiment.collect, experiment.learner
    Wanderer(space, about.policy, about.span, 0, about.drift)
    if about.mirror:
        check_signs(about.mirror, action_size(space))
    if isinstance(learner, StableBaselines):
        from worldmodels.sb3 import check_algorithm

        check_algorithm(controller, learner.algorithm)
        if learner.steps < learner.dreams:
            raise ValueError(f"learner.steps: at least one for each of the {learner.dreams} dreams, not {learner.steps}")
