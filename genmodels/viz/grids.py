"""Many small images on one sheet, enlarged by a whole factor so that their pixels stay square and sharp."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genmodels.viz.figure import Picture

Tiles = NDArray[np.uint8]  # (N, H, W, 3)

_LARGEST = 1120  # pixels: a sheet is enlarged while it stays within this size
_FACTOR = 8
_NOT_A_NUMBER = (255, 0, 255)  # no image should have this colour, so that nobody takes NaN for black


def grid(images: Tensor, columns: int | None = None, padding: int = 1) -> Picture:
    """Images (N, 1 or 3, H, W) row by row; the default is as many columns as rows.

    Floats are in [0, 1], what lies outside is clipped, and what is not finite is shown in magenta; uint8 is taken as it is.

    >>> grid(torch.rand(10, 1, 28, 28)).shape  # 4 columns, 3 rows, enlarged 8 times
    (688, 920, 3)
    """
    tiles = _tiles(images)
    return _enlarged(_sheet(tiles, columns or math.ceil(math.sqrt(len(tiles))), padding))


def reconstructions(originals: Tensor, reconstructions: Tensor, columns: int = 10, padding: int = 1) -> Picture:
    """Rows of pairs: each original stands above its reconstruction."""
    if originals.shape != reconstructions.shape:
        raise ValueError(f"{tuple(originals.shape)} originals, {tuple(reconstructions.shape)} reconstructions")
    above, below = _tiles(originals), _tiles(reconstructions)
    columns = min(columns, len(above))
    strips = []
    for start in range(0, len(above), columns):
        row = slice(start, start + columns)
        strip = np.concatenate([_sheet(above[row], columns, padding), _sheet(below[row], columns, padding)])
        strips += [strip, _white(4 * padding, *strip.shape[1:])]
    return _enlarged(np.concatenate(strips[:-1]))


def strips(path: Tensor, before: Tensor | None = None, after: Tensor | None = None, padding: int = 1) -> Picture:
    """Rows of images that change step by step (B, n, C, H, W), with an original (B, C, H, W) set apart at either end.

    Of a morph the originals are `before` and `after`; of an attribute, added more and more, they are `before`.
    """
    if path.ndim != 5:
        raise ValueError(f"rows of images have the shape (B, n, C, H, W), these have {tuple(path.shape)}")
    for end in (before, after):
        if end is not None and end.shape != path[:, 0].shape:
            raise ValueError(f"{tuple(path.shape)} rows of images, but originals of shape {tuple(end.shape)}")
    blocks = [block for block in (before, path.flatten(0, 1), after) if block is not None]
    sheets = [_sheet(_tiles(block), len(block) // len(path), padding) for block in blocks]
    gap = _white(len(sheets[0]), 4 * padding, 3)
    return _enlarged(np.concatenate([part for sheet in sheets for part in (sheet, gap)][:-1], axis=1))


def _tiles(images: Tensor) -> Tiles:
    if images.ndim != 4 or images.shape[1] not in (1, 3) or 0 in images.shape:
        raise ValueError(f"images have the shape (N, 1 or 3, H, W), these have {tuple(images.shape)}")
    images = images.detach().cpu().permute(0, 2, 3, 1).expand(-1, -1, -1, 3)
    if images.dtype == torch.uint8:
        return images.numpy()
    if not images.is_floating_point():
        raise TypeError(f"images are uint8 or floats in [0, 1], these are {images.dtype}")
    tiles = (images.float().nan_to_num(0).clamp(0, 1) * 255).round().to(torch.uint8).numpy()
    tiles[~images.isfinite().all(-1).numpy()] = _NOT_A_NUMBER
    return tiles


def _sheet(tiles: Tiles, columns: int, padding: int) -> Picture:
    """Tiles side by side on white, `padding` pixels apart."""
    n, height, width, _ = tiles.shape
    rows = math.ceil(n / columns)
    cells = _white(rows * columns, height + padding, width + padding, 3)
    cells[:n, :height, :width] = tiles
    sheet = cells.reshape(rows, columns, *cells.shape[1:]).swapaxes(1, 2)  # (rows, height, columns, width, 3)
    sheet = sheet.reshape(rows * (height + padding), columns * (width + padding), 3)
    return sheet[: len(sheet) - padding, : sheet.shape[1] - padding]


def _enlarged(sheet: Picture) -> Picture:
    factor = min(max(_LARGEST // max(sheet.shape), 1), _FACTOR)
    return sheet.repeat(factor, axis=0).repeat(factor, axis=1)


def _white(*shape: int) -> NDArray[np.uint8]:
    return np.full(shape, 255, np.uint8)
