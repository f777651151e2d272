"""A linear layer for what has to be told exactly: where all around it is narrowed, its products are not.

    y = W x + b                        in float32, also under autocast
    dx = W' dy        dW = dy' x       as autocast multiplies

A mean of eight bits is coarser than the deviations to be learned; a gradient of eight bits is as good as any other of a batch.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional as F


class ExactLinear(nn.Linear):
    """`nn.Linear`, exact forwards: (..., in_features) to (..., out_features) of float32."""

    def forward(self, x: Tensor) -> Tensor:
        kind = x.device.type
        if not torch.is_autocast_enabled(kind):
            return super().forward(x)
        narrow = torch.get_autocast_dtype(kind)
        with torch.autocast(kind, enabled=False):
            return _Exact.apply(x.float(), self.weight, self.bias, narrow)  # type: ignore[no-untyped-call]


class _Exact(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, narrow: torch.dtype) -> Tensor:
        ctx.save_for_backward(x.to(narrow), weight.to(narrow))
        return F.linear(x, weight, bias)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_y: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None, None]:
        x, weight = ctx.saved_tensors
        needs_x, needs_weight, needs_bias, _ = ctx.needs_input_grad
        rows = of_y.reshape(-1, of_y.shape[-1])
        narrow = rows.to(weight.dtype)
        of_x = (narrow @ weight).float().view(x.shape) if needs_x else None
        of_weight = (narrow.T @ x.reshape(-1, x.shape[-1])).float() if needs_weight else None
        return of_x, of_weight, rows.sum(0) if needs_bias else None, None
