"""Loops that Numba compiles, where it is installed (`pip install "worldmodels[fast]"`). Without it PyTorch does the same.

| file | what |
|---|---|
| `arithmetic.py` | exponentials that vectorise, bf16 |
| `threads.py` | threads to run loops and products on |

The loops themselves stand beside what they are quicker than: `sampling/compiled_noise.py`, `dynamics/step_kernels.py`. They are
imported where they are first needed, as Numba takes half a second; what it compiled is kept beside the source, as Python does.
"""

from __future__ import annotations

from functools import cache


@cache
def available() -> bool:
    """Whether Numba is installed, and goes with the NumPy that is."""
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True
