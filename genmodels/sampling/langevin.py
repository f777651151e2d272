"""Langevin sampling: a walk up the slope of log p, jolted by noise. Energies and scores are drawn from by it.

    x <- x + step s(x) + noise e,    s(x) = grad log f(x),    e ~ N(0, I)

With noise = sqrt(2 step) this is Langevin's diffusion in small steps, and comes to rest in f / Z, up to an error of the order
of the step (Roberts and Tweedie 1996). With other noise it comes to rest in f^(1 / T), T = noise^2 / (2 step): energies of
images are walked with little noise, which is quick and cold (Du and Mordatch 2019, arXiv 1903.08689).

Where modes lie far apart, a walk that begins with broad strokes finds them all: annealed Langevin sampling (Song and Ermon
2019, arXiv 1907.05600) goes through noisier copies of the data, from the noisiest to the least noisy, with steps in
proportion to the variance of the noise.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from genmodels.random_streams import normal

Score = Callable[[Tensor], Tensor]  # (B, ...) -> (B, ...)
NoisyScore = Callable[[Tensor, Tensor], Tensor]  # the same, of data with noise of deviation (B,)


def score_of(log_f: Callable[[Tensor], Tensor]) -> Score:
    """The slope of an unnormalised log-density, (B, ...) -> (B,), by differentiation; also where gradients are switched off.

    >>> score_of(lambda x: -x.square().sum(1) / 2)(torch.tensor([[1.0, -3.0]]))
    tensor([[-1.,  3.]])
    """

    @torch.enable_grad()
    def score(x: Tensor) -> Tensor:
        if not len(x):  # PyTorch makes no squares of no images (pixel_unshuffle)
            return x
        x = x.detach().float().requires_grad_()
        (slope,) = torch.autograd.grad(log_f(x).float().sum(), x)
        return slope

    return score


@torch.no_grad()
def langevin(
    score: Score,
    x: Tensor,
    steps: int,
    step: float,
    noise: float | None = None,
    clip: float | None = None,
    clamp: tuple[float, float] | None = None,
    generator: torch.Generator | None = None,
    way: list[Tensor] | None = None,
) -> Tensor:
    """Where so many chains are after a number of steps: (B, ...).

    Arguments:
        score: the slope of the log-density, (B, ...) -> (B, ...); `score_of` makes one of an energy.
        x: where each chain begins, (B, ...).
        steps: of each.
        step: what the slope is multiplied by.
        noise: the deviation of each jolt; None takes sqrt(2 step).
        clip: no number of the slope counts for more than this.
        clamp: the least and the greatest value that any number of x may take.
        generator: all the noise.
        way: a list to which every place is added, the first and the last included.
    """
    _check(steps, step, noise)
    deviation = math.sqrt(2.0 * step) if noise is None else noise
    for number in range(steps + 1):
        if number > 0:
            slope = score(x)
            slope = slope if clip is None else slope.clamp(-clip, clip)
            x = x + step * slope + deviation * normal(x.shape, x.device, generator)
            x = x if clamp is None else x.clamp(*clamp)
        if way is not None:
            way.append(x)
    return x


@torch.no_grad()
def annealed_langevin(
    score: NoisyScore,
    x: Tensor,
    sds: Tensor,
    steps: int,
    step: float,
    temperature: float = 1.0,
    generator: torch.Generator | None = None,
    way: list[Tensor] | None = None,
) -> Tensor:
    """Where chains are after all levels of noise: (B, ...).

    The last move goes to the mean of what a place with the least noise comes from, x + sd^2 s(x, sd), so that no noise is left
    (Jolicoeur-Martineau et al. 2020, arXiv 2009.05475).

    Arguments:
        score: (x (B, ...), sd (B,)) to the slope of the log-density of data with Gaussian noise of that deviation, (B, ...).
        x: where each chain begins, as draws from the noisiest density or wider, (B, ...).
        sds: the deviations of the noise, falling, (L,).
        steps: at each level.
        step: at a level of deviation sd the slope is multiplied by step sd^2. From 2 on chains run away.
        temperature: of the density at each level, which is raised to the power 1 / temperature.
        generator: all the noise.
        way: a list to which the place after each level is added, and the first and the last.
    """
    if sds.ndim != 1 or len(sds) == 0 or not (sds > 0).all() or not (sds.diff() < 0).all():
        raise ValueError(f"sds are deviations above 0, each less than the one before, not {sds.tolist()}")
    if way is not None:
        way.append(x)
    for sd in sds.tolist():
        size = step * sd**2
        jolt = math.sqrt(2.0 * size * temperature)
        x = langevin(lambda x, sd=sd: score(x, x.new_full((len(x),), sd)), x, steps, size, jolt, generator=generator)  # type: ignore[misc]
        if way is not None:
            way.append(x)
    x = x + sd**2 * score(x, x.new_full((len(x),), sd))
    if way is not None:
        way.append(x)
    return x


def _check(steps: int, step: float, noise: float | None) -> None:
    if steps < 0:
        raise ValueError(f"steps are 0 or more, not {steps}")
    if not step > 0.0:
        raise ValueError(f"step is above 0, not {step}")
    if noise is not None and not noise >= 0.0:
        raise ValueError(f"noise is a deviation, 0 or more, not {noise}")
