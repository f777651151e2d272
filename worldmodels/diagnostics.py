"""Whether V keeps what matters and M foresees it: figures on episodes that neither has learned from.

probe           R^2 of a ridge regression from latents to what the world really was
surprise        M's nats for each step, z drawn from V's Gaussians, beside those of a linear forecast and of shuffled actions
open_loop       the error of M's expectation k steps ahead, beside that of expecting no change
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genmodels.distributions import DiagonalGaussian
from genmodels.dynamics import MDNRNN
from genmodels.model import VisionModel
from worldmodels.agent import to_images
from worldmodels.types import Episode

Floats = NDArray[np.float64]


class Seen(NamedTuple):
    """An episode through V's eyes: q(z | obs) as mean and log_sd (T + 1, Z), and what was done, (T, A)."""

    mean: Tensor
    log_sd: Tensor
    act: Tensor


@dataclass(frozen=True)
class Surprise:
    """Nats for each step, summed over the dimensions of z."""

    memory: float
    linear: float
    shuffled: float
    active: int  # dimensions that differ between moments


@torch.no_grad()
def see(vision: VisionModel, episodes: Sequence[Episode]) -> list[Seen]:
    """Episodes through V's eyes."""
    seen = []
    for episode in episodes:
        parts = [vision.encode(to_images(part)) for part in np.array_split(episode.obs, len(episode.obs) // 256 + 1)]
        mean, log_sd = torch.cat([part.mean for part in parts]), torch.cat([part.log_sd for part in parts])
        seen.append(Seen(mean.float(), log_sd.float(), torch.from_numpy(episode.act)))
    return seen


def probe(x: Floats, y: Floats, x_new: Floats, y_new: Floats, ridge: float = 1e-3) -> Floats:
    """R^2 on new examples of y (N, K) foretold from x (N, F) by a ridge regression: (K,).

    >>> x = np.arange(10.0)[:, None]
    >>> probe(x, 2 * x + 1, x + 3, 2 * (x + 3) + 1).round(3)
    array([1.])
    """
    weights = _ridge(x, y, ridge)
    error = np.square(_with_one(x_new) @ weights - y_new).mean(0)
    return 1.0 - error / y_new.var(0)


@torch.no_grad()
def surprise(memory: MDNRNN, train: Sequence[Seen], test: Sequence[Seen], seed: int) -> Surprise:
    """How surprised M is by new episodes, beside a ridge regression from (z, act) to the next z with Gaussian errors."""
    random = torch.Generator().manual_seed(seed)
    drawn = [DiagonalGaussian(one.mean, one.log_sd).sample(random) for one in test]
    known = [DiagonalGaussian(one.mean, one.log_sd).sample(random) for one in train]
    steps = sum(len(one.act) for one in test)
    ours = sum(_nats(memory, z, one.act) for z, one in zip(drawn, test, strict=True)) / steps
    mixed = torch.cat([one.act for one in test])
    mixed = mixed[torch.randperm(len(mixed), generator=random)]
    parts = mixed.split([len(one.act) for one in test])
    lost = sum(_nats(memory, z, act) for z, act in zip(drawn, parts, strict=True)) / steps
    active = int((torch.cat([one.mean for one in test]).std(0) > 0.1).sum())
    return Surprise(ours, _linear_nats(known, train, drawn, test), lost, active)


@torch.no_grad()
def open_loop(memory: MDNRNN, test: Sequence[Seen], ahead: int = 10, warmup: int = 10) -> tuple[float, float]:
    """Squared error in z, `ahead` steps after the last frame seen: of M's expectation, and of expecting no change."""
    ours, still = [], []
    for one in test:
        for start in range(warmup, len(one.act) - ahead, ahead):
            state = memory.initial(1)
            for t in range(start - warmup, start):
                _, state = memory.predict(one.mean[t : t + 1], one.act[t : t + 1], state)
            z = one.mean[start : start + 1]
            for t in range(start, start + ahead):
                prediction, state = memory.predict(z, one.act[t : t + 1], state)
                z = prediction.z.mean
            target = one.mean[start + ahead]
            ours.append((z[0] - target).square().sum().item())
            still.append((one.mean[start] - target).square().sum().item())
    if not ours:
        raise ValueError(f"no episode has {warmup + ahead + 1} steps: play longer ones, or look less far ahead")
    return float(np.mean(ours)), float(np.mean(still))


def _nats(memory: MDNRNN, z: Tensor, act: Tensor) -> float:
    """Minus the log-probability of a whole episode of latents under M."""
    states = memory.scan(z[None, :-1], act[None])
    before = type(states)(*(field[0, :-1] for field in states))
    prediction, _ = memory.predict(z[:-1], act, before)
    return -prediction.z.log_prob(z[1:]).double().sum().item()


def _linear_nats(known: Sequence[Tensor], train: Sequence[Seen], drawn: Sequence[Tensor], test: Sequence[Seen]) -> float:
    """Nats for each step of z' ~ N(W [z, act, 1], s^2), fitted to the first, on the second."""

    def pairs(latents: Sequence[Tensor], seen: Sequence[Seen]) -> tuple[Floats, Floats]:
        now = torch.cat([torch.cat([z[:-1], one.act], 1) for z, one in zip(latents, seen, strict=True)])
        return now.double().numpy(), torch.cat([z[1:] for z in latents]).double().numpy()

    x, y = pairs(known, train)
    x_new, y_new = pairs(drawn, test)
    weights = _ridge(x, y, 1e-3)
    variance = np.square(_with_one(x) @ weights - y).mean(0)
    errors = np.square(_with_one(x_new) @ weights - y_new)
    return float((0.5 * errors / variance + 0.5 * np.log(2 * np.pi * variance)).sum(1).mean())


def _ridge(x: Floats, y: Floats, ridge: float) -> Floats:
    x = _with_one(x)
    penalty = ridge * len(x) * np.diag([*x[:, :-1].var(0) + 1e-12, 0.0])
    return np.asarray(np.linalg.solve(x.T @ x + penalty, x.T @ y), np.float64)


def _with_one(x: Floats) -> Floats:
    return np.concatenate([x, np.ones((len(x), 1))], 1)
