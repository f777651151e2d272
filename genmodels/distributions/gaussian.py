"""Gaussians with a diagonal covariance."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genmodels.distributions.distribution import Distribution
from genmodels.random_streams import normal

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class DiagonalGaussian(Distribution):
    """N(mean, sd^2), every dimension by itself: mean (B, ...), log_sd broadcast to it.

    >>> DiagonalGaussian(torch.zeros(1, 2), torch.tensor(0.0)).log_prob(torch.zeros(1, 2))
    tensor([-1.8379])
    """

    def __init__(self, mean: Tensor, log_sd: Tensor) -> None:
        self._mean = mean.float()
        self.log_sd = log_sd.float()

    @property
    def mean(self) -> Tensor:
        return self._mean

    @property
    def sd(self) -> Tensor:
        """The standard deviations."""
        return self.log_sd.exp()

    def log_prob(self, x: Tensor) -> Tensor:
        z = (x - self.mean) * (-self.log_sd).exp()
        each = tuple(range(1, z.ndim))  # summed where they lie: to flatten an image whose channels come last would copy it
        return -0.5 * z.square().sum(each) - (self.log_sd + _HALF_LOG_TWO_PI).expand_as(z).sum(each)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        return self.mean + self.sd * normal(self.mean.shape, self.mean.device, generator)

    def tempered(self, tau: float) -> DiagonalGaussian:
        """The standard deviation scales with the root of tau: the density is raised to the power 1 / tau."""
        return DiagonalGaussian(self.mean, self.log_sd + 0.5 * math.log(tau))

    def kl_from_standard(self) -> Tensor:
        """KL(this || N(0, 1)) of each dimension, in nats: (B, ...).

        KL = (mean^2 + sd^2 - 1) / 2 - log sd
        """
        return 0.5 * (self.mean.square() + (2.0 * self.log_sd).exp() - 1.0) - self.log_sd
