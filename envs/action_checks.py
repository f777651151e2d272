"""Actions as every environment here takes them: Box [-1, 1]^k or Discrete, checked before a simulator sees them.

Simulators accept NaN silently and go on with a broken state, so nothing that is not a finite number passes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import ArrayLike, NDArray

Actions = NDArray[Any]


def box(size: int) -> spaces.Box:
    """[-1, 1]^size.

    >>> box(2)
    Box(-1.0, 1.0, (2,), float32)
    """
    return spaces.Box(-1.0, 1.0, (size,), np.float32)


def check(actions: ArrayLike, space: spaces.Space[Any], count: int) -> Actions:
    """`count` actions for a space, clipped to [-1, 1] in a Box; ValueError if they are misshapen or not finite.

    >>> check([[0.5], [-3.0]], box(1), 2).tolist()
    [[0.5], [-1.0]]
    """
    given = np.asarray(actions)
    if isinstance(space, spaces.Discrete):
        first, past = int(space.start), int(space.start + space.n)
        if given.shape != (count,) or not np.issubdtype(given.dtype, np.integer):
            raise ValueError(f"actions: {count} integers are expected, of shape ({count},), not {_what(given)}")
        if ((given < first) | (given >= past)).any():
            raise ValueError(f"actions: each is one of {first} to {past - 1}, not {given.tolist()}")
        return given.astype(np.int64)
    shape = (count, *(space.shape or ()))
    if given.shape != shape or given.dtype.kind not in "fiu":
        raise ValueError(f"actions: numbers of shape {shape} are expected, not {_what(given)}")
    numbers = given.astype(np.float32)
    if not np.isfinite(numbers).all():
        raise ValueError("actions: not all are finite; look for NaN in what chose them")
    return np.clip(numbers, -1.0, 1.0, out=numbers)


def _what(array: NDArray[Any]) -> str:
    return f"{array.dtype} of shape {array.shape}"
