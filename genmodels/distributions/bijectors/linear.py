"""Affine maps: y = A x + b.

| | A | its log-determinant |
|---|---|---|
| `Affine` | a fixed number for each dimension, or one for all | sum log abs a |
| `ActNorm` | e^s, a learned number for each channel | positions x sum s |
| `LUConvolution` | P L U, a learned matrix over the channels of each position | positions x sum log abs diagonal(U) |
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.distributions.bijectors.bijector import Bijector, channelwise, no_stretch


class Affine(Bijector):
    """y = scale x + shift with fixed numbers, broadcast to an example (...).

    >>> Affine(scale=2.0, shift=1.0)(torch.ones(1, 3))  # the second is 3 log 2
    (tensor([[3., 3., 3.]]), tensor([2.0794]))
    """

    scale: Tensor
    shift: Tensor

    def __init__(self, scale: Tensor | float, shift: Tensor | float = 0.0) -> None:
        super().__init__()
        scale, shift = torch.as_tensor(scale), torch.as_tensor(shift)
        if not bool((scale.isfinite() & (scale != 0)).all()):
            raise ValueError("scale: by 0, or by what is not a finite number, no way leads back")
        self.register_buffer("scale", scale)
        self.register_buffer("shift", shift)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.scale * x + self.shift, self._log_det(x)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return (y - self.shift) / self.scale, -self._log_det(y)

    def _log_det(self, x: Tensor) -> Tensor:
        return no_stretch(x) + self.scale.abs().log().expand(x.shape[1:]).sum()


class ActNorm(Bijector):
    """y_c = e^(s_c) (x_c + b_c) for each channel of (B, C, ...) (Kingma and Dhariwal 2018, arXiv 1807.03039).

    `initialise` makes the channels of y standard: their mean over batch and positions 0, their variance 1. From then on s and
    b are parameters like any other: unlike batch norm it treats each example alone.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.shift = nn.Parameter(torch.zeros(channels))
        self.log_scale = nn.Parameter(torch.zeros(channels))

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        shift, log_scale = (channelwise(values, x) for values in (self.shift, self.log_scale))
        return (x + shift) * log_scale.exp(), self._log_det(x)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        shift, log_scale = (channelwise(values, y) for values in (self.shift, self.log_scale))
        return y * (-log_scale).exp() - shift, -self._log_det(y)

    @torch.no_grad()
    def initialise(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        numbers = x.transpose(0, 1).flatten(1)  # (C, everything else)
        self.shift.copy_(-numbers.mean(1))
        self.log_scale.copy_(-numbers.var(1, correction=0).clamp_min(1e-12).log() / 2)
        return self(x)[0]

    def _log_det(self, x: Tensor) -> Tensor:
        return no_stretch(x) + math.prod(x.shape[2:]) * self.log_scale.sum()


class LUConvolution(Bijector):
    """y = W x over the channels of each position of (B, C, ...), W = P L U: a 1x1 convolution (arXiv 1807.03039).

    It starts as a random rotation. P is a fixed permutation and the signs of U's diagonal are fixed. `factors` (C, C) holds
    L below its diagonal (on which L is 1), U above it, and on it the logarithms of U's: their sum is the log-determinant. It
    computes in the precision of x also under autocast.
    """

    rows: Tensor
    signs: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        rotation = torch.linalg.qr(torch.randn(channels, channels)).Q
        permutation, lower, upper = torch.linalg.lu(rotation)
        diagonal = upper.diagonal()
        self.register_buffer("rows", permutation.argmax(1))
        self.register_buffer("signs", diagonal.sign())
        self.factors = nn.Parameter(lower.tril(-1) + upper.triu(1) + diagonal.abs().log().diag())

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        with torch.autocast(x.device.type, enabled=False):
            lower, upper = self._triangles()
            return _over_channels((lower @ upper)[self.rows], x), self._log_det(x)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        lower, upper = self._triangles()
        flat = y[:, self.rows.argsort()].transpose(0, 1).flatten(1)  # (C, everything else)
        halfway = torch.linalg.solve_triangular(lower, flat, upper=False, unitriangular=True)
        solved = torch.linalg.solve_triangular(upper, halfway, upper=True)
        return solved.unflatten(1, (len(y), *y.shape[2:])).transpose(0, 1), -self._log_det(y)

    def _triangles(self) -> tuple[Tensor, Tensor]:
        one = torch.eye(len(self.factors), device=self.factors.device, dtype=self.factors.dtype)
        diagonal = self.signs * self.factors.diagonal().exp()
        return self.factors.tril(-1) + one, self.factors.triu(1) + diagonal.diag()

    def _log_det(self, x: Tensor) -> Tensor:
        return no_stretch(x) + math.prod(x.shape[2:]) * self.factors.diagonal().sum()


def _over_channels(matrix: Tensor, x: Tensor) -> Tensor:
    """The matrix (C, C) times the channels of each position of (B, C, ...)."""
    if x.ndim == 4:
        return F.conv2d(x, matrix[:, :, None, None])
    return torch.einsum("ij,bj...->bi...", matrix, x)
