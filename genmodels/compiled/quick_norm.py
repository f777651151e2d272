"""Images of bf16 normalised in groups of channels, and squashed, in two passes; their gradients in two others.

    u = a (x - mean) / sd + b        y = u sigmoid(u)

mean and sd are those of a group: of some of the channels, at all places of an image. PyTorch does each part of it by itself,
and the norm, where channels lie last, a number at a time.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numba import float32
from torch import Tensor
from torch.autograd.function import once_differentiable

from genmodels.compiled.arithmetic import kernel, narrow, sigmoid, wide
from genmodels.compiled.threads import each

AT_ONCE = 8  # images in a part, of which each thread takes one after the other

_ONE = float32(1.0)


class QuickNorm(torch.autograd.Function):
    """y of images x (B, P, C) of P places, contiguous, with a and b (B, C) of float32."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, a: Tensor, b: Tensor, groups: int, eps: float) -> Tensor:
        y, moments = torch.empty_like(x), torch.empty(len(x), groups, 2)
        _over(len(x), _normed, _bits(x), a.numpy(), b.numpy(), _bits(y), moments.numpy(), eps=eps)
        ctx.save_for_backward(x, a, b, moments)
        return y

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_y: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        x, a, b, moments = ctx.saved_tensors
        of_x, of_a, of_b = torch.empty_like(x), torch.empty_like(a), torch.empty_like(b)
        given = (_bits(x), a.numpy(), b.numpy(), moments.numpy(), _bits(of_y.contiguous()))
        _over(len(x), _slopes, *given, _bits(of_x), of_a.numpy(), of_b.numpy())
        return of_x, of_a, of_b, None, None


def _bits(x: Tensor) -> Any:
    return x.detach().view(torch.uint16).numpy()


def _over(count: int, loop: Any, *arrays: Any, **settings: float) -> None:
    """Run a loop over parts of all arrays."""
    starts = range(0, count, AT_ONCE)
    threads = min(torch.get_num_threads(), len(starts))
    each(lambda start: loop(*(array[start : start + AT_ONCE] for array in arrays), *settings.values()), starts, threads)


@kernel
def _normed(x, a, b, y, moments, eps):
    places, channels = x.shape[1:]
    groups = moments.shape[1]
    each_has = channels // groups
    sums, squares = np.empty(channels, np.float32), np.empty(channels, np.float32)
    slope, height = np.empty(channels, np.float32), np.empty(channels, np.float32)
    for n in range(len(x)):
        sums[:] = float32(0.0)
        squares[:] = float32(0.0)
        for p in range(places):
            row = x[n, p]
            for c in range(channels):
                value = wide(row[c])
                sums[c] += value
                squares[c] += value * value
        for g in range(groups):
            of_group = slice(g * each_has, (g + 1) * each_has)
            mean = sums[of_group].sum() / (places * each_has)
            variance = max(squares[of_group].sum() / (places * each_has) - mean * mean, 0.0)
            inverse = 1.0 / np.sqrt(variance + eps)
            moments[n, g, 0], moments[n, g, 1] = mean, inverse
            for c in range(g * each_has, (g + 1) * each_has):
                slope[c] = a[n, c] * inverse
                height[c] = b[n, c] - slope[c] * mean
        for p in range(places):
            row, out = x[n, p], y[n, p]
            for c in range(channels):
                u = slope[c] * wide(row[c]) + height[c]
                out[c] = narrow(u * sigmoid(u))


@kernel
def _slopes(x, a, b, moments, of_y, of_x, of_a, of_b):
    """With d the gradient of u and h = (x - mean) / sd: of_x = (a d - mean(a d) - h mean(a d h)) / sd, means over a group."""
    places, channels = x.shape[1:]
    groups = moments.shape[1]
    each_has = channels // groups
    d = np.empty((places, channels), np.float32)
    mean, inverse = np.empty(channels, np.float32), np.empty(channels, np.float32)
    slope, tilt, height = np.empty(channels, np.float32), np.empty(channels, np.float32), np.empty(channels, np.float32)
    for n in range(len(x)):
        for c in range(channels):
            mean[c], inverse[c] = moments[n, c // each_has, 0], moments[n, c // each_has, 1]
            slope[c] = a[n, c] * inverse[c]
            height[c] = b[n, c] - slope[c] * mean[c]
        sums, products = of_b[n], of_a[n]
        sums[:] = float32(0.0)
        products[:] = float32(0.0)
        for p in range(places):
            row, above, line = x[n, p], of_y[n, p], d[p]
            for c in range(channels):
                value = wide(row[c])
                u = slope[c] * value + height[c]
                s = sigmoid(u)
                of_u = wide(above[c]) * s * (_ONE + u * (_ONE - s))
                line[c] = of_u
                sums[c] += of_u
                products[c] += of_u * (value - mean[c]) * inverse[c]
        for g in range(groups):
            of_group = slice(g * each_has, (g + 1) * each_has)
            both = float32(0.0)
            level = float32(0.0)
            for c in range(of_group.start, of_group.stop):
                level += a[n, c] * sums[c]
                both += a[n, c] * products[c]
            for c in range(of_group.start, of_group.stop):
                tilt[c] = -both / (places * each_has) * inverse[c] * inverse[c]
                height[c] = -level / (places * each_has) * inverse[c] - tilt[c] * mean[c]
        for p in range(places):
            row, line, out = x[n, p], d[p], of_x[n, p]
            for c in range(channels):
                out[c] = narrow(slope[c] * line[c] + tilt[c] * wide(row[c]) + height[c])
