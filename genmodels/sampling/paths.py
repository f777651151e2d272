"""Paths between latents.

Under a Gaussian in many dimensions nearly all points lie near a sphere: the straight line between two of them leaves it (its
middle is too short to be a likely point), the arc does not.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def lerp(a: Tensor, b: Tensor, n: int) -> Tensor:
    """n points on the line from each row of a to that of b: (B, D) -> (B, n, D)."""
    return torch.lerp(a[:, None], b[:, None], _shares(n, a))


def slerp(a: Tensor, b: Tensor, n: int) -> Tensor:
    """n points on the arc from each row of a to that of b: (B, D) -> (B, n, D); a line where no arc is defined.

        slerp(t) = [sin((1 - t) w) a + sin(t w) b] / sin w,    w the angle between a and b

    >>> slerp(torch.tensor([[1.0, 0.0]]), torch.tensor([[0.0, 1.0]]), 3)[0, 1]
    tensor([0.7071, 0.7071])
    """
    t = _shares(n, a)
    cosine = (a * b).sum(-1) / (a.norm(dim=-1) * b.norm(dim=-1)).clamp_min(1e-12)
    angle = torch.acos(cosine.clamp(-1.0, 1.0))[:, None, None]
    arc = (torch.sin((1 - t) * angle) * a[:, None] + torch.sin(t * angle) * b[:, None]) / torch.sin(angle).clamp_min(1e-12)
    return torch.where((angle < 1e-3) | (angle > math.pi - 1e-3), lerp(a, b, n), arc)


def _shares(n: int, like: Tensor) -> Tensor:
    return torch.linspace(0.0, 1.0, n, device=like.device, dtype=like.dtype)[None, :, None]
