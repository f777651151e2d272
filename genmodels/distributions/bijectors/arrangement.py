"""Numbers moved and not changed, which keeps volumes; and a part of them changed further (Dinh et al. 2017, arXiv 1605.08803).

permutation    channels in another order
squeeze        2x2 blocks of pixels as channels: (C, H, W) -> (4 C, H / 2, W / 2)
flatten        an image as a vector
split          half of the channels goes on through a deeper map, half is done: the scales of a flow
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels.distributions.bijectors.bijector import Bijector, no_stretch


class Permutation(Bijector):
    """The channels of (B, C, ...) in another order: y_i = x_order(i)."""

    order: Tensor

    def __init__(self, order: Sequence[int]) -> None:
        super().__init__()
        if sorted(order) != list(range(len(order))):
            raise ValueError(f"order: each channel from 0 to {len(order) - 1} once, not {tuple(order)}")
        self.register_buffer("order", torch.tensor(order, dtype=torch.long), persistent=False)

    @classmethod
    def reverse(cls, channels: int) -> Self:
        """The last channel first."""
        return cls(range(channels)[::-1])

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x[:, self.order], no_stretch(x)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return y[:, self.order.argsort()], no_stretch(y)


class Squeeze(Bijector):
    """Each 2x2 block of pixels as channels: (B, C, H, W) -> (B, 4 C, H / 2, W / 2); the four of a channel stay together.

    >>> Squeeze()(torch.arange(4.0).view(1, 1, 2, 2))[0].flatten()
    tensor([0., 1., 2., 3.])
    """

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        if x.ndim != 4 or x.shape[2] % 2 or x.shape[3] % 2:
            raise ValueError(f"what is squeezed has the shape (B, C, H, W) with even sides, not {tuple(x.shape)}")
        return F.pixel_unshuffle(x, 2), no_stretch(x)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return F.pixel_shuffle(y, 2), no_stretch(y)


class Flatten(Bijector):
    """Examples of a shape as vectors: (B, *shape) -> (B, D)."""

    def __init__(self, shape: Sequence[int]) -> None:
        super().__init__()
        self.shape = tuple(shape)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return x.flatten(1), no_stretch(x)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return y.unflatten(1, self.shape), no_stretch(y)


class Split(Bijector):
    """The first half of the channels through a deeper map, and the rest as it is: y = [deeper(x_a), x_b], flat.

    Arguments:
        deeper: of (B, C / 2, ...) to vectors of as many numbers.
        shape: of an example, (C, ...), an even number of channels.
    """

    def __init__(self, deeper: Bijector, shape: Sequence[int]) -> None:
        super().__init__()
        if shape[0] % 2:
            raise ValueError(f"shape: what is split has an even number of channels, not {shape[0]}")
        self.deeper, self.rest = deeper, (shape[0] // 2, *shape[1:])

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        first, rest = x.chunk(2, dim=1)
        y, log_det = self.deeper(first, context)
        return torch.cat([y, rest.flatten(1)], 1), log_det

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y, rest = y.tensor_split([y.shape[1] - math.prod(self.rest)], dim=1)
        first, log_det = self.deeper.inverse(y, context)
        return torch.cat([first, rest.unflatten(1, self.rest)], 1), log_det

    @torch.no_grad()
    def initialise(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        first, rest = x.chunk(2, dim=1)
        return torch.cat([self.deeper.initialise(first, context), rest.flatten(1)], 1)
