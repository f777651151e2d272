"""Counting modes where they are known: the tests of mode collapse.

On a grid of Gaussians a sample is of high quality when it lies within three standard deviations of the nearest centre, and a
mode is covered when at least one sample of high quality lies in it (Srivastava et al. 2017, arXiv:1705.07761). On stacked
MNIST a judge reads the digit in each of three colour channels: 1000 modes (Metz et al. 2016, arXiv:1611.02163).

A count rises with the number of samples, so name that number beside it. The divergence from the uniform distribution,

    KL(histogram || uniform) = log K - H(histogram),

is 0 for equal shares and log K for a single mode. A finite sample leaves about (K - 1) / 2N nats in it by chance.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import torch
from torch import Tensor


class GridModes(NamedTuple):
    """What was found on a grid.

    modes: how many have at least one sample of high quality.
    high_quality: the share of samples within three standard deviations of their nearest centre.
    kl: KL(histogram || uniform) in nats, each sample counted for its nearest centre, of high quality or not.
    """

    modes: int
    high_quality: float
    kl: float


class StackedModes(NamedTuple):
    """How many of the 1000 labels were read at least once, and KL(histogram || uniform) in nats."""

    modes: int
    kl: float


class Reads(Protocol):
    """A judge that tells the digit."""

    def labels(self, images: Tensor, /) -> Tensor: ...


def grid_modes(samples: Tensor, centres: Tensor, sd: float) -> GridModes:
    """Compare `samples` (N, D) with the `centres` (K, D) of Gaussians of standard deviation `sd`.

    >>> centres = torch.tensor([[0.0, 0.0], [1.0, 0.0]])
    >>> samples = torch.tensor([[0.1, 0.0], [0.0, 0.2], [0.9, 0.0], [0.6, 0.0]])
    >>> grid_modes(samples, centres, sd=0.1)
    GridModes(modes=2, high_quality=0.75, kl=0.0)
    """
    if samples.ndim != 2 or centres.ndim != 2 or samples.shape[1] != centres.shape[1] or len(samples) == 0:
        raise ValueError(f"samples (N, D) and centres (K, D) are needed, not {tuple(samples.shape)}, {tuple(centres.shape)}")
    if not samples.isfinite().all():
        raise ValueError("the samples hold numbers that are not finite")
    if not sd > 0:
        raise ValueError(f"sd must be positive, not {sd}")
    distance, nearest = torch.cdist(samples.double(), centres.to(samples.device, torch.float64)).min(dim=1)
    good = distance <= 3 * sd
    return GridModes(
        modes=len(torch.unique(nearest[good])),
        high_quality=good.double().mean().item(),
        kl=kl_to_uniform(nearest, len(centres)),
    )


def stacked_modes(samples: Tensor, judge: Reads) -> StackedModes:
    """Read `samples` (N, 3, 28, 28), float in [0, 1] or uint8, as numbers of three digits."""
    if samples.ndim != 4 or samples.shape[1:] != (3, 28, 28):
        raise ValueError(f"stacked digits are (N, 3, 28, 28), not {tuple(samples.shape)}")
    digits = judge.labels(samples.reshape(-1, 1, 28, 28)).view(-1, 3)
    numbers = digits @ torch.tensor([100, 10, 1])
    return StackedModes(modes=len(torch.unique(numbers)), kl=kl_to_uniform(numbers, 1000))


def kl_to_uniform(labels: Tensor, classes: int) -> float:
    """KL(histogram || uniform) of `labels` (N,) in 0 .. classes - 1, in nats.

    >>> round(kl_to_uniform(torch.tensor([0, 0, 1, 1]), classes=4), 4)  # log 2
    0.6931
    """
    uniform = torch.ones(classes, device=labels.device)
    return histogram_kl(torch.bincount(labels, minlength=classes), uniform)


def histogram_kl(counts: Tensor, reference: Tensor) -> float:
    """KL(counts / sum || reference / sum) in nats: finite as long as every class has a share of the reference."""
    p, q = counts.double() / counts.sum(), reference.double() / reference.sum()
    return (torch.xlogy(p, p) - torch.xlogy(p, q)).sum().clamp(min=0).item()
