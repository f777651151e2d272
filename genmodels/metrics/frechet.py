"""Distances between two clouds of features, one feature vector per sample.

The Fréchet distance is the 2-Wasserstein distance between the Gaussians fitted to them (Dowson and Landau 1982; Heusel et
al. 2017, arXiv:1706.08500):

    FD = |m_a - m_b|^2 + tr C_a + tr C_b - 2 tr (C_a C_b)^(1/2)

With C = R^T R the trace of the root is the sum of the singular values of R_a R_b^T, for C_a C_b and (R_a R_b^T)(R_a R_b^T)^T
have the same eigenvalues other than 0. It is real by construction, and accurate where a covariance is singular.

The kernel distance is the squared maximum mean discrepancy under k(x, y) = (x.y / D + 1)^3, estimated without bias (Binkowski
et al. 2018, arXiv:1801.01401): it is 0 in expectation for equal distributions, and may come out below 0.
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 64  # rows of a kernel matrix at a time: few enough that it stays in the cache


def frechet_distance(a: Tensor, b: Tensor) -> float:
    """FD between features `a` (N, D) and `b` (M, D), covariances with N - 1. Fewer samples make it larger: keep N equal.

    >>> square = torch.tensor([[0.0, 0.0], [0.0, 2.0], [2.0, 0.0], [2.0, 2.0]])
    >>> round(frechet_distance(square, square + 3.0), 9)
    18.0
    """
    a, b = check_features(a, b)
    root_a, root_b = _root(a), _root(b)
    overlap = torch.linalg.svdvals(root_a @ root_b.T).sum()
    apart = (a.mean(0) - b.mean(0)).square().sum()
    return max(0.0, (apart + root_a.square().sum() + root_b.square().sum() - 2 * overlap).item())


def _root(x: Tensor) -> Tensor:
    """R with R^T R the covariance of `x`, its trace the sum of R's squares."""
    return torch.linalg.qr((x - x.mean(0)) / (len(x) - 1) ** 0.5, mode="r").R


def kernel_distance(a: Tensor, b: Tensor) -> float:
    """KD between features `a` (N, D) and `b` (M, D), over all pairs: no subsets, so no seed."""
    a, b = check_features(a, b)
    n, m = len(a), len(b)
    within_a = _kernel_sum(a, a) - _cubic(a.square().sum(1) / a.shape[1]).sum()
    within_b = _kernel_sum(b, b) - _cubic(b.square().sum(1) / b.shape[1]).sum()
    across = _kernel_sum(a, b)
    return (within_a / (n * (n - 1)) + within_b / (m * (m - 1)) - 2 * across / (n * m)).item()


def _kernel_sum(a: Tensor, b: Tensor) -> Tensor:
    return torch.stack([_cubic(rows @ b.T / b.shape[1]).sum() for rows in torch.split(a, BLOCK)]).sum()


def _cubic(product: Tensor) -> Tensor:
    base = product + 1
    return base * base * base


def relative_frechet(model: float, floor: float, trivial: float) -> float:
    """r = (FD(model) - FD(train)) / (FD(trivial) - FD(train)): 0 is as good as real samples, 1 no better than trivial ones.

    Arguments:
        model: the generator's distance from the held-out data.
        floor: that of as many training samples.
        trivial: that of as many samples of a trivial generator.

    >>> relative_frechet(model=3.0, floor=1.0, trivial=11.0)
    0.2
    """
    if not trivial > floor:
        raise ValueError(f"the trivial generator ({trivial:.4g}) must be farther from the data than its floor ({floor:.4g})")
    return (model - floor) / (trivial - floor)


def check_features(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both in float64, or a `ValueError` that says what is wrong with them."""
    for name, x in (("first", a), ("second", b)):
        if x.ndim != 2 or len(x) < 2:
            raise ValueError(f"features are (N, D) with N at least 2; the {name} are {tuple(x.shape)}")
        if not x.isfinite().all():
            raise ValueError(f"the {name} features hold numbers that are not finite")
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"features of {a.shape[1]} and of {b.shape[1]} dimensions cannot be compared")
    return a.double(), b.double()
