"""The stages of a run, each from artefacts to an artefact: (run, make_env, round) -> figures to record."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import VectorEnv

from genmodels import checkpoints
from genmodels.data_parallel import crew
from genmodels.model import Model
from genmodels.precision import quick_precision
from genmodels.progress import Display
from genmodels.training import fit
from genmodels.updates import Optimizer
from worldmodels import evaluate as scores
from worldmodels import playing, teaching
from worldmodels.agent import Agent
from worldmodels.config import Baselines
from worldmodels.controller import Controller, Reflex
from worldmodels.interfaces import MakeEnv, Policy
from worldmodels.latents import Latents
from worldmodels.learner_loop import improve
from worldmodels.mirror import Mirrored, now_and_then
from worldmodels.playing import Batch, Cast, play_batch, seal
from worldmodels.replay_store import FrameBatches, Replay
from worldmodels.replay_writer import ReplayWriter
from worldmodels.rollout import Played, action_size, rollout
from worldmodels.run import Run, Stage, versions
from worldmodels.types import Episode
from worldmodels.window_batches import WindowBatches

Work = Callable[[Run, MakeEnv, int], Mapping[str, float]]

PARTS = 2  # tasks, at least, that a round's episodes are dealt to, so that two cores have work; the same on any machine
PER_SLOT = 4  # episodes that each slot plays before the environment is made anew: what is played again after a kill


def world(run: Run, make_env: MakeEnv, seed: int, *, test: bool = False, slots: int = 0) -> VectorEnv:
    """The run's real environment."""
    return playing.world(Cast(run.experiment, make_env), seed, slots, test)


def actions(run: Run, make_env: MakeEnv) -> gymnasium.Space[Any]:
    """The action space of one slot of the real environment."""
    with contextlib.closing(world(run, make_env, 0, test=True, slots=1)) as env:
        return env.single_action_space


def load(run: Run) -> Agent:
    """The run's agent as it is."""
    vision, memory = Model.load(run / "vision"), Model.load(run / "memory")
    controller, sees = Controller.load(run / "controller"), run.experiment.controller.sees
    return Agent(vision, memory, controller, sees, precision=quick_precision())


# ------------------------------------------------------------------------------------------------------------------- 1


def collect(run: Run, make_env: MakeEnv, turn: int) -> Mapping[str, float]:
    """Play episodes and keep them: by a random policy in the first round, by the agent in later ones."""
    agent = load(run) if turn > 1 else None
    parts = seal(agent.vision, agent.memory, agent.controller) if agent is not None else ()
    cast, tasks = Cast(run.experiment, make_env, parts, quick_precision()), batches(run, turn)
    with (
        Replay.create(run / "replay", action_size=action_size(actions(run, make_env))) as replay,
        Display(sum(task.episodes for task in tasks), None, unit="episode", quiet=run.quiet) as display,
    ):
        with ReplayWriter(replay) as writer:
            keep = _Keeper(replay, writer, display)
            list(run.backend.map(play_batch, cast, tasks, keep))
        keep.show(last=True)
        return {"episodes": len(replay), "frames": replay.frames_total, "return": float(np.mean(keep.returns))}


