"""Loops that Numba compiles, where it is installed (`pip install "worldmodels[fast]"`). Without it PyTorch does the same.

| file | what |
|---|---|
| `arithmetic.py` | exponentials that vectorise, bf16 |
| `quick_tanh.py`, `quick_rotation.py`, `quick_norm.py` | what comes between products of bf16: squashing, turning pairs, norms |
| `quick_mixture.py` | likelihoods of mixtures, and their slopes |
| `threads.py` | threads to run loops and products on |

The loops themselves stand beside what they are quicker than: `sampling/compiled_noise.py`, `dynamics/step_kernels.py`. They are
imported where they are first needed, as Numba takes half a second; what it compiled is kept beside the source, as Python does.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor
from torch.nn import functional as F


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
    if not _narrow(x):
        return x.tanh()
    if not available() or not x.is_contiguous():
        return x.float().tanh()
    from genmodels.compiled.quick_tanh import QuickTanh

    return QuickTanh.apply(x)  # type: ignore[no-untyped-call]


def turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """[a cos - b sin, a sin + b cos] of the halves a and b of x (..., T, 2 D), with cos and sin (T, D)."""
    if _narrow(x) and x.numel() and available():
        from genmodels.compiled.quick_rotation import QuickRotation

        flat = x.reshape(-1, *x.shape[-2:]).contiguous()
        return QuickRotation.apply(flat, cos.float(), sin.float()).view(x.shape)  # type: ignore[no-untyped-call]
    both, signed = (torch.cat(parts, -1).to(x.dtype) for parts in ((cos, cos), (-sin, sin)))
    return torch.addcmul(x * both, x.roll(cos.shape[-1], -1), signed)


def normed_silu(x: Tensor, a: Tensor, b: Tensor, groups: int, eps: float) -> Tensor:
    """silu(a n + b) of images x (B, C, H, W), n = x normalised in groups of channels, and a and b (B, C) or (1, C)."""
    if _narrow(x) and x.numel() and x.is_contiguous(memory_format=torch.channels_last) and available():
        from genmodels.compiled.quick_norm import QuickNorm

        a, b = (part.float().expand(len(x), -1).contiguous() for part in (a, b))
        places = x.permute(0, 2, 3, 1)
        y = QuickNorm.apply(places.flatten(1, 2), a, b, groups, eps)  # type: ignore[no-untyped-call]
        return y.view(places.shape).permute(0, 3, 1, 2)
    n = F.group_norm(x, groups, eps=eps)
    return F.silu(a[:, :, None, None] * n + b[:, :, None, None])


def _narrow(x: Tensor) -> bool:
    """Whether these are numbers of bf16 on a processor, of which PyTorch's own loops are slow."""
    return x.dtype == torch.bfloat16 and x.device.type == "cpu"
