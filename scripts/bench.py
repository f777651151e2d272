"""How fast each stage is: beside a plain way to do the same, and beside what bounds it, all measured in turns in one run.

python scripts/bench.py                        every stage, a quarter of an hour
python scripts/bench.py --stage dream memory   some
python scripts/bench.py --json                 a list of {stage, rate, unit, reference, ratio, bound, fraction, holds}

Rates are medians over windows, and what is compared takes turns window by window. Each is of this machine in this minute: what
can be compared with another day are the ratios. The plain ways: one process of Gymnasium; the paper's VAE in fp32; M on frames
that are encoded anew for each batch; one dream at a time; Stable-Baselines3's PPO. The bounds: EnvPool driven by nobody in
particular; the matrix products of a step and nothing else.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch

import envs
from genmodels.autoencoders import PaperVAE
from genmodels.model import Model
from genmodels.training import fit
from worldmodels import stages
from worldmodels.agent import Agent, to_images
from worldmodels.blind_policies import Wanderer
from worldmodels.config import Dream, Evolve, Gradient
from worldmodels.controller import Controller, Reflex, sight_size
from worldmodels.evolution import Evolution
from worldmodels.latents import Latents
from worldmodels.pipeline import CHAIN, enter
from worldmodels.ppo import PPO
from worldmodels.presets import carracing
from worldmodels.replay_store import FrameBatches, Replay
from worldmodels.rollout import rollout, steps
from worldmodels.run import Run, Stage
from worldmodels.window_batches import WindowBatches

Work = Callable[[], float]  # does something once, and says how much of it that was

ROOT = Path(__file__).parent.parent
WINDOWS = 5


@dataclass(frozen=True)
class Measured:
    """A stage's rate, in units a second unless the unit is one of time or room, of which less is better."""

    stage: str
    rate: float
    unit: str
    must: str
    holds: bool
    reference: float | None = None
    bound: float | None = None

    @property
    def ratio(self) -> float | None:
        """How many times as fast as the plain way."""
        return self.rate / self.reference if self.reference else None

    @property
    def fraction(self) -> float | None:
        """Of what bounds it."""
        return self.rate / self.bound if self.bound else None

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "ratio": self.ratio, "fraction": self.fraction}

    def __str__(self) -> str:
        told = f"{self.stage:<16} {self.rate:>12,.5g} {self.unit:<16}"
        told += f" {self.ratio:>7.3g} x plain" if self.ratio else " " * 16
        told += f" {self.fraction:>6.2f} of the bound" if self.fraction else " " * 20
        return f"{told}   {self.must}: {'holds' if self.holds else 'missed'}"


def rates(seconds: float, *works: Work) -> list[float]:
    """Units a second of each, medians over windows of so many seconds, in which they take turns."""
    found: list[list[float]] = [[] for _ in works]
    for work in works:
        work()  # once unmeasured
    for _ in range(WINDOWS):
        for work, of in zip(works, found, strict=True):
            units, passed, began = 0.0, 0.0, time.perf_counter()
            while passed < seconds / WINDOWS:
                units += work()
                passed = time.perf_counter() - began
            of.append(units / passed)
    return [statistics.median(of) for of in found]


