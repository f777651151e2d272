"""Chapter 12: what more of it costs: more dreams side by side, more candidates in a generation, more frames on disk.

Each is measured over sizes that differ by a thousand times or so. The slope is that of a straight line through the logarithms:
1 where twice as many cost twice as much, 0 where they cost nothing. Nothing here is learned: M and the controllers are as they
were born, and the frames are a few of Dodge, kept again and again.
"""

import contextlib
import math
import resource
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path

import gymnasium
import numpy as np
import torch

import envs
from genmodels.book_recipe import Recipe
from genmodels.dynamics import MDNRNN
from genmodels.precision import quick_precision
from genmodels.viz import intervals
from worldmodels.blind_policies import Wanderer
from worldmodels.controller import Controller, Reflex
from worldmodels.dream import DreamVectorEnv
from worldmodels.evolution import Evolution, Worth
from worldmodels.replay_store import FrameBatches, Replay
from worldmodels.rollout import at_work, rollout, steps
from worldmodels.starts import Starts
from worldmodels.types import Episode

LATENT, ACTIONS, HORIZON, REPEATS = 32, 2, 100, 16


def dreams(slots: int, shared: int | None = None, horizon: int = 1000) -> DreamVectorEnv:
    """Of the paper's M for CarRacing."""
    memory = MDNRNN(LATENT, ACTIONS, 256, reward=True).eval()
    starts = Starts(torch.zeros(64, LATENT), torch.zeros(64, LATENT))
    space = gymnasium.spaces.Box(-1.0, 1.0, (ACTIONS,), np.float32)
    return DreamVectorEnv(memory, starts, slots, space, horizon=horizon, shared=shared, precision=quick_precision())


def seconds(work: Callable[[], object], budget: float) -> float:
    """Of one call: the median over calls that take so many seconds together, three at least; the first is not counted."""
    work()
    took: list[float] = []
    while len(took) < 3 or sum(took) < budget:
        began = time.perf_counter()
        work()
        took.append(time.perf_counter() - began)
    return statistics.median(took)


def slope(costs: dict[int, float]) -> float:
    """Of log cost over log size."""
    x, y = (np.log([float(value) for value in values]) for values in (costs.keys(), costs.values()))
    return float(np.polyfit(x, y, 1)[0])


def report(run: Recipe, what: str, costs: dict[int, float], unit: str, each: str) -> None:
    """A figure for each size, the slope, and the plot."""
    for size, cost in costs.items():
        run.figure(f"{what}, {size:,}: {unit}", cost)
        if each:
            run.figure(f"{what}, {size:,}: {each}", size / cost)
    run.figure(f"{what}: slope", slope(costs))
    line = [(math.log10(size), math.log10(cost), 0.0) for size, cost in costs.items()]
    run.picture(what.replace(",", "").replace(" ", "_"), intervals({what: line}, f"{what}, log10", f"{unit}, log10"))


def more_dreams(run: Recipe) -> None:
    """A step of all of them, each with a linear controller out of 64."""
    costs = {}
    for slots in (64, 256, 1024, 4096, 16_384, 65_536)[: run.count(6, 2)]:
        env = dreams(slots)
        controller = Controller(env.single_observation_space.shape[0], ACTIONS)
        driven = steps(env, Reflex(controller, 0.1 * torch.randn(64, len(controller.vector()))), run.seed)
        with at_work(env):
            costs[slots] = seconds(partial(next, driven), 15 * run.minutes)
    report(run, "dreams", costs, "seconds a step", "steps a second")


def more_candidates(run: Recipe) -> None:
    """A generation of CMA-ES: each candidate dreams 16 times, 100 steps."""
    costs = {}
    for population in (16, 64, 256, 1024)[: run.count(4, 2)]:
        env = dreams(population * REPEATS, shared=REPEATS, horizon=run.count(HORIZON, 3))
        controller = Controller(env.single_observation_space.shape[0], ACTIONS)

        fitness = partial(worth, env, controller)
        learner = Evolution(controller, fitness, population=population, judge_every=10**6)
        generations = (learner.iterate(number) for number in count())
        costs[population] = seconds(partial(next, generations), 15 * run.minutes)
    report(run, "candidates", costs, "seconds a generation", "candidates a second")


def worth(env: DreamVectorEnv, controller: Controller, candidates: torch.Tensor, seed: int) -> Worth:
    """Each candidate's, in slots of its own."""
    return Worth.of(rollout(env, Reflex(controller, candidates), env.num_envs, seed=seed >> 1, quiet=True), len(candidates))


def more_frames(run: Recipe) -> None:
    """On disk: how long it takes to open them, to read a window, to draw a batch of 64 to learn from, and what memory holds."""
    opened: dict[int, float] = {}
    read: dict[int, float] = {}
    drawn: dict[int, float] = {}
    memory: dict[int, float] = {}
    with tempfile.TemporaryDirectory(dir=run.folder) as place:
        folder, parts = Path(place) / "replay", episodes(run)
        for frames in (200, 400) if run.fast else (10_000, 100_000, 1_000_000, 5_000_000):
            with Replay.create(folder, action_size=3) as replay:
                while replay.frames_total < frames:
                    replay.append(next(parts))
            kept = replay.frames_total
            opened[kept] = seconds(lambda: Replay.open(folder).close(), run.minutes)
            with contextlib.closing(Replay.open(folder)) as replay:
                read[kept] = seconds(partial(window, replay, np.random.default_rng(run.seed)), 5 * run.minutes)
                batches = FrameBatches(replay, 64, run.seed)
                each = (batches(number) for number in count())
                drawn[kept] = seconds(partial(next, each), 5 * run.minutes)
                memory[kept] = anonymous() / 2**20
    report(run, "frames, opening", opened, "seconds", "")
    report(run, "frames, a window of 32", read, "seconds", "")
    report(run, "frames, a batch of 64", drawn, "seconds", "")
    report(run, "frames, memory", memory, "MiB", "")


def window(replay: Replay, random: np.random.Generator) -> None:
    """32 frames in a row, from the disk or wherever the system keeps what it has read."""
    index = int(random.integers(len(replay)))
    start = int(random.integers(replay.episodes[index].frames - 31))
    replay.obs(index, start, start + 32)


def episodes(run: Recipe) -> Iterator[Episode]:
    """A few games of Dodge, made long, again and again."""
    found: list[Episode] = []
    with contextlib.closing(envs.make("dodge", 8, run.seed)) as env:
        policy = Wanderer(env.single_action_space, "held", seed=run.seed)
        rollout(env, policy, 64, keep=lambda episode, _: found.append(episode), quiet=True)
    frames = np.concatenate([episode.obs for episode in found])
    length = run.count(1000, 50)
    while True:
        for first in range(0, len(frames) - length, 97):
            act = np.zeros((length - 1, 3), np.float32)
            yield Episode(frames[first : first + length], act, np.zeros(length - 1, np.float32), True, False, {})


def anonymous() -> int:
    """Bytes of memory that this process holds and no file backs."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/self/status").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def main() -> None:
    """All three."""
    run = Recipe(__doc__, row=46, system="what more of it costs", minutes=1.0)
    with torch.no_grad():
        more_dreams(run)
        more_candidates(run)
    more_frames(run)
    run.finish()


if __name__ == "__main__":
    main()
