"""Couplings: half of the channels is changed, one by one, as the other half says (Dinh et al. 2015, arXiv 1410.8516).

    x = [x_a, x_b]        y = [x_a, g(x_b; network(x_a))]

The Jacobian is triangular, so its determinant is the product of the slopes of g; and whatever the network is, there is a way
back, as x_a is still there to be asked. A permutation between two couplings lets the other half have its turn.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genmodels.distributions.bijectors.bijector import Bijector
from genmodels.distributions.bijectors.elementwise import Elements


class Coupling(Bijector):
    """The last channels of (B, C, ...), changed as the first ones say.

    Arguments:
        network: (B, kept + context features, ...) -> (B, (C - kept) elements.numbers, ...). It may compute in bfloat16.
        elements: how a number is changed.
        kept: how many channels stay as they are.
    """

    def __init__(self, network: nn.Module, elements: Elements, kept: int) -> None:
        super().__init__()
        if kept < 1:
            raise ValueError(f"kept: a coupling keeps at least one channel to ask, not {kept}")
        self.network, self.elements, self.kept = network, elements, kept

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        first, rest = x[:, : self.kept], x[:, self.kept :]
        y, log_slopes = self.elements.forward(rest, self._numbers(first, rest, context))
        return torch.cat([first, y], 1), log_slopes.flatten(1).sum(1)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        first, rest = y[:, : self.kept], y[:, self.kept :]
        x, log_slopes = self.elements.inverse(rest, self._numbers(first, rest, context))
        return torch.cat([first, x], 1), log_slopes.flatten(1).sum(1)

    def _numbers(self, first: Tensor, rest: Tensor, context: Tensor | None) -> Tensor:
        """What the network says of each number of `rest`: (B, C - kept, ..., numbers)."""
        told = first if context is None else torch.cat([first, _spread(context, first)], 1)
        said = self.network(told).to(rest.dtype)
        return said.unflatten(1, (rest.shape[1], self.elements.numbers)).movedim(2, -1)


def _spread(context: Tensor, like: Tensor) -> Tensor:
    """A context (B, features) at every position of (B, C, ...)."""
    return context.to(like.dtype).view(*context.shape, *[1] * (like.ndim - 2)).expand(-1, -1, *like.shape[2:])
