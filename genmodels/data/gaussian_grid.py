"""A grid of Gaussians in the plane: modes that can be counted, and a density known exactly.

    p(x) = 1 / side^2 * sum_c N(x | c, sd^2 I)

The field's usual test of mode collapse has 5 x 5 of them (Srivastava et al. 2017, VEEGAN, arXiv:1705.07761).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class GaussianGrid:
    """`side` x `side` Gaussians of standard deviation `sd`, `spacing` apart, centred on the origin.

    >>> GaussianGrid(side=2).centres
    tensor([[-1., -1.],
            [-1.,  1.],
            [ 1., -1.],
            [ 1.,  1.]])
    """

    side: int = 5
    spacing: float = 2.0
    sd: float = 0.05

    def __post_init__(self) -> None:
        if self.side < 1 or self.spacing <= 0 or self.sd <= 0:
            raise ValueError(f"a grid needs at least one Gaussian and positive distances: {self}")

    @property
    def centres(self) -> Tensor:
        """The means, (side^2, 2)."""
        return torch.cartesian_prod(self._axis, self._axis)

    def sample(self, n: int, seed: int) -> Tensor:
        """`n` points, (n, 2) float32."""
        generator = torch.Generator().manual_seed(seed)
        mode = torch.randint(self.side**2, (n,), generator=generator)
        return self.centres[mode] + self.sd * torch.randn(n, 2, generator=generator)

    def log_prob(self, x: Tensor) -> Tensor:
        """The log-density in nats at `x` (..., 2): the grid is a product of two mixtures on the line, so their sum."""
        squared = (x[..., None] - self._axis.to(x)) ** 2 / self.sd**2  # (..., 2, side)
        log_normaliser = math.log(self.side * self.sd * math.sqrt(2 * math.pi))
        return (torch.logsumexp(-squared / 2, dim=-1) - log_normaliser).sum(-1)

    @property
    def _axis(self) -> Tensor:
        return self.spacing * (torch.arange(self.side) - (self.side - 1) / 2)
