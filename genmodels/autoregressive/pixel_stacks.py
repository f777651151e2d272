"""What a pixel is told of those before it: the two stacks of a gated PixelCNN (van den Oord et al. 2016, arXiv 1606.05328).

    v <- v + gate(down * v)                          the vertical stack: all rows above
    h <- h + W gate(right * h + link v)              the horizontal stack: the pixels to the left in this row, and v
    gate(a, b) = tanh(a) sigmoid(b)

    v v v v v v v v        One stack of masked 3x3 kernels has a blind spot: along a row it hands things on to the right only,
    v v v v v v v v        so of the row above it sees one pixel to the right, of the next two, and so on. Here v covers the
    h h h h x . . .        rows above to both sides, and h has nothing to see but its own row.

No weight is masked. A kernel that ends at the pixel, on an image with zeros above and beside, sees what it may and nothing
else. The first layers end one row above, or one pixel to the left: v never sees its own row, nor h its own pixel.

A class c adds a vector to what both gates of a layer read; W (v + c) = W v + W c is a bias of each at a quarter of the cost.
The link is taken behind the vertical gate, where there are half as many channels as before it, and both stacks have residuals.

To v is added, beyond the paper, where in the image it is (W p, p the sines and cosines of row and column): all else is the same
everywhere, and a digit would be begun anew at the bottom of an image, below what the stacks can see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch.nn.functional as F
from torch import Tensor, nn

from genmodels.nn import sinusoidal_2d

FIRST = 3  # how far the first layers see: so many rows up, and pixels to the left and right


def gate(value: Tensor, opening: Tensor) -> Tensor:
    """tanh(value) sigmoid(opening). The two come from layers of their own: halves of one tensor would be walked in pieces."""
    return value.tanh() * opening.sigmoid()


class GatedLayer(nn.Module):
    """One layer of both stacks: (B, width, H, W) twice, to the same.

    Arguments:
        width: channels of each stack.
        kernel: the side of the square whose upper half the vertical stack sees; odd.
        classes: how many an image may be of; with one there is nothing to tell.
    """

    def __init__(self, width: int, kernel: int, classes: int) -> None:
        super().__init__()
        self.reach = kernel // 2
        self.down_value, self.down_opening = (nn.Conv2d(width, width, (self.reach + 1, kernel)) for _ in range(2))
        self.right_value, self.right_opening = (nn.Conv2d(width, width, (1, self.reach + 1)) for _ in range(2))
        self.link_value, self.link_opening = (nn.Conv2d(width, width, 1, bias=False) for _ in range(2))
        self.out = nn.Conv2d(width, width, 1)
        self.classes = nn.Embedding(classes, width) if classes > 1 else None
        if self.classes is not None:
            nn.init.zeros_(self.classes.weight)

    def forward(self, v: Tensor, h: Tensor, y: Tensor | None) -> tuple[Tensor, Tensor]:
        v = self.with_class(v, y)
        v = v + self.vertical(F.pad(v, (self.reach, self.reach, self.reach, 0)))
        return v, h + self.horizontal(F.pad(h, (self.reach, 0)), v)

    def with_class(self, v: Tensor, y: Tensor | None) -> Tensor:
        """v and the vector of each image's class y, (B,)."""
        return v if self.classes is None or y is None else v + self.classes(y)[:, :, None, None].to(v.dtype)

    def vertical(self, v: Tensor) -> Tensor:
        """The gated vertical convolution of a v with zeros above and on both sides."""
        return gate(self.down_value(v), self.down_opening(v))

    def horizontal(self, h: Tensor, v: Tensor) -> Tensor:
        """The gated horizontal convolution of an h with zeros to the left, and of v."""
        return self.out(gate(self.right_value(h) + self.link_value(v), self.right_opening(h) + self.link_opening(v)))


class PixelStacks(nn.Module):
    """Images (B, channels, H, W), centred in [-1, 1], to features (B, width, H, W), of which each knows the pixels before it.

    It sees `FIRST + layers (kernel // 2)` rows up, and as many pixels to either side.
    """

    where: Tensor

    def __init__(self, shape: Sequence[int], width: int, layers: int, kernel: int, classes: int) -> None:
        super().__init__()
        channels, height, breadth = shape
        self.register_buffer("where", sinusoidal_2d(height, breadth, width).permute(2, 0, 1)[None], persistent=False)
        self.place = nn.Conv2d(width, width, 1, bias=False)
        self.first_down = nn.Conv2d(channels, width, (FIRST, 2 * FIRST + 1))
        self.first_right = nn.Conv2d(channels, width, (1, FIRST))
        gated = nn.ModuleList(GatedLayer(width, kernel, classes) for _ in range(layers))
        self.layers = cast("Sequence[GatedLayer]", gated)

    def forward(self, x: Tensor, y: Tensor | None) -> Tensor:
        x = x.to(self.first_right.weight.dtype)
        v = self.first_down(F.pad(x, (FIRST, FIRST, FIRST, -1))) + self.place(self.where)
        h = self.first_right(F.pad(x, (FIRST, -1)))
        for layer in self.layers:
            v, h = layer(v, h, y)
        return h
