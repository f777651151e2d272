"""Score matching: to learn the slope of log p without its height (Hyvärinen 2005).

    s(x) = grad log p(x),      E |s_model - s|^2 / 2 = E [trace grad s_model + |s_model|^2 / 2] + constant

The data are given noise of deviation sd, so that they have a density everywhere, and the loss is multiplied by sd^2, which
makes levels of noise alike. There are two ways around the trace:

    denoising   E |sd s(x + sd e, sd) + e|^2 / 2             the slope points back to where x came from (Vincent 2011)
    sliced      sd^2 E [v grad(v s) + |s|^2 / 2]             along a random direction v (Song et al. 2019, arXiv 1905.07088)

Up to a constant their means are the same. The sliced one asks for a derivative of a derivative, and not for where x came from.
"""

from __future__ import annotations

import torch
from torch import Tensor

from genmodels.sampling.langevin import NoisyScore, Score


def denoising(score: NoisyScore, x: Tensor, sd: Tensor) -> Tensor:
    """The denoising loss of each example, summed over dimensions: x (B, ...), sd (B,) -> (B,)."""
    e, deviation = torch.randn_like(x), _like(sd, x)
    missed = deviation * score(x + deviation * e, sd) + e
    return 0.5 * missed.square().flatten(1).sum(1)


@torch.enable_grad()
def sliced(score: NoisyScore, x: Tensor, sd: Tensor) -> Tensor:
    """The sliced loss of each example, summed over dimensions, along a random direction: x (B, ...), sd (B,) -> (B,)."""
    noisy = x + _like(sd, x) * torch.randn_like(x)
    v = 2.0 * torch.randint_like(x, 2) - 1.0
    along, slope = sliced_trace(lambda y: score(y, sd), noisy, v)
    return sd.square() * (along + 0.5 * slope.square().flatten(1).sum(1))


@torch.enable_grad()
def sliced_trace(score: Score, x: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """v grad(v s(x)) of each example (B,), whose mean over v with E v v' = I is the trace of grad s; and s(x), (B, ...)."""
    x = x.detach().requires_grad_()
    slope = score(x)
    (of_x,) = torch.autograd.grad((slope * v).sum(), x, create_graph=True)
    return (of_x * v).flatten(1).sum(1), slope


def _like(sd: Tensor, x: Tensor) -> Tensor:
    return sd.view(-1, *[1] * (x.ndim - 1))
