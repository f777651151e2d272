"""From noise to image, given something that tells at each time what image and noise are in x. Any of these goes with any model.

    ancestral    to the mean of what came before, and fresh noise (Ho et al. 2020, arXiv 2006.11239)
    ddim         x_s = signal(s) x_0 + noise(s) eps: no fresh noise, so that few steps do (Song et al. 2021, arXiv 2010.02502)
    heun         the same flow, each step but the last with the means of what is told at both its ends (Karras et al. 2022,
                 arXiv 2206.00364, who follow x / signal instead of x)
    dpm          DPM-Solver++ (2M): x_0 is carried on in a line through the last two (Lu et al. 2022, arXiv 2211.01095)

ddim taken from image to noise is its own inverse, as far as the steps are small: latents for images. All step evenly
in time but dpm, which steps evenly in the logarithm of signal over noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor

from genmodels.diffusion.schedules import Schedule
from genmodels.random_streams import normal

SamplerName = Literal["ancestral", "ddim", "heun", "dpm"]
Parts = Callable[[Tensor, float], tuple[Tensor, Tensor]]
"""x (B, ...) at a time to the image and the noise in it."""
Sampler = Callable[[Parts, Schedule, Tensor, Sequence[float], torch.Generator | None], Iterator[Tensor]]
"""parts, schedule, x at the first of the times, the times, noise: x at each time after the first."""


def ddim(
    parts: Parts, schedule: Schedule, x: Tensor, times: Sequence[float], generator: torch.Generator | None = None
) -> Iterator[Tensor]:
    """Along the flow, in either direction."""
    for t, s in pairwise(times):
        x0, eps = parts(x, t)
        signal, noise = _at(schedule, s)
        x = signal * x0 + noise * eps
        yield x


def ancestral(
    parts: Parts, schedule: Schedule, x: Tensor, times: Sequence[float], generator: torch.Generator | None = None
) -> Iterator[Tensor]:
    """x_s ~ q(x_s | x_t, x_0), which has the deviation noise(s) / noise(t) sqrt(1 - signal(t)^2 / signal(s)^2)."""
    for t, s in pairwise(times):
        x0, eps = parts(x, t)
        (signal, noise), (signal_t, noise_t) = _at(schedule, s), _at(schedule, t)
        fresh = noise / noise_t * max(0.0, 1.0 - (signal_t / signal) ** 2) ** 0.5
        kept = max(0.0, noise**2 - fresh**2) ** 0.5
        x = signal * x0 + kept * eps + fresh * normal(x.shape, x.device, generator)
        yield x


def heun(
    parts: Parts, schedule: Schedule, x: Tensor, times: Sequence[float], generator: torch.Generator | None = None
) -> Iterator[Tensor]:
    """The flow is dx = x_0 d signal + eps d noise; x_0 and eps are means of what is told at both ends. Two questions a step.

    The last step is ddim's: where there is hardly any noise nobody can tell what it was.
    """
    for t, s in pairwise(times):
        (signal_t, noise_t), (signal, noise) = _at(schedule, t), _at(schedule, s)
        x0, eps = parts(x, t)
        if s > 0.0:
            x0_there, eps_there = parts(signal * x0 + noise * eps, s)
            x0, eps = 0.5 * (x0 + x0_there), 0.5 * (eps + eps_there)
        x = x + (signal - signal_t) * x0 + (noise - noise_t) * eps
        yield x


def dpm(
    parts: Parts, schedule: Schedule, x: Tensor, times: Sequence[float], generator: torch.Generator | None = None
) -> Iterator[Tensor]:
    """In the logarithm of signal over noise the flow is x_s = noise(s) / noise(t) x - signal(s) (e^-h - 1) x_0, x_0 at rest."""
    last: tuple[Tensor, float] | None = None
    for t, s in pairwise(times):
        (signal_t, noise_t), (signal, noise) = _at(schedule, t), _at(schedule, s)
        step = math.log(signal / noise) - math.log(signal_t / noise_t)
        x0, _ = parts(x, t)
        ahead = x0 if last is None else x0 + 0.5 * step / last[1] * (x0 - last[0])
        x = noise / noise_t * x - signal * math.expm1(-step) * ahead
        last = x0, step
        yield x


def evenly(schedule: Schedule, sampler: SamplerName, steps: int) -> list[float]:
    """The times of a sampler from 1 to 0, in so many steps.

    >>> from genmodels.diffusion.schedules import cosine
    >>> evenly(cosine, "ddim", 4)
    [1.0, 0.75, 0.5, 0.25, 0.0]
    """
    shares = torch.linspace(1.0, 0.0, steps + 1, dtype=torch.float64)
    if sampler != "dpm":
        return shares.tolist()
    fine = torch.linspace(0.0, 1.0, 10_001, dtype=torch.float64)
    signal, noise = schedule(fine)
    ratios = (noise / signal).log()  # rises with time
    wanted = ratios[0] + shares * (ratios[-1] - ratios[0])
    found = torch.searchsorted(ratios, wanted).clamp(1, len(fine) - 1)
    within = (wanted - ratios[found - 1]) / (ratios[found] - ratios[found - 1])
    return (fine[found - 1] + within * (fine[found] - fine[found - 1])).clamp(0.0, 1.0).tolist()


SAMPLERS: dict[SamplerName, Sampler] = {"ancestral": ancestral, "ddim": ddim, "heun": heun, "dpm": dpm}


def _at(schedule: Schedule, t: float) -> tuple[float, float]:
    """Signal and noise at a time, as numbers."""
    signal, noise = schedule(torch.tensor(t, dtype=torch.float64))
    return signal.item(), noise.item()
