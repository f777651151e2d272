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
    u, v = a / a.norm(dim=-1, keepdim=True), b / b.norm(dim=-1, keepdim=True)
    angle = 2.0 * torch.atan2((u - v).norm(dim=-1), (u + v).norm(dim=-1))[:, None, None]  # accurate at every angle; NaN at zero
    of_a, of_b = torch.sin((1 - t) * angle) / torch.sin(angle), torch.sin(t * angle) / torch.sin(angle)
    arc = of_a * a[:, None] + of_b * b[:, None]
    return torch.where((angle > 1e-3) & (angle < math.pi - 1e-3), arc, lerp(a, b, n))


def _shares(n: int, like: Tensor) -> Tensor:
    return torch.linspace(0.0, 1.0, n, device=like.device, dtype=like.dtype)[None, :, None]
