"""Independent bits."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from genmodels.distributions.distribution import Distribution


class Bernoulli(Distribution):
    """Bits that are one with probability sigmoid(logits), each by itself: logits (B, ...).

    Of an x between 0 and 1 the expected log-probability is given, over bits drawn with probability x.

    >>> Bernoulli(torch.zeros(1, 3)).log_prob(torch.ones(1, 3))
    tensor([-2.0794])
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits.float()

    @property
    def mean(self) -> Tensor:
        return self.logits.sigmoid()

    def log_prob(self, x: Tensor) -> Tensor:
        return -F.binary_cross_entropy_with_logits(self.logits, x, reduction="none").flatten(1).sum(1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        return torch.bernoulli(self.mean, generator=generator)

    def tempered(self, tau: float) -> Bernoulli:
        """The logits are divided by tau: the probabilities are raised to the power 1 / tau and normalised."""
        return Bernoulli(self.logits / tau)
