"""The normaliser of an energy that no grid can hold, by annealed importance sampling (Neal 2001, arXiv:physics/9803008;
Salakhutdinov and Murray 2008).

    f_b, b from 0 to 1                  unnormalised densities, on the way from one that is known to the target
    x_0 ~ f_0 / Z_0,  x_k ~ T_k(x_k | x_{k-1}),  T_k leaves f_{b_k} invariant
    log w   = sum_k log f_{b_k}(x_{k-1}) - log f_{b_{k-1}}(x_{k-1}),    k = 1 .. K
    log Z_1 = log Z_0 + log mean w                                      over many chains

E w = Z_1 / Z_0 exactly, however badly T mixes. The logarithm of a mean is low on average, so log Z comes out too small rather
than too large, and the likelihoods that it gives flatter the model.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

from genmodels.random_streams import normal, uniform

LogDensity = Callable[[Tensor], Tensor]  # (N, ...) -> (N,)
Annealed = Callable[[Tensor, float], Tensor]  # the same at b
Transition = Callable[[Tensor, float, torch.Generator], Tensor]  # (N, ...) -> (N, ...), at b


class Normaliser(NamedTuple):
    """An estimate of log Z.

    log_z: the estimate.
    error: its standard error over chains, sd(w) / (mean(w) sqrt N), which weights of heavy tails make too small.
    effective: (sum w)^2 / sum w^2, how many chains of equal weight would be worth as much. A few say: more steps.
    ends: where the chains were at last, (N, ...). Are they where the data are? Else Z lacks the data's part, and neither the
        error nor the effective number tells.
    """

    log_z: float
    error: float
    effective: float
    ends: Tensor


def annealed_importance(
    log_f: Annealed,
    transition: Transition,
    start: Tensor,
    betas: Tensor,
    generator: torch.Generator,
    log_z_start: float = 0.0,
) -> Normaliser:
    """log Z of f_1, from as many chains as there are starts.

    Arguments:
        log_f: (x, b) -> log f_b(x), finite wherever chains go, (N,).
        transition: (x, b, generator) -> x, which leaves f_b invariant: Gibbs, Metropolis, Hamiltonian.
        start: independent draws from f_0, (N, ...).
        betas: from 0 to 1, rising, (K + 1,).
        generator: all the noise, handed to the transitions.
        log_z_start: the logarithm of Z_0, 0 where f_0 is normalised.
    """
    if betas.ndim != 1 or len(betas) < 2 or betas[0] != 0 or betas[-1] != 1 or not (betas.diff() > 0).all():
        raise ValueError("betas rise from 0 to 1, each greater than the one before")
    if len(start) < 2:
        raise ValueError("at least two chains are needed for a mean and its error")
    x, log_w = start, torch.zeros(len(start), dtype=torch.float64, device=start.device)
    for before, after in itertools.pairwise(betas.tolist()):
        x = transition(x, before, generator).detach() if before > 0 else start
        with torch.no_grad():  # not around the transition, which may follow gradients
            log_w += (log_f(x, after) - log_f(x, before)).double()
    if not log_w.isfinite().all():
        raise ValueError("log_f is not finite everywhere that the chains went: let f_0 cover the target, and both have tails")
    n, w = len(log_w), (log_w - log_w.max()).exp()
    return Normaliser(
        log_z=log_z_start + log_w.logsumexp(0).item() - math.log(n),
        error=(w.std() / w.mean()).item() / math.sqrt(n),
        effective=(w.sum().square() / w.square().sum()).item(),
        ends=x,
    )


def geometric(log_start: LogDensity, log_target: LogDensity) -> Annealed:
    """The way from one density to another on which log f_b = (1 - b) log f_0 + b log f_1."""
    return lambda x, b: (1 - b) * log_start(x) + b * log_target(x)


def metropolis(log_f: Annealed, size: float, moves: int = 1) -> Transition:
    """Random-walk Metropolis: x' = x + size e, e ~ N(0, I), is taken with probability min(1, f_b(x') / f_b(x)).

    >>> def log_f(x, b):
    ...     return -x.square().sum(1) / 2
    >>> x = metropolis(log_f, size=1.5, moves=100)(torch.full((10000, 1), 5.0), 1.0, torch.Generator().manual_seed(0))
    >>> round(x.std().item(), 1)
    1.0
    """

    @torch.no_grad()
    def transition(x: Tensor, b: float, generator: torch.Generator) -> Tensor:
        level = log_f(x, b)
        for _ in range(moves):
            proposal = x + size * normal(x.shape, x.device, generator)
            proposed = log_f(proposal, b)
            taken = uniform(level.shape, x.device, generator).log() < proposed - level
            x = torch.where(taken.view(-1, *[1] * (x.ndim - 1)), proposal, x)
            level = torch.where(taken, proposed, level)
        return x

    return transition