def batches(run: Run, turn: int) -> list[Batch]:
    """The episodes that a round asks for, in parts."""
    about = run.experiment.collect
    wanted = about.episodes if turn == 1 else about.agent_episodes
    at_once = min(PER_SLOT * run.experiment.world.slots, max(1, -(-wanted // PARTS)))
    return [
        Batch(turn, number, run.seed(Stage.ROLLOUT, turn, number), min(at_once, wanted - before))
        for number, before in enumerate(range(0, wanted, at_once))
    ]


class _Keeper:
    """Hands on the episodes that are not in a replay, and shows how many have come."""

    def __init__(self, replay: Replay, writer: ReplayWriter, display: Display) -> None:
        self.writer, self.display, self.began = writer, display, time.monotonic()
        self.there = {_origin(one.facts) for one in replay.episodes}
        self.returns: list[float] = []

    def __call__(self, episode: Episode) -> None:
        if _origin(episode.facts) not in self.there:
            self.writer.keep(episode)
        self.returns.append(float(episode.rew.sum()))
        self.show()

    def show(self, last: bool = False) -> None:
        """How many, and what the last hundred of them gave."""
        seconds = time.monotonic() - self.began
        self.display.show(len(self.returns), seconds, lambda: {"return": float(np.mean(self.returns[-100:]))}, last)


def _origin(facts: Mapping[str, Any]) -> tuple[Any, ...]:
    return facts["round"], facts["batch"], facts["slot"], facts["number"]


# ------------------------------------------------------------------------------------------------------------------- 2


def train_vision(run: Run, make_env: MakeEnv, turn: int) -> Mapping[str, float]:
    """Fit V to all frames so far."""
    about = run.experiment.vision
    steps = about.steps + (min(turn, about.rounds or turn) - 1) * about.later_steps
    with Replay.open(run / "replay") as replay:
        examples: Callable[[int], torch.Tensor] = FrameBatches(
            replay, about.batch, run.seed(Stage.VISION), **_weight_on_recent(run, turn)
        )
        if run.experiment.collect.mirror:
            examples = now_and_then(examples)
        height, width = replay.obs_shape[:2]
        model = run.seeded(Stage.VISION, lambda: about.build((3, height, width)))
        return fit_further(run, model, examples, steps, Stage.VISION, about.lr)


# ------------------------------------------------------------------------------------------------------------------- 3


def encode(run: Run, make_env: MakeEnv, turn: int) -> Mapping[str, float]:
    """See every frame once."""
    vision = Model.load(run / "vision")
    with Replay.open(run / "replay") as replay:
        signs = run.experiment.collect.mirror
        played = Mirrored(replay, signs) if signs else replay
        latents = Latents.encode(played, vision, run / "latents", precision=quick_precision(), quiet=run.quiet)
    return {"frames": latents.frames}


# ------------------------------------------------------------------------------------------------------------------- 4


def train_memory(run: Run, make_env: MakeEnv, turn: int) -> Mapping[str, float]:
    """Fit M to windows of what V saw."""
    about = run.experiment.memory
    steps = about.steps + (turn - 1) * about.later_steps
    latents = Latents.open(run / "latents")
    share = _weight_on_recent(run, turn, 2 if run.experiment.collect.mirror else 1)
    examples = WindowBatches(latents, about.window, about.batch, run.seed(Stage.MEMORY), patience=about.patience, **share)
    model = run.seeded(Stage.MEMORY, lambda: about.build(latents.latent_size, latents.action_size))
    return fit_further(run, model, examples, steps, Stage.MEMORY, about.lr)


# ------------------------------------------------------------------------------------------------------------------- 5


def train_controller(run: Run, make_env: MakeEnv, turn: int) -> Mapping[str, float]:
    """Teach C in the dream (or, where the experiment says so, in the real environment)."""
    memory, space = Model.load(run / "memory"), actions(run, make_env)
    folder = run / "controller"
    controller = teaching.new_controller(run, memory, space)
    if turn > 1:
        controller.load_state_dict(Controller.load(folder).state_dict())
    about = run.experiment.learner
    learner = teaching.learner(run, make_env, turn, controller, memory, space)
    if turn > 1 and (before := checkpoints.load(folder / f"round-{turn - 1}" / "checkpoints")):
        learner.inherit(before)
    figures = improve(learner, about.iterations, folder / f"round-{turn}", quiet=run.quiet)
    controller.save(folder)
    return figures


# ------------------------------------------------------------------------------------------------------------------- 6


def evaluate(run: Run, make_env: MakeEnv, turn: int) -> Mapping[str, float]:
    """Play held-out episodes with the agent, and with policies that see nothing."""
    about = run.experiment.evaluation
    found = judge(run, make_env, run.seed(Stage.EVALUATE), about.episodes, baselines=about.baselines)
    return _summary(found)


def judge(
    run: Run, make_env: MakeEnv, seed: int, episodes: int, *, baselines: Baselines, name: str = "evaluation.jsonl"
) -> dict[str, scores.Score]:
    """The score of the agent on the episodes below a seed, beside policies that see nothing, and of the agent in its dream.

    Every episode is written to the file of that name in the run folder.
    """
    agent = load(run)
    contenders: dict[str, Policy] = {"agent": agent}
    contenders |= scores.baselines(actions(run, make_env), run.seed(Stage.BASELINES), baselines)
    played: dict[str, list[Played]] = {}
    for policy_name, policy in contenders.items():
        with contextlib.closing(world(run, make_env, seed, test=True)) as env:
            played[policy_name] = rollout(env, policy, episodes, quiet=run.quiet)
        run.say(f"  {policy_name:<14} {scores.score(played[policy_name])}")
    dreamt = teaching.dream(run, agent.memory, actions(run, make_env), 64)
    played["dream"] = rollout(dreamt, Reflex(agent.controller), episodes, seed=seed, quiet=run.quiet)
    run.say(f"  {'dream':<14} {scores.score(played['dream'])}")
    facts = {"world": run.experiment.world.name, "seed": seed, "versions": versions()}
    scores.write(run / name, played, facts)
    return {policy_name: scores.score(whole) for policy_name, whole in played.items()}


def _summary(found: Mapping[str, scores.Score]) -> dict[str, float]:
    agent = found["agent"]
    figures = {"agent": agent.mean, "sd": agent.sd, "dream": found["dream"].mean}
    blind = [score for name, score in found.items() if name not in ("agent", "dream")]
    if blind:
        best = max(blind, key=lambda score: score.mean)
        figures |= {"best_baseline": best.mean, "standard_errors": scores.standard_errors_between(agent, best)}
    return figures


# ------------------------------------------------------------------------------------------------------------- shared


def _weight_on_recent(run: Run, turn: int, each: int = 1) -> dict[str, Any]:
    """In later rounds, what share of a batch is from the last one's episodes, and how many those are: `each` of one played."""
    about = run.experiment.collect
    return {"recent": about.recent, "recent_episodes": each * about.agent_episodes} if turn > 1 else {}


def fit_further(run: Run, model: Model, batches: Any, steps: int, stage: Stage, lr: float) -> dict[str, float]:
    """Train V or M to a number of steps in all, and save it."""
    folder = run / stage.name.lower()
    updates = [replace(update, optimizer=_pace(run, lr), ema=update.ema or 0.998) for update in model.updates()]
    done = fit(
        model,
        updates,
        batches,
        steps=steps,
        folder=folder,
        device=run.experiment.device,
        precision=quick_precision(),
        seed=run.seed(stage),
        quiet=run.quiet,
    )
    if crew().leads:
        model.save(folder)
    return {"steps": done.steps, **done.figures}


def _pace(run: Run, lr: float) -> Optimizer:
    """How V and M are optimised: towards rest in the only round; at a constant rate where more data will come."""
    return Optimizer(lr=lr, warmup=50, decay="cosine" if run.experiment.rounds == 1 else "none")