class Bench:
    """What the stages are measured on: a small run of the preset `carracing`, models at their full size and hardly trained."""

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
        """M."""
        return Model.load(self.run / "memory")

    @cached_property
    def space(self) -> Any:
        """Of actions."""
        return stages.actions(self.run, envs.make)

    def controller(self, hidden: tuple[int, ...] = ()) -> Controller:
        """An untrained C; the paper's is linear."""
        return Controller(sight_size(self.memory, "zh"), 2, hidden)

    def dream(self, slots: int, **options: Any) -> Any:
        """Dreams of M."""
        return stages.dream(self.run, self.memory, self.space, slots, horizon=1000, **options)

    def agent(self, slots: int, candidates: int = 0) -> Agent:
        """V, M and a linear C, or a population of them."""
        controller = self.controller()
        population = torch.randn(candidates, len(controller.vector())) * 0.1 if candidates else None
        return Agent(self.vision, self.memory, controller, "zh", population=population)

    # ---- simulators

    def envpool(self, slots: int) -> Work:
        """Frames of EnvPool, driven at random and looked at by nobody."""
        import envpool

        pool = envpool.make("CarRacing-v3", env_type="gymnasium", num_envs=slots, num_threads=2, seed=1)
        pool.reset()
        action = np.zeros((slots, 3), np.float32)
        action[:, 1] = 0.2

        def work() -> float:
            for _ in range(10):
                pool.step(action)
            return 10.0 * slots

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
        """Frames driven by a random policy, all decisions kept on disk."""
        world = self.run.experiment.world
        number = iter(range(1 << 30))

        def work() -> float:
            turn = next(number)
            place = self.folder / f"replay-{turn}"
            env = stages.world(self.run, envs.make, turn)
            with closing(env), Replay.create(place, action_size=2) as replay:
                policy = Wanderer(env.single_action_space, "correlated", span=8, seed=turn, drift=(0.0, 0.2))
                kept = rollout(env, policy, 2 * world.slots, keep=lambda one, _: bool(replay.append(one)), quiet=True)
            return float(sum(one.length for one in kept) * int(world.options["repeat"]))

        return work

    def driven(self, slots: int, candidates: int = 0) -> Work:
        """Frames driven by an agent."""
        env = envs.make("carracing", slots, 1, **{**self.run.experiment.world.options, "stalled": 1 << 20})
        going = steps(env, self.agent(slots, candidates), 1)
        repeat = int(self.run.experiment.world.options["repeat"])

        def work() -> float:
            for _ in range(4):
                next(going)
            return 4.0 * slots * repeat

        return work


# --------------------------------------------------------------------------------------------------------------- stages


def measure_rollout(bench: Bench) -> Measured:
    """Random drives to disk, against EnvPool alone and one process of Gymnasium."""
    rate, bound, plain = rates(4 * bench.seconds, bench.collected(), bench.envpool(16), bench.gymnasium())
    holds = rate >= 0.9 * bound and rate >= 8 * plain
    return Measured("rollout", rate, "frames/s", ">= 0.9 of EnvPool, 8 x Gymnasium", holds, plain, bound)


def measure_agent(bench: Bench) -> Measured:
    """V, M and C at the wheel."""
    rate, bound, plain = rates(2 * bench.seconds, bench.driven(16), bench.envpool(16), bench.gymnasium())
    return Measured("agent", rate, "frames/s", ">= 0.75 of EnvPool", rate >= 0.75 * bound, plain, bound)


def measure_fitness(bench: Bench) -> Measured:
    """64 candidates, each with a car."""
    rate, bound, plain = rates(2 * bench.seconds, bench.driven(64, 64), bench.envpool(64), bench.gymnasium())
    return Measured("fitness", rate, "frames/s", ">= 0.75 of EnvPool", rate >= 0.75 * bound, plain, bound)


def measure_vision(bench: Bench) -> Measured:
    """V, until it knows held-out frames as well as the paper's VAE after a minute of fp32."""
    frames = bench.replay.frames()
    held = to_images(np.concatenate([bench.replay.obs(index) for index in range(len(bench.replay) - 4, len(bench.replay))]))
    known = FrameBatches(bench.replay, 64, 1)

    def error(model: Any) -> float:
        with torch.no_grad():
            return float((model.eval().reconstruct(held) - held).square().mean())

    torch.manual_seed(0)
    paper = PaperVAE(latent=32).train()
    optimiser, began, step = torch.optim.Adam(paper.parameters(), lr=1e-3), time.perf_counter(), 0
    while time.perf_counter() - began < 3 * bench.seconds:
        images = known(step).contiguous().float() / 255
        loss, _ = paper.loss(images)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        step += 1
    plain, goal = time.perf_counter() - began, error(paper)

    torch.manual_seed(0)
    ours, passed, done = bench.run.experiment.vision.build((3, 64, 64)), 0.0, 0
    updates = ours.updates()
    while done < len(frames) and (done == 0 or error(ours) > goal):
        done, began = done + 25, time.perf_counter()
        fit(ours, updates, known, steps=25, precision=stages.precision(), seed=done, device="cpu", quiet=True)
        passed += time.perf_counter() - began
    return Measured("vision", 1 / passed, "trainings/s", ">= 3.5 x plain", plain / passed >= 3.5, 1 / plain)


