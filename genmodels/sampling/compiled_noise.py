"""`counter_noise.uniform`, the same bits, in one pass over the numbers, compiled by Numba."""

from __future__ import annotations

import numpy as np
from numba import float32, uint32, uint64
from numpy.typing import NDArray

from genmodels.compiled.arithmetic import kernel, within


@within
def _mix64(x):
    x += uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> uint64(30))) * uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> uint64(27))) * uint64(0x94D049BB133111EB)
    return x ^ (x >> uint64(31))


@within
def _mix32(x):
    x = uint32((x ^ (x >> uint32(16))) * uint32(0x7FEB352D))
    x = uint32((x ^ (x >> uint32(15))) * uint32(0x846CA68B))
    return uint32(x ^ (x >> uint32(16)))


@kernel
def _fill(seed, rows, steps, low, high, out):
    begun = _mix64(uint64(seed))
    for i in range(len(rows)):
        key = _mix64(_mix64(begun + uint64(rows[i])) + uint64(steps[i]))
        low[i], high[i] = uint32(key & uint64(0xFFFFFFFF)), uint32(key >> uint64(32))
    for column in range(len(out)):
        of, by = out[column], uint32(column * 0x9E3779B9)
        for i in range(len(of)):
            bits = _mix32(uint32(_mix32(uint32(low[i] + by)) ^ high[i]))
            of[i] = (float32(bits >> uint32(9)) + float32(0.5)) * float32(2.0**-23)


def uniforms(seed: int, rows: NDArray[np.int64], steps: NDArray[np.int64], n: int) -> NDArray[np.float32]:
    """Numbers uniform in (0, 1), (n, B), of rows and steps (B,)."""
    out = np.empty((n, len(rows)), np.float32)
    low, high = np.empty((2, len(rows)), np.uint32)
    _fill(np.uint64(seed), rows, np.ascontiguousarray(steps), low, high, out)
    return out
