"""Painting images pixel by pixel with a PixelCNN: from nothing, or around what is known.

The stacks are asked for the features of one pixel at a time. `CachedStacks` keeps what it has computed and does no more than
one pass over the image in all; `RecomputedStacks` makes a pass for each pixel, as one would do it first. Both are given the
same uniform numbers, one for the component of a mixture and one for each channel of a pixel, and paint the same images, bit for
bit. (Their features differ by roundings, which change a pixel only where its number falls within one of a boundary between two
levels: of bits about one pixel in ten million, and none of a model in float64.)
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from genmodels.autoregressive.pixel_heads import Head, centred
from genmodels.autoregressive.pixel_stacks import FIRST, GatedLayer, PixelStacks, gate


@torch.no_grad()
def paint(
    stacks: PixelStacks,
    head: Head,
    x: Tensor,
    known: Tensor,
    y: Tensor | None,
    uniforms: Tensor,
    temperature: float,
    cached: bool,
) -> Tensor:
    """The images x with every pixel drawn that is not known.

    Arguments:
        stacks, head: what is told of the pixels before, and what is said of a pixel.
        x: whole numbers (B, C, H, W); what stands in them where nothing is known has no effect.
        known: whether each pixel is, (B, 1, H, W).
        y: the classes of the images, (B,).
        uniforms: in [0, 1), (B, 1 + C, H, W).
        temperature: of each draw.
        cached: whether to keep what was computed.
    """
    x = x.clone()
    canvas = F.pad(centred(x, head.levels), (FIRST, FIRST, FIRST, 0)).to(stacks.first_right.weight.dtype)
    eyes = CachedStacks(stacks, canvas, y) if cached else RecomputedStacks(stacks, canvas, y)
    for row in range(x.shape[2]):
        eyes.start_row(row)
        if known[:, :, row].all():
            continue
        for column in range(x.shape[3]):
            here = (..., slice(row, row + 1), slice(column, column + 1))
            drawn = head.draw(eyes.features(row, column), uniforms[here], temperature)
            x[here] = torch.where(known[here], x[here], drawn)
            canvas[:, :, row + FIRST, column + FIRST] = centred(x[:, :, row, column], head.levels)
    return x


class CachedStacks:
    """The features of `PixelStacks`, one pixel at a time, for the price of one pass over the image: nothing is computed twice.

    Of v the last rows of each layer are kept, as many as its kernel sees; of h the pixels of this row. Those are held with the
    batch last, (W, width, B), so that what a kernel sees is one matrix as it lies, and a layer two products.

    Arguments:
        stacks: what is computed.
        canvas: the images, with FIRST rows of zeros above and columns on either side; it is read as it is being painted.
        y: their classes.
    """

    def __init__(self, stacks: PixelStacks, canvas: Tensor, y: Tensor | None) -> None:
        self.stacks, self.canvas, self.y = stacks, canvas, y
        width = stacks.first_down.out_channels
        images, _, _, columns = canvas.shape
        columns -= 2 * FIRST
        self.places = stacks.place(stacks.where)
        self.first = stacks.first_right.weight.flatten(1), _column(stacks.first_right.bias)
        self.right = [_matrices(layer) for layer in stacks.layers]
        self.out = [(layer.out.weight.flatten(1), _column(layer.out.bias)) for layer in stacks.layers]
        self.above = [canvas.new_zeros(images, width, layer.reach, columns) for layer in stacks.layers]
        self.left = [canvas.new_zeros(layer.reach + columns, width, images) for layer in stacks.layers]
        self.links = [canvas.new_empty(0)] * len(stacks.layers)

    def start_row(self, row: int) -> None:
        """The vertical stack at a row, once all rows above are painted."""
        v = self.stacks.first_down(self.canvas[:, :, row : row + FIRST]) + self.places[:, :, row : row + 1]
        for place, layer in enumerate(self.stacks.layers):
            v = layer.with_class(v, self.y)
            seen = torch.cat([self.above[place], v], 2)
            self.above[place] = seen[:, :, 1:]
            v = v + layer.vertical(F.pad(seen, (layer.reach, layer.reach)))
            links = torch.cat([layer.link_value(v), layer.link_opening(v)], 1)[:, :, 0]
            self.links[place] = links.permute(2, 1, 0) + self.right[place][1]  # (W, 2 width, B)

    def features(self, row: int, column: int) -> Tensor:
        """The horizontal stack at a pixel, once those to the left are painted: (B, width, 1, 1)."""
        matrix, bias = self.first
        h = torch.addmm(bias, matrix, self.canvas[:, :, row + FIRST, column : column + FIRST].flatten(1).T)
        for place, layer in enumerate(self.stacks.layers):
            self.left[place][layer.reach + column] = h
            seen = self.left[place][column : column + layer.reach + 1].flatten(0, 1)
            value, opening = torch.addmm(self.links[place][column], self.right[place][0], seen).chunk(2)
            matrix, bias = self.out[place]
            h = torch.addmm(h, matrix, gate(value, opening)).add_(bias)
        return h.T[:, :, None, None]


class RecomputedStacks:
    """The same features by a whole pass for each pixel: what `CachedStacks` is measured against."""

    def __init__(self, stacks: PixelStacks, canvas: Tensor, y: Tensor | None) -> None:
        self.stacks, self.image, self.y = stacks, canvas[:, :, FIRST:, FIRST:-FIRST], y

    def start_row(self, row: int) -> None:
        """There is nothing to keep."""

    def features(self, row: int, column: int) -> Tensor:
        """All of the features, of which those of one pixel are used: (B, width, 1, 1)."""
        return self.stacks(self.image, self.y)[:, :, row : row + 1, column : column + 1]


def _matrices(layer: GatedLayer) -> tuple[Tensor, Tensor]:
    """The horizontal kernels of both halves of a gate as a matrix (2 width, pixels width), and their biases (2 width, 1)."""
    halves = (layer.right_value, layer.right_opening)
    weight = torch.cat([half.weight[:, :, 0].transpose(1, 2).flatten(1) for half in halves])
    return weight, torch.cat([_column(half.bias) for half in halves])


def _column(bias: Tensor | None) -> Tensor:
    assert bias is not None
    return bias[:, None]