def measure_encode(bench: Bench) -> Measured:
    """Frames to latents on disk."""
    number = iter(range(1 << 30))

    def ours() -> float:
        return float(Latents.encode(bench.replay, bench.vision, bench.folder / f"latents-{next(number)}", quiet=True).frames)

    paper = PaperVAE(latent=32).eval()
    images = to_images(bench.replay.obs(0)[:64])

    @torch.no_grad()
    def plain() -> float:
        paper.encode(images)
        return float(len(images))

    rate, reference = rates(bench.seconds, ours, plain)
    return Measured("encode", rate, "frames/s", ">= 10,000", rate >= 10_000, reference)


def measure_memory(bench: Bench) -> Measured:
    """M's training in steps of data a second, against frames that are encoded anew for each batch, in fp32."""
    about = bench.run.experiment.memory
    batches = WindowBatches(bench.latents, about.window, about.batch, 1)
    model = about.build(bench.latents.latent_size, 2)
    updates = model.updates()

    def ours() -> float:
        fit(model, updates, batches, steps=20, precision=stages.precision(), seed=1, device="cpu", quiet=True)
        return 20.0 * about.batch * about.window

    paper, slow = PaperVAE(latent=32).eval(), about.build(32, 2)
    optimiser = torch.optim.Adam(slow.parameters(), lr=1e-3)
    known = FrameBatches(bench.replay, about.window + 1, 1)

    def plain() -> float:
        window = batches(0)
        with torch.no_grad():
            seen = [paper.encode(known(row).contiguous().float() / 255) for row in range(8)]
        mean, log_sd = (torch.stack([getattr(one, name) for one in seen]) for name in ("mean", "log_sd"))
        loss, _ = slow.loss(type(window)(mean, log_sd, *(part[:8] for part in window[2:])))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        return 8.0 * about.window

    rate, reference = rates(bench.seconds, ours, plain)
    return Measured("memory", rate, "steps/s", ">= 100 x plain", rate >= 100 * reference, reference)


def measure_dream(bench: Bench) -> Measured:
    """4,096 dreams of 64 linear controllers, against one at a time, and against the products of a step alone."""
    controller = bench.controller()
    candidates = torch.randn(64, len(controller.vector())) * 0.1
    many = steps(bench.dream(4096), Reflex(controller, candidates), 1)
    one = steps(bench.dream(1), Reflex(controller, candidates[:1]), 1)

    def dreamt(driven: Iterator[Any], count: int, slots: int) -> float:
        for _ in range(count):
            next(driven)
        return float(count * slots)

    rate, plain, bound = rates(
        bench.seconds, partial(dreamt, many, 10, 4096), partial(dreamt, one, 100, 1), products(bench.memory, 4096)
    )
    return Measured("dream", rate, "steps/s", ">= 500,000", rate >= 500_000, plain, bound)


def products(memory: Any, slots: int) -> Work:
    """The matrix products of a step of M, in the precision of the dream."""
    shapes = [(memory.latent_size + memory.action_size + memory.hidden_size, 4 * memory.hidden_size)]
    shapes += [tuple(reversed(p.shape)) for name, p in memory.named_parameters() if p.ndim == 2 and "lstm" not in name]
    kind = torch.bfloat16 if stages.precision() == "bf16" else torch.float32
    pairs = [(torch.randn(slots, rows, dtype=kind), torch.randn(rows, columns, dtype=kind)) for rows, columns in shapes]

    def work() -> float:
        for left, right in pairs:
            left @ right
        return float(slots)

    return work


def measure_generation(bench: Bench) -> Measured:
    """A generation of CMA-ES in the dream: 64 candidates, 16 dreams each, 1,000 steps."""
    run, controller = bench.run, bench.controller()
    run.experiment = replace(run.experiment, learner=Evolve(), dream=Dream(horizon=1000))
    learner = Evolution(controller, stages.dream_fitness(run, bench.memory, bench.space, controller), judge_every=1000)
    began, counts = time.perf_counter(), []
    for iteration in range(4):
        began = time.perf_counter()
        learner.iterate(iteration)
        counts.append(time.perf_counter() - began)
    seconds = statistics.median(counts[1:])
    one = steps(bench.dream(1), Reflex(controller), 1)
    began = time.perf_counter()
    for _ in range(1000):
        next(one)
    plain = 1024 * (time.perf_counter() - began)
    return Measured("generation", 1 / seconds, "generations/s", "<= 3 s", seconds <= 3, 1 / plain)


