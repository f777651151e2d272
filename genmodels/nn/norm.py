"""Layers that keep activations at one size."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class PixelNorm(nn.Module):
    """Each position's channels are divided by their root mean square (Karras et al. 2018, arXiv 1710.10196): (B, C, ...).

    It sees one example, and one position of it, at a time: unlike batch norm it has nothing to leak and no state.

    >>> PixelNorm()(torch.tensor([[3.0, 4.0]]))
    tensor([[0.8485, 1.1314]])
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)
