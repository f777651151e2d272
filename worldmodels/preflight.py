"""Build what an experiment is made of, small, so that what cannot be is found before anything is begun."""

from __future__ import annotations

import contextlib
from operator import attrgetter

import gymnasium
import torch

from worldmodels.config import Experiment
from worldmodels.controller import sight_size
from worldmodels.interfaces import MakeEnv
from worldmodels.rollout import action_size

AT_LEAST_ONE = (
    *("world.slots", "collect.episodes", "vision.steps", "vision.batch", "memory.steps", "memory.batch", "memory.window"),
    *("learner.iterations", "evaluation.episodes", "rounds"),
)


def preflight(experiment: Experiment, make_env: MakeEnv) -> None:
    """Raise what a run of this experiment would raise sooner or later: ValueError, TypeError, ImportError, RuntimeError."""
    for name in AT_LEAST_ONE:
        if (value := attrgetter(name)(experiment)) < 1:
            raise ValueError(f"{name}: at least 1, not {value}")
    try:
        torch.zeros(1, device=experiment.device)
    except (AssertionError, RuntimeError) as error:  # a torch without CUDA asserts
        raise ValueError(f"device: {experiment.device!r}: {error}") from None
    world = experiment.world
    for options in (world.options, {**world.options, **world.test_options}):
        with contextlib.closing(make_env(world.name, 1, 0, **options)) as env:
            (height, width, _), space = env.single_observation_space.shape or (), env.single_action_space
    vision = experiment.vision.build((3, height, width))
    memory = experiment.memory.build(vision.latent_size, action_size(space))
    about = experiment.controller
    about.build(sight_size(memory, about.sees), action_size(space), isinstance(space, gymnasium.spaces.Discrete))