def measure_learner(bench: Bench) -> Measured:
    """PPO in the dream, updates included, against Stable-Baselines3's."""
    from stable_baselines3 import PPO as PlainPPO

    from worldmodels.sb3 import DreamVecEnv

    about = Gradient(dreams=512)
    learner = PPO(bench.controller((128, 128)), bench.dream(512), length=about.length, epochs=3, minibatch=4096, lr=3e-4)
    number = iter(range(1 << 30))

    def ours() -> float:
        learner.iterate(next(number))
        return 512.0 * about.length

    plain = PlainPPO("MlpPolicy", DreamVecEnv(bench.dream(16)), n_steps=128, batch_size=256, n_epochs=3, device="cpu")

    def theirs() -> float:
        plain.learn(16 * 128, reset_num_timesteps=False)
        return 16.0 * 128

    rate, reference = rates(bench.seconds, ours, theirs)
    return Measured("learner", rate, "dream steps/s", ">= 150,000", rate >= 150_000, reference)


def measure_startup(bench: Bench) -> Measured:
    """`run.py --help`."""
    seconds = statistics.median(_timed([str(ROOT / "scripts" / "run.py"), "--help"]) for _ in range(WINDOWS))
    return Measured("startup", seconds, "s for --help", "<= 0.6 s", seconds <= 0.6)


def measure_import(bench: Bench) -> Measured:
    """`import genmodels` beyond torch."""
    both = [[_timed(["-c", f"import {name}"]) for name in ("torch", "torch, genmodels")] for _ in range(WINDOWS)]
    seconds = statistics.median(ours - theirs for theirs, ours in both)
    return Measured("import", seconds, "s beyond torch", "<= 0.2 s", seconds <= 0.2)


def _timed(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - began


def measure_room(bench: Bench) -> Measured:
    """The peak of anonymous memory of `run.py carracing`, every stage at its full size with few steps."""
    few = "--collect.episodes 64 --vision.steps 20 --memory.steps 20 --learner.iterations 2 --rounds 1 --evaluation.episodes 2"
    command = [sys.executable, str(ROOT / "scripts" / "run.py"), "carracing", "--quiet", "--runs-dir", str(bench.folder)]
    process, peak = subprocess.Popen([*command, *few.split()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), 0
    while process.poll() is None:
        peak = max(peak, _anonymous(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"run.py carracing left with {process.returncode}: run it by hand with {few}")
    return Measured("room", peak / 2**20, "GiB at most", "<= 4 GiB", peak <= 4 * 2**20)


def _anonymous(process: int) -> int:
    """KiB."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)


STAGES: dict[str, Callable[[Bench], Measured]] = {
    "rollout": measure_rollout,
    "agent": measure_agent,
    "vision": measure_vision,
    "encode": measure_encode,
    "memory": measure_memory,
    "dream": measure_dream,
    "generation": measure_generation,
    "learner": measure_learner,
    "fitness": measure_fitness,
    "startup": measure_startup,
    "import": measure_import,
    "room": measure_room,
}


def main() -> int:
    """Measure, tell, and leave with 1 if a stage is slower than it must be."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--stage", nargs="+", choices=list(STAGES), default=list(STAGES), help="which (default: all)")
    parser.add_argument("--seconds", type=float, default=20.0, help="of windows for each thing measured (default: 20)")
    parser.add_argument("--json", action="store_true", help="a list for machines, and nothing else")
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        bench = Bench(Path(folder), options.seconds)
        for name in options.stage:
            found.append(STAGES[name](bench))
            if not options.json:
                print(found[-1], flush=True)
    if options.json:
        print(json.dumps([one.plain() for one in found], indent=1))
    return 0 if all(one.holds for one in found) else 1


if __name__ == "__main__":
    sys.exit(main())
