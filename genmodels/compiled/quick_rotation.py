"""Pairs of numbers of bf16 turned by angles, in one pass, and their gradient in another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from genmodels.compiled.arithmetic import kernel, narrow, wide
from genmodels.compiled.threads import each

AT_ONCE = 32  # sequences in a part, of which each thread takes one after the other


class QuickRotation(torch.autograd.Function):
    """[a cos - b sin, a sin + b cos] of a contiguous x (N, T, 2 D) with halves a and b; cos and sin are (T, D) of float32.

    Its gradient is the gradient above it, turned the other way.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turned(x, cos, sin)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_turned: Tensor) -> tuple[Tensor, None, None]:
        cos, sin = ctx.saved_tensors
        return _turned(of_turned.contiguous(), cos, -sin), None, None


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    turned = torch.empty_like(x)
    before, after = (tensor.detach().view(torch.uint16).numpy() for tensor in (x, turned))
    angles, starts = (cos.numpy(), sin.numpy()), range(0, len(x), AT_ONCE)
    threads = min(torch.get_num_threads(), len(starts))
    each(lambda start: _turn(before[start : start + AT_ONCE], *angles, after[start : start + AT_ONCE]), starts, threads)
    return turned


@kernel
def _turn(x, cos, sin, turned):
    half = cos.shape[1]
    for n in range(len(x)):
        for t in range(x.shape[1]):
            a, b, of_a, of_b = x[n, t][:half], x[n, t][half:], turned[n, t][:half], turned[n, t][half:]
            c, s = cos[t], sin[t]
            for i in range(half):
                of_a[i] = narrow(wide(a[i]) * c[i] - wide(b[i]) * s[i])
            for i in range(half):
                of_b[i] = narrow(wide(a[i]) * s[i] + wide(b[i]) * c[i])
