"""What every distribution can do."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

import torch
from torch import Tensor


class Distribution(ABC):
    """A batch of distributions over tensors of one shape, (B, ...)."""

    @property
    @abstractmethod
    def mean(self) -> Tensor:
        """The expectation of each, (B, ...)."""

    @abstractmethod
    def log_prob(self, x: Tensor) -> Tensor:
        """log p(x) in nats, summed over all dimensions but the first: (B, ...) -> (B,)."""

    @abstractmethod
    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """A draw from each, (B, ...); differentiable in the parameters where the distribution allows it."""

    @abstractmethod
    def tempered(self, tau: float) -> Self:
        """The same at temperature tau: 1 changes nothing, below it is surer, above it is wilder."""
