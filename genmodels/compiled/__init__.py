"""Loops that Numba compiles, where it is installed (`pip install "worldmodels[fast]"`). Without it PyTorch does the same.

| file | what |
|---|---|
| `arithmetic.py` | exponentials that vectorise, bf16 |
| `quick_tanh.py` | what squashes between layers of bf16 |
| `threads.py` | threads to run loops and products on |

The loops themselves stand beside what they are quicker than: `sampling/compiled_noise.py`, `dynamics/step_kernels.py`. They are
imported where they are first needed, as Numba takes half a second; what it compiled is kept beside the source, as Python does.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor


@cache
def available() -> bool:
    """Whether Numba is installed, and goes with the NumPy that is."""
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent; of bf16 by a compiled loop on a processor, or else in float32, which is quicker."""
    if x.dtype != torch.bfloat16 or x.device.type != "cpu":
        return x.tanh()
    if not available() or not x.is_contiguous():
        return x.float().tanh()
    from genmodels.compiled.quick_tanh import QuickTanh

    return QuickTanh.apply(x)  # type: ignore[no-untyped-call]
