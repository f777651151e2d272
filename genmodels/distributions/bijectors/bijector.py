"""What every bijector can do, and bijectors made of bijectors.

(g o f)(x) = g(f(x))        log |det| = log |det df/dx| + log |det dg/df|
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Bijector(nn.Module, ABC):
    """An invertible map of examples (B, ...), each by itself; it may depend on a context (B, features).

    Both ways answer what comes out and the log-determinant of that very way, in nats: (B, ...), (B,).
    """

    @abstractmethod
    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """y = f(x), and log |det dy/dx|."""

    @abstractmethod
    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The x for which f(x) = y, and log |det dx/dy|."""

    def log_det(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """log |det df/dx| at x: (B,)."""
        return self(x, context)[1]

    @torch.no_grad()
    def initialise(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """Set from a first batch what depends on one, and return f(x). Most bijectors have nothing of the kind."""
        return self(x, context)[0]


class Compose(Bijector):
    """One after the other, in the order given; of none it is the identity."""

    def __init__(self, bijectors: Iterable[Bijector]) -> None:
        super().__init__()
        self.bijectors = nn.ModuleList(bijectors)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = no_stretch(x)
        for bijector in self.bijectors:
            x, log_det = bijector(x, context)
            total = total + log_det
        return x, total

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        total = no_stretch(y)
        for bijector in reversed(self.bijectors):
            assert isinstance(bijector, Bijector)
            y, log_det = bijector.inverse(y, context)
            total = total + log_det
        return y, total

    @torch.no_grad()
    def initialise(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        for bijector in self.bijectors:
            assert isinstance(bijector, Bijector)
            x = bijector.initialise(x, context)
        return x


class Invert(Bijector):
    """The same map the other way round."""

    def __init__(self, bijector: Bijector) -> None:
        super().__init__()
        self.bijector = bijector

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.bijector.inverse(x, context)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.bijector(y, context)


def no_stretch(x: Tensor) -> Tensor:
    """The log-determinants of a map that keeps volumes: zeros (B,), in the precision of x and at least in float32."""
    return torch.zeros(len(x), device=x.device, dtype=torch.promote_types(x.dtype, torch.float32))


def channelwise(values: Tensor, like: Tensor) -> Tensor:
    """Values (C,) so shaped that they meet the channels of (B, C, ...)."""
    return values.view(-1, *[1] * (like.ndim - 2))
