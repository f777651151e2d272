"""Does a generator copy its training set? How near its samples come to it, as against examples that nobody trained on.

    d(x)  = min_t |x - t|                                   t over the training set, in some space of features
    ratio = median d(made) / median d(held out)

Copies score 0; fresh draws from the distribution of the data 1, and what is far from all data more than that. A median does
not see that fewer than half of the samples are copies, so there is a second figure:

    near  = share of made samples with d(x) below the first percentile of d(held out)

which is 0.01 for fresh draws. Meehan et al. (2020, arXiv:2004.05675) compare the same two sets of distances by their ranks.
Copies with blemishes that move them in these features are not seen.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genmodels.metrics.frechet import check_features

BLOCK = 64  # rows of the matrix of products at a time


class Memorisation(NamedTuple):
    """The ratio of the medians, and the share of samples that are nearer than nearly all held-out examples."""

    ratio: float
    near: float


def memorisation(made: Tensor, held_out: Tensor, train: Tensor) -> Memorisation:
    """Of features `made` (N, D), against those of examples `held_out` (M, D) and of all that were trained on, `train` (T, D).

    >>> train, held_out = torch.arange(10.0).view(10, 1), torch.arange(10.0).view(10, 1) + 0.2
    >>> memorisation(train[::2] + 0.1, held_out, train)
    Memorisation(ratio=0.5, near=1.0)
    """
    return compare_distances(nearest_distance(made, train), nearest_distance(held_out, train))


def compare_distances(made: Tensor, held_out: Tensor) -> Memorisation:
    """The figures, from the distances (N,) and (M,) to the training set."""
    if not (median := held_out.quantile(0.5)) > 0:
        raise ValueError("half of the held-out examples are in the training set: hold out others")
    near = made < held_out.quantile(0.01)
    return Memorisation((made.quantile(0.5) / median).item(), near.double().mean().item())


@torch.no_grad()
def nearest_distance(x: Tensor, known: Tensor) -> Tensor:
    """From each row of `x` (N, D) to the nearest row of `known` (M, D): (N,) float64, exactly 0 for a copy.

    The nearest is found by products, |x - k|^2 / 2 = |x|^2 / 2 + (|k|^2 / 2 - x.k), which is fast; its distance is computed
    from differences, which is exact. Beside float64 copies of both, 64 M numbers are in memory.
    """
    x, known = check_features(x, known)
    half_squares, nearest = known.square().sum(1) / 2, torch.empty(len(x), dtype=torch.long, device=x.device)
    gaps = known.new_empty(BLOCK, len(known))  # one for all blocks: freed ones lie about in pieces, and memory would grow
    for rows, places in zip(x.split(BLOCK), nearest.split(BLOCK), strict=True):
        places.copy_(torch.addmm(half_squares, rows, known.T, alpha=-1, out=gaps[: len(rows)]).argmin(1))
    return (x - known[nearest]).norm(dim=1)
