"""What `run.py --full` adds to a run: two studies of what its parts are worth.

    sweep       C from scratch in the dream at each of some temperatures: its score there, and in the real environment
    ablation    C evolved in the real environment, on equal frames. It sees
                z alone | [z, h] of an M that learned nothing | of the run's M | of an M that learned on other windows' actions

In TakeCover a dream at tau = 0.1 promised 2,086 and the real environment gave 193; at 1.15 it was 918 and 1,092 (Ha and
Schmidhuber 2018, arXiv 1803.10122). And since in CarRacing an untrained M serves a C that learns in the real environment as
well as a trained one, a score there says little of M until it is held against the other arms.

Each variant is a run of its own, `studies/NAME`, that borrows by links what it does not make: whatever looks at a run can look
at it. Once it is done, its scores are a line in the metrics of the run it belongs to.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from genmodels import storage
from genmodels.dynamics import Window
from genmodels.model import Model
from genmodels.random_streams import stream
from worldmodels import evaluate, report, stages, teaching
from worldmodels.config import ControllerConfig, Evolve, Experiment, Gradient, plain
from worldmodels.controller import Controller, Reflex
from worldmodels.dream import DreamVectorEnv
from worldmodels.evolution import Evolution
from worldmodels.interfaces import MakeEnv
from worldmodels.latents import Latents
from worldmodels.learner_loop import improve
from worldmodels.rationed_evolution import SHARES, Rationed
from worldmodels.replay_store import Replay
from worldmodels.rollout import rollout
from worldmodels.run import Run, Stage, versions
from worldmodels.starts import beginnings
from worldmodels.window_batches import WindowBatches

WORK = {Stage.VISION: "vision", Stage.ENCODE: "latents", Stage.MEMORY: "memory"}  # what a variant may borrow, and its folder
ARMS = {"V-alone": "z", "untrained-M": "zh", "M": "zh", "shuffled-M": "zh"}  # what C sees in each
EVOLVE = Evolve(population=24, repeats=8, sigma=0.3, diagonal=True, where="real")


@dataclass(frozen=True)
class Settings:
    """How much both studies do."""

    temperatures: tuple[float, ...] = (0.1, 0.5, 1.0, 1.15, 1.3)
    iterations: int = 0  # of C at each temperature; 0: as many as the agent had in all rounds
    frames: float = 20.0  # of each arm, in multiples of those that the run collected
    evolve: Evolve = EVOLVE


def full(run: Run, make_env: MakeEnv, settings: Settings | None = None) -> None:
    """Both studies of a finished run, from wherever they are, and its page anew with them on it."""
    settings, last = settings or Settings(), run.experiment.rounds
    with run.lock():
        sweep(run, make_env, settings)
        ablation(run, make_env, settings)
        if not run.is_done(Stage.REPORT, last, "full"):
            with run.stage(Stage.REPORT, last, "full") as figures:
                figures.update(report.write(run, make_env, last))


# --------------------------------------------------------------------------------------------------------------- the sweep


def sweep(run: Run, make_env: MakeEnv, settings: Settings) -> None:
    """A controller from scratch at each temperature."""
    whole, last = run.experiment, run.experiment.rounds
    learner = replace(whole.learner, iterations=settings.iterations or whole.learner.iterations * last)
    if isinstance(learner, Evolve):
        learner = replace(learner, where="dream")
    elif isinstance(learner, Gradient):
        learner = replace(learner, sd_rounds=0)  # there is one round, so all of the noise's fall is in it
    for temperature in settings.temperatures:
        name = f"tau-{temperature:g}"
        if run.is_done(Stage.SWEEP, last, name):
            continue
        dream = replace(whole.dream, temperature=temperature)
        one = variant(run, name, replace(whole, dream=dream, learner=learner, rounds=1), list(WORK))
        with run.stage(Stage.SWEEP, last, name) as figures:
            _enter(one, Stage.CONTROLLER, partial(stages.train_controller, one, make_env, 1))
            figures.update({"temperature": temperature, **_judge(one, make_env)})


# ------------------------------------------------------------------------------------------------------------ the ablation


def ablation(run: Run, make_env: MakeEnv, settings: Settings) -> None:
    """The four arms. They differ in what C sees, and in nothing else: seeds, frames, episodes are the same."""
    whole, last = run.experiment, run.experiment.rounds
    with Replay.open(run / "replay") as replay:
        budget = round(settings.frames * replay.frames_total)
    memory = replace(whole.memory, steps=whole.memory.steps + (last - 1) * whole.memory.later_steps)
    for name, sees in ARMS.items():
        if run.is_done(Stage.ABLATION, last, name):
            continue
        controller = ControllerConfig(sees=sees)  # type: ignore[arg-type]
        experiment = replace(whole, memory=memory, controller=controller, learner=settings.evolve, rounds=1)
        own = name in MEMORIES
        one = variant(run, name, experiment, [stage for stage in WORK if not (own and stage is Stage.MEMORY)])
        with run.stage(Stage.ABLATION, last, name) as figures:
            if own:
                _enter(one, Stage.MEMORY, partial(MEMORIES[name], one))
            _enter(one, Stage.CONTROLLER, partial(evolve, one, make_env, budget))
            cost = next(line for line in one.done if line["stage"] == "controller")
            figures.update({name: cost[name] for name in ("frames", "generations")} | _judge(one, make_env))


def untrained(run: Run) -> Mapping[str, float]:
    """M as it is before it learns."""
    _new_memory(run).save(run / "memory")
    return {"steps": 0}


def shuffled(run: Run) -> Mapping[str, float]:
    """M, taught as long as the run's own, on the actions of other windows, and from the first on all that was collected."""
    about, latents = run.experiment.memory, Latents.open(run / "latents")
    windows = WindowBatches(latents, about.window, about.batch, run.seed(Stage.MEMORY), patience=about.patience)
    batches = Shuffled(windows, run.seed(Stage.ABLATION))
    return stages.fit_further(run, _new_memory(run), batches, about.steps, Stage.MEMORY, about.lr)


