"""Frames of any size as 64 x 64: each new pixel is the mean of the area that it covers.

    out = R x C^T        R, C: rows of weights that sum to one

Both matrices repeat along the diagonal: of a side of 400 pixels, each 25 become 4. One such block is all that is multiplied.
"""

from __future__ import annotations

from functools import cache
from math import gcd

import numpy as np
from numpy.typing import NDArray

from envs.simulator import SIDE, Frames


def shrink(images: NDArray[np.uint8]) -> Frames:
    """(..., height, width, 3) to (..., 64, 64, 3).

    >>> checks = np.zeros((2, 128, 128, 3), np.uint8)
    >>> checks[:, ::2, ::2] = 200
    >>> np.unique(shrink(checks))
    array([50], dtype=uint8)
    """
    *batch, height, width, colours = images.shape
    rows, columns = _areas(height), _columns(width, colours)
    lines = rows @ images.reshape(-1, rows.shape[1], width * colours).astype(np.float32)
    means = lines.reshape(-1, 8 * width * colours // columns.shape[0], columns.shape[0]) @ columns  # too little for threads
    return np.rint(means).astype(np.uint8).reshape(*batch, SIDE, SIDE, colours)


@cache
def _areas(size: int) -> NDArray[np.float32]:
    """The share of each old pixel in each new one, for the smallest whole block of a side of this size.

    >>> _areas(96)
    array([[0.6666667 , 0.33333334, 0.        ],
           [0.        , 0.33333334, 0.6666667 ]], dtype=float32)
    """
    blocks = gcd(size, SIDE)
    edge = np.arange(SIDE // blocks + 1) * (size / SIDE)
    pixel = np.arange(size // blocks)
    overlap = np.minimum(edge[1:, None], pixel + 1) - np.maximum(edge[:-1, None], pixel)
    return (np.maximum(overlap, 0.0) * (SIDE / size)).astype(np.float32)


@cache
def _columns(size: int, colours: int) -> NDArray[np.float32]:
    """The same for columns, whose pixels have so many numbers each."""
    return np.kron(_areas(size).T, np.eye(colours, dtype=np.float32))
