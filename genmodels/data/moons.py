"""Two moons in the plane: half circles of radius 1 that interlock, blurred by Gaussian noise, with a known density.

    c(t) = (cos t, sin t)  or  (1 - cos t, 1/2 - sin t), either with probability 1/2,   t ~ U(0, pi)
    x    = c(t) + sd e,    e ~ N(0, I)
    p(x) = 1 / (2 pi) * sum_c  integral_0^pi  N(x | c(t), sd^2 I) dt

The moons are those of scikit-learn's `make_moons`, which spaces t evenly where this draws it. The integral has no closed
form; Gauss-Legendre nodes much closer than sd make it exact to rounding.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Moons:
    """Two moons blurred by `sd`.

    >>> Moons().sample(3, seed=0).shape
    torch.Size([3, 2])
    >>> round(Moons().entropy(), 4), round(Moons().entropy(standardised=True), 4)
    (0.2892, 1.1312)
    """

    sd: float = 0.05

    def __post_init__(self) -> None:
        if not 0.005 <= self.sd <= 10:
            raise ValueError(f"moons are blurred by 0.005 to 10, not {self.sd}")

    @property
    def mean(self) -> Tensor:
        """The centre, (2,)."""
        return torch.tensor([0.5, 0.25], dtype=torch.float64)

    @property
    def covariance(self) -> Tensor:
        """The covariance, (2, 2), from the moments of the half circles."""
        xx, xy, yy = 3 / 4, 1 / 8 - 1 / math.pi, 9 / 16 - 1 / math.pi
        return torch.tensor([[xx, xy], [xy, yy]], dtype=torch.float64) + self.sd**2 * torch.eye(2, dtype=torch.float64)

    def sample(self, n: int, seed: int) -> Tensor:
        """`n` points, (n, 2) float32."""
        generator = torch.Generator().manual_seed(seed)
        lower = torch.rand(n, generator=generator) < 0.5
        upper_moon = _arc(math.pi * torch.rand(n, generator=generator))
        centre = torch.where(lower[:, None], torch.tensor([1.0, 0.5]) - upper_moon, upper_moon)
        return centre + self.sd * torch.randn(n, 2, generator=generator)

    def standardised(self, x: Tensor) -> Tensor:
        """Each coordinate of `x` (..., 2) less its mean, by its deviation."""
        return (x - self.mean.to(x)) / self.covariance.diagonal().sqrt().to(x)

    def log_prob(self, x: Tensor) -> Tensor:
        """The log-density in nats at `x` (..., 2)."""
        flat = x.reshape(-1, 2).double()
        parts = [self._log_prob(part) for part in flat.split(4096)]
        return torch.cat(parts).view(x.shape[:-1]).to(x.dtype) if parts else x.new_empty(x.shape[:-1])

    def entropy(self, standardised: bool = False) -> float:
        """-E log p in nats, summed over a lattice of steps of sd / 2: what the best of models has as its loss."""
        low, high = -1 - 9 * self.sd, 2 + 9 * self.sd  # the moons lie in [-1, 2] x [-1/2, 1]
        step = self.sd / 2
        x = torch.arange(low, high, step, dtype=torch.float64)
        y = torch.arange(low + 0.5, high - 1, step, dtype=torch.float64)
        log_p = self.log_prob(torch.cartesian_prod(x, y))
        entropy = -(log_p.exp() * log_p).sum().item() * step**2
        return entropy - 0.5 * self.covariance.diagonal().log().sum().item() * standardised

    def _log_prob(self, x: Tensor) -> Tensor:
        centres, log_weight = self._nodes
        squared = (x[:, None] - centres.to(x.device)).square().sum(-1)  # (B, nodes)
        log_sum = torch.logsumexp(log_weight.to(x.device) - squared / (2 * self.sd**2), dim=1)
        return log_sum - math.log(2 * math.pi * self.sd**2)

    @cached_property
    def _nodes(self) -> tuple[Tensor, Tensor]:
        """Points along both moons (nodes, 2) and the logarithms of their weights (nodes,), which sum to one."""
        node, weight = (torch.from_numpy(array) for array in np.polynomial.legendre.leggauss(32 + math.ceil(8 / self.sd)))
        upper = _arc(math.pi * (node + 1) / 2)
        centres = torch.cat([upper, torch.tensor([1.0, 0.5], dtype=torch.float64) - upper])
        return centres, (weight / 4).log().repeat(2)


def _arc(t: Tensor) -> Tensor:
    return torch.stack([t.cos(), t.sin()], dim=-1)
