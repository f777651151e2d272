"""How much of what is made is real, and how much of what is real is made: precision, recall, density, coverage.

The real samples' manifold is the union of balls B(x_i, r_k(x_i)), where r_k is the distance from x_i to its k-th nearest
neighbour among the other real samples; the generated samples have theirs (Kynkäänniemi et al. 2019, arXiv:1904.06991):

    precision = share of generated samples inside the real manifold
    recall    = share of real samples inside the generated manifold

One outlier's ball can make precision large. Counting balls helps (Naeem et al. 2020, arXiv:2002.09797):

    density  = mean over generated samples of (real balls they lie in) / k, which is 1 where the distributions agree
    coverage = share of real balls with a generated sample inside
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from genmodels.metrics.frechet import check_features

BLOCK = 64  # rows of a distance matrix at a time


class PRDC(NamedTuple):
    """Precision, recall and coverage lie in [0, 1]; density may exceed 1."""

    precision: float
    recall: float
    density: float
    coverage: float


def precision_recall(real: Tensor, made: Tensor, k: int = 3) -> PRDC:
    """Exact, from all pairs, between features `real` (N, D) and `made` (M, D).

    >>> x = torch.arange(8.0).view(8, 1)
    >>> precision_recall(x, x, k=1)
    PRDC(precision=1.0, recall=1.0, density=2.75, coverage=1.0)
    >>> precision_recall(x, x[:4], k=1)
    PRDC(precision=1.0, recall=0.625, density=2.75, coverage=0.625)
    """
    real, made = check_features(real, made)
    if not 1 <= k < min(len(real), len(made)):
        raise ValueError(f"k is {k}: it must be at least 1 and less than the number of samples, {min(len(real), len(made))}")
    real_radius, made_radius = neighbour_distance(real, k), neighbour_distance(made, k)
    balls_around = torch.zeros(len(made), dtype=torch.long, device=made.device)  # real balls that each generated sample lies in
    recalled, covered = [], []
    for rows, radius in zip(torch.split(real, BLOCK), torch.split(real_radius, BLOCK), strict=True):
        distance = _distances(rows, made)
        inside = distance <= radius[:, None]
        balls_around += inside.sum(0)
        covered.append(inside.any(1))
        recalled.append((distance <= made_radius).any(1))
    return PRDC(
        precision=(balls_around > 0).double().mean().item(),
        recall=torch.cat(recalled).double().mean().item(),
        density=balls_around.double().mean().item() / k,
        coverage=torch.cat(covered).double().mean().item(),
    )


def neighbour_distance(x: Tensor, k: int) -> Tensor:
    """From each row of `x` (N, D) to its k-th nearest other row; equal rows are neighbours at distance 0."""
    radii = []
    for start in range(0, len(x), BLOCK):
        distance = _distances(x[start : start + BLOCK], x)
        rows = torch.arange(len(distance))
        distance[rows, start + rows] = torch.inf  # nobody is their own neighbour
        radii.append(distance.topk(k, largest=False).values[:, -1])
    return torch.cat(radii)


def _distances(a: Tensor, b: Tensor) -> Tensor:
    """From differences and not from products, so that equal rows are at distance 0 exactly."""
    return torch.cdist(a, b, compute_mode="donot_use_mm_for_euclid_dist")