MEMORIES: dict[str, Callable[[Run], Mapping[str, float]]] = {"untrained-M": untrained, "shuffled-M": shuffled}


class Shuffled:
    """Windows in which each has the actions of another one of its batch: they say nothing of what comes.

    Arguments:
        batches: step -> windows, at least two of them.
        seed: of who has whose.
    """

    def __init__(self, batches: Callable[[int], Window], seed: int) -> None:
        self.batches, self.seed = batches, seed

    def __call__(self, step: int) -> Window:
        window = self.batches(step)
        circle = torch.from_numpy(np.random.default_rng(stream(self.seed, step)).permutation(len(window.act)))
        act = window.act.clone()
        act[circle] = window.act[circle.roll(1)]  # each has its neighbour's in a random circle: nobody keeps their own
        return window._replace(act=act)


def evolve(run: Run, make_env: MakeEnv, frames: int) -> Mapping[str, float]:
    """C by CMA-ES in the real environment, until it has cost so many frames."""
    memory, space, about = Model.load(run / "memory"), stages.actions(run, make_env), run.experiment.learner
    assert isinstance(about, Evolve)
    controller: Controller = teaching.new_controller(run, memory, space)
    evolution = Evolution(
        controller,
        teaching.real_fitness(run, make_env, controller),
        population=about.population,
        sigma=about.sigma,
        diagonal=about.diagonal,
        judge_every=about.judge_every,
        judgements=about.judgements,
        seed=run.seed(Stage.CONTROLLER, 1),
    )
    folder = run / "controller"
    learner = Rationed(evolution, frames)
    improve(learner, SHARES, folder / "round-1", quiet=run.quiet)
    controller.save(folder)
    return {"frames": evolution.frames, "generations": learner.generation}


# ---------------------------------------------------------------------------------------------------------------- variants


def variant(run: Run, name: str, experiment: Experiment, borrowed: Sequence[Stage]) -> Run:
    """The run `studies/NAME`, which has the results of these stages from `run`; found again where it is there."""
    folder = run / "studies" / name
    if not (folder / "config.json").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for part in (WORK[stage] for stage in borrowed):
            if not (folder / part).exists():
                os.symlink(os.path.join("..", "..", part), folder / part, target_is_directory=True)
        names = [stage.name.lower() for stage in borrowed]
        lines = [json.dumps(line) + "\n" for line in run.done if line["stage"] in names and line["round"] == 1]
        storage.write_bytes(folder / "metrics.jsonl", "".join(lines).encode())
        storage.write_bytes(folder / "meta.json", (run / "meta.json").read_bytes())
        storage.write_json(folder / "config.json", plain(experiment))  # last: with it, the folder is a run
    found = Run.open(folder, quiet=run.quiet)
    if found.experiment != experiment:
        raise FileExistsError(f"{folder}: begun with other settings; remove this folder, or go on as it was begun")
    return found


def _enter(run: Run, stage: Stage, work: Callable[[], Mapping[str, float]]) -> None:
    if not run.is_done(stage, 1):
        with run.stage(stage, 1) as figures:
            figures.update(work())


def _judge(run: Run, make_env: MakeEnv) -> dict[str, float]:
    """The variant on the held-out episodes of the run it belongs to, and in its own dream.

    Dreams begin here where episodes began, as real ones do: among the moments in which it learned, all is lost in some.
    """
    agent, space, about = stages.load(run), stages.actions(run, make_env), run.experiment
    seed, episodes = run.seed(Stage.EVALUATE), about.evaluation.episodes
    with contextlib.closing(stages.world(run, make_env, seed, test=True)) as env:
        played = {"agent": rollout(env, agent, episodes, quiet=run.quiet)}
    asleep = DreamVectorEnv(
        agent.memory,
        beginnings(Latents.open(run / "latents")),
        64,
        space,
        sees=agent.sees,
        temperature=about.dream.temperature,
        horizon=about.dream.horizon,
        alive=about.dream.alive,
    )
    played["dream"] = rollout(asleep, Reflex(agent.controller), episodes, seed=seed, quiet=run.quiet)
    evaluate.write(run / "evaluation.jsonl", played, {"world": about.world.name, "seed": seed, "versions": versions()})
    real, dream = (evaluate.score(played[name]) for name in ("agent", "dream"))
    return {"real": real.mean, "real_error": real.error, "dream": dream.mean, "dream_error": dream.error}


def _new_memory(run: Run) -> Any:
    about, latents = run.experiment.memory, Latents.open(run / "latents")
    return run.seeded(Stage.MEMORY, lambda: about.build(latents.latent_size, latents.action_size))
