"""What C learns by: the dream, and whoever teaches it there or, where the experiment says so, in the real environment."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import torch

from genmodels.dynamics import DynamicsModel
from genmodels.model import Model
from genmodels.precision import quick_precision
from worldmodels.config import Evolve, StableBaselines
from worldmodels.controller import Controller, Reflex, sight_size
from worldmodels.dream import DreamVectorEnv
from worldmodels.evolution import Evolution, Fitness, Worth
from worldmodels.interfaces import Learner, MakeEnv
from worldmodels.latents import Latents
from worldmodels.playing import Cast, Contest, play_contest, seal
from worldmodels.ppo import PPO
from worldmodels.rollout import action_size, rollout
from worldmodels.run import Run, Stage
from worldmodels.starts import find_starts


def new_controller(run: Run, memory: DynamicsModel, space: gymnasium.Space[Any]) -> Controller:
    """An untrained C for this memory and these actions."""
    about = run.experiment.controller
    discrete = isinstance(space, gymnasium.spaces.Discrete)
    sizes = sight_size(memory, about.sees), action_size(space)
    return run.seeded(Stage.CONTROLLER, lambda: about.build(*sizes, discrete))


def dream(run: Run, memory: DynamicsModel, space: gymnasium.Space[Any], slots: int, **options: Any) -> DreamVectorEnv:
    """The run's dream."""
    about, precision = run.experiment.dream, quick_precision()
    settings = {"temperature": about.temperature, "horizon": about.horizon, "alive": about.alive, "precision": precision}
    sees = run.experiment.controller.sees
    latents, patience = Latents.open(run / "latents"), run.experiment.memory.patience
    starts = find_starts(memory, latents, about.starts == "any", run.seed(Stage.CONTROLLER), patience=patience)
    return DreamVectorEnv(memory, starts, slots, space, sees=sees, **{**settings, **options})


def learner(
    run: Run, make_env: MakeEnv, turn: int, controller: Controller, memory: DynamicsModel, space: gymnasium.Space[Any]
) -> Learner:
    """Who teaches C in this round."""
    about, seed = run.experiment.learner, run.seed(Stage.CONTROLLER, turn)
    if isinstance(about, Evolve):
        real = about.where == "real"
        fitness = real_fitness(run, make_env, controller) if real else dream_fitness(run, memory, space, controller)
        return Evolution(
            controller,
            fitness,
            population=about.population,
            sigma=about.sigma,
            diagonal=about.diagonal,
            judge_every=about.judge_every,
            judgements=about.judgements,
            seed=seed,
        )
    if isinstance(about, StableBaselines):
        from worldmodels.sb3 import SB3Learner

        return SB3Learner(
            controller,
            dream(run, memory, space, about.dreams),
            algorithm=about.algorithm,
            steps=about.steps,
            gamma=about.gamma,
            lr=about.lr,
            seed=seed,
        )
    falls = about.sd_rounds or run.experiment.rounds
    first, last = (about.sd + min(1.0, turns / falls) * (about.sd_last - about.sd) for turns in (turn - 1, turn))
    return PPO(
        controller,
        dream(run, memory, space, about.dreams),
        length=about.length,
        epochs=about.epochs,
        minibatch=about.minibatch,
        gamma=about.gamma,
        lr=about.lr,
        sd=first,
        sd_last=last,
        iterations=about.iterations,
        ema=about.ema,
        precision=quick_precision(),
        seed=seed,
    )


def dream_fitness(run: Run, memory: DynamicsModel, space: gymnasium.Space[Any], controller: Controller) -> Fitness:
    """What candidates are worth in the dream, each on the same luck."""
    about = run.experiment.learner
    assert isinstance(about, Evolve)
    worlds = {count: dream(run, memory, space, count * about.repeats, shared=about.repeats) for count in (about.population, 3)}

    def fitness(candidates: torch.Tensor, seed: int) -> Worth:
        env = worlds[len(candidates)]
        return Worth.of(rollout(env, Reflex(controller, candidates), env.num_envs, seed=seed >> 1, quiet=True), len(candidates))

    return fitness


def real_fitness(run: Run, make_env: MakeEnv, controller: Controller) -> Fitness:
    """What candidates are worth in the real environment, each on the same episodes."""
    about = run.experiment.learner
    assert isinstance(about, Evolve)
    parts = seal(Model.load(run / "vision"), Model.load(run / "memory"), controller)
    cast = Cast(run.experiment, make_env, parts, quick_precision())
    each = max(1, about.at_once // about.repeats)

    def fitness(candidates: torch.Tensor, seed: int) -> Worth:
        seeds = tuple((seed >> 33) + repeat for repeat in range(about.repeats))
        tasks = [Contest(group.numpy(), seeds) for group in candidates.split(each)]
        played = list(run.backend.map(play_contest, cast, tasks))
        return Worth(np.concatenate([part.returns for part in played]), sum(part.frames for part in played))

    return fitness
