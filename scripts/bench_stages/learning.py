"""Stages in which something is learned, and the latents that M learns from."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from bench_stages.rates import Measured, rates
from bench_stages.small_run import Bench
from genmodels.autoencoders import PaperVAE
from genmodels.precision import quick_precision
from genmodels.training import Hook, Optimizer, fit
from worldmodels.agent import to_images
from worldmodels.config import Gradient
from worldmodels.latents import Latents
from worldmodels.ppo import PPO
from worldmodels.replay_store import FrameBatches
from worldmodels.window_batches import WindowBatches


def measure_vision(bench: Bench) -> Measured:
    """V, until it knows held-out frames as well as the paper's VAE after a minute of fp32."""
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

    for share in (1 / 3.5, 1.0):
        found = _on_the_way(bench, known, share * plain, error)
        if found[-1][1] <= goal:
            break
    passed = min((seconds for seconds, reached in found if reached <= goal), default=math.inf)
    return Measured("vision", 1 / passed, "trainings/s", ">= 3.5 x plain", plain / passed >= 3.5, 1 / plain)


def _on_the_way(bench: Bench, known: FrameBatches, seconds: float, error: Callable[[Any], float]) -> list[tuple[float, float]]:
    """V, trained for so long: the seconds of training at each look, and its error then."""
    torch.manual_seed(0)
    about, found = bench.run.experiment.vision, list[tuple[float, float]]()
    vision, began, looking = about.build((3, 64, 64)), time.perf_counter(), 0.0

    def look(step: int) -> None:
        nonlocal looking
        at = time.perf_counter()
        found.append((at - began - looking, error(vision)))
        looking += time.perf_counter() - at

    optimizer = Optimizer(lr=about.lr, warmup=100, decay="cosine", haste=10.0)
    updates, hooks = [replace(one, optimizer=optimizer) for one in vision.updates()], [Hook(50, look)]
    fit(vision, updates, known, minutes=seconds / 60, precision=quick_precision(), device="cpu", hooks=hooks, quiet=True)
    return found


def measure_encode(bench: Bench) -> Measured:
    """Frames to latents on disk."""
    number = iter(range(1 << 30))

    def ours() -> float:
        place = bench.folder / f"latents-{next(number)}"
        return float(Latents.encode(bench.replay, bench.vision, place, precision=quick_precision(), quiet=True).frames)

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
        fit(model, updates, batches, steps=20, precision=quick_precision(), seed=1, device="cpu", quiet=True)
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


def measure_learner(bench: Bench) -> Measured:
    """PPO in the dream, updates included, against Stable-Baselines3's: many dreams, each of which is learned from once."""
    from stable_baselines3 import PPO as PlainPPO
    from stable_baselines3.common.logger import Logger

    from worldmodels.sb3 import DreamVecEnv

    about = Gradient(dreams=2048, epochs=1, minibatch=4096)
    learner = PPO(
        bench.controller(bench.run.experiment.controller.hidden),
        bench.dream(about.dreams),
        length=about.length,
        epochs=about.epochs,
        minibatch=about.minibatch,
        precision=quick_precision(),
    )
    number = iter(range(1 << 30))

    def ours() -> float:
        learner.iterate(next(number))
        return float(about.dreams * about.length)

    plain = PlainPPO("MlpPolicy", DreamVecEnv(bench.dream(16)), n_steps=128, batch_size=256, n_epochs=3, device="cpu")
    plain.set_logger(Logger(None, []))  # one of their own begins a folder for temporary files, which stays

    def theirs() -> float:
        plain.learn(16 * 128, reset_num_timesteps=False)
        return 16.0 * 128

    rate, reference = rates(bench.seconds, ours, theirs)
    return Measured("learner", rate, "dream steps/s", ">= 150,000", rate >= 150_000, reference)
