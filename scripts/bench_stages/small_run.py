"""A small run of the preset `carracing`, models at their full size and hardly trained."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import torch

import envs
from bench_stages.rates import Work
from envs.carracing import controls
from envs.vector_env import episode_seed
from genmodels.compiled.threads import each
from genmodels.model import Model
from genmodels.precision import quick_precision
from worldmodels import stages, teaching
from worldmodels.agent import Agent
from worldmodels.blind_policies import Wanderer
from worldmodels.controller import Controller, sight_size
from worldmodels.interfaces import Policy
from worldmodels.latents import Latents
from worldmodels.pipeline import CHAIN, enter
from worldmodels.playing import Batch, Cast, play_batch
from worldmodels.presets import NEVER, carracing
from worldmodels.pretrained import unpack
from worldmodels.replay_store import Replay
from worldmodels.replay_writer import ReplayWriter
from worldmodels.rollout import Step, steps
from worldmodels.run import Run, Stage

DECISIONS = 249  # of a drive, of 250
BATCHES = 4  # of drives that are kept


class Bench:
    """What the agent's stages are measured on."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self.folder, self.seconds = folder, seconds

    @cached_property
    def run(self) -> Run:
        """Frames, a V, latents and an M."""
        whole = carracing()
        small = replace(
            whole,
            collect=replace(whole.collect, episodes=64),
            vision=replace(whole.vision, steps=50),
            memory=replace(whole.memory, steps=50),
            rounds=1,
        )
        run = Run.create(small, "bench", self.folder, quiet=True)
        for stage in (Stage.ROLLOUT, Stage.VISION, Stage.ENCODE, Stage.MEMORY):
            enter(run, envs.make, stage, 1, CHAIN[stage])
        return run

    @cached_property
    def replay(self) -> Replay:
        """Of random drives."""
        return Replay.open(self.run / "replay")

    @cached_property
    def latents(self) -> Latents:
        """Of the same."""
        return Latents.open(self.run / "latents")

    @cached_property
    def vision(self) -> Any:
        """V."""
        return Model.load(self.run / "vision")

    @cached_property
    def memory(self) -> Any:
        """M, of which no dream ends before its horizon: otherwise generations would be shorter the less M has learned."""
        memory = Model.load(self.run / "memory")
        with torch.no_grad():
            memory.heads.of_end[-1].bias.fill_(-30.0)
        return memory

    @cached_property
    def space(self) -> Any:
        """Of actions."""
        return stages.actions(self.run, envs.make)

    def controller(self, hidden: tuple[int, ...] = ()) -> Controller:
        """An untrained C, the same whenever it is asked for: one drives, and skids, unlike another. The paper's is linear."""
        return self.run.seeded(Stage.CONTROLLER, lambda: Controller(sight_size(self.memory, "zh"), 2, hidden))

    def dream(self, slots: int, **options: Any) -> Any:
        """Dreams of M."""
        return teaching.dream(self.run, self.memory, self.space, slots, horizon=1000, **options)

    def agent(self) -> Agent:
        """The one that comes with the package: it can drive. A car that stands is drawn more quickly than one that skids."""
        return stages.load(Run.open(unpack("carracing", self.folder), quiet=True))

    def candidates(self, count: int) -> Agent:
        """V, M and so many linear Cs."""
        controller = self.controller()
        some = self.run.seeded(Stage.CONTROLLER, partial(torch.randn, count, len(controller.vector())))
        return Agent(self.vision, self.memory, controller, "zh", population=0.1 * some, precision=quick_precision())

    def wanderer(self) -> Policy:
        """Who drives at random."""
        about = self.run.experiment.collect
        return Wanderer(self.space, about.policy, about.span, 0, about.drift)

    # ---- simulators

    def envpool(self, slots: int, policy: Policy, alike: int = 1) -> Work:
        """Frames of EnvPool that nobody looks at: drives that the policy drove before, each by so many cars at once."""
        import envpool

        world, seeds = self.run.experiment.world, [episode_seed(0, slot, 0) for slot in range(slots)]
        with closing(envs.make("carracing", slots, 1, **{**world.options, "stalled": NEVER})) as env:
            wheels = [np.tile(controls(step.act), (alike, 1)) for step in islice(steps(env, policy, 0), DECISIONS)]
        pool = envpool.make(
            "CarRacing-v3", env_type="gymnasium", num_envs=alike * slots, num_threads=os.cpu_count(), seed=alike * seeds
        )

        def driven_again() -> Iterator[None]:
            while True:
                pool.reset()
                for wheel in wheels:
                    for _ in range(world.repeat):
                        pool.step(wheel)
                    yield

        going = driven_again()

        def work() -> float:
            next(going)
            return float(world.repeat * alike * slots)

        return work

    def gymnasium(self) -> Work:
        """Frames of one process of Gymnasium."""
        import gymnasium

        env = gymnasium.make("CarRacing-v3")
        env.reset(seed=1)

        def work() -> float:
            for _ in range(10):
                *_, end, cut, _ = env.step(np.array([0.0, 0.2, 0.0], np.float32))
                if end or cut:
                    env.reset()
            return 10.0

        return work

    def collected(self) -> Work:
        """Frames driven by a random policy, all decisions kept on disk; whole drives, as EnvPool's own are.

        With as many batches as cores the quicker core would wait for the other every time; a stage, which has four times as
        many as are driven here, waits once.
        """
        number, world = iter(range(1 << 30)), self.run.experiment.world
        whole = replace(self.run.experiment, world=replace(world, options={**world.options, "stalled": NEVER}))
        cast, episodes = Cast(whole, envs.make), world.slots

        def work() -> float:
            turn = next(number)
            tasks = [Batch(1, part, self.run.seed(Stage.ROLLOUT, turn, part), episodes) for part in range(BATCHES)]
            with Replay.create(self.folder / f"replay-{turn}", action_size=2) as replay:
                with ReplayWriter(replay) as writer:
                    list(self.run.backend.map(play_batch, cast, tasks, writer.keep))
                return float((replay.frames_total - len(replay)) * world.repeat)

        return work

    def driven(self, slots: int, policy: Callable[[], Policy]) -> Work:
        """Frames driven by two of a policy side by side, as in `Here`, on the same tracks; so many slots for each."""
        options = {**self.run.experiment.world.options, "stalled": NEVER, "threads": 1}
        going = [steps(envs.make("carracing", slots, 1, **options), policy(), 0) for _ in range(2)]
        repeat = self.run.experiment.world.repeat

        def drive(one: Iterator[Step]) -> None:
            for _ in range(8):
                next(one)

        def work() -> float:
            each(drive, going, 2)
            return 2.0 * 8.0 * slots * repeat

        return work
