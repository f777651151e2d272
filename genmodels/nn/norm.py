"""Layers that keep activations at one size."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genmodels.compiled import normed_silu


class PixelNorm(nn.Module):
    """Each position's channels are divided by their root mean square (Karras et al. 2018, arXiv 1710.10196): (B, C, ...).

    It sees one example, and one position of it, at a time: unlike batch norm it has nothing to leak and no state.

    >>> PixelNorm()(torch.tensor([[3.0, 4.0]]))
    tensor([[0.8485, 1.1314]])
    """

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(1, keepdim=True) + 1e-8)


class GroupNormSiLU(nn.GroupNorm):
    """silu((1 + scale) norm(x) + shift), of images (B, C, H, W) normalised in groups of channels; scale and shift are (B, C).

    >>> x = torch.randn(2, 8, 4, 4)
    >>> torch.allclose(GroupNormSiLU(4, 8)(x), nn.functional.silu(nn.functional.group_norm(x, 4)), atol=1e-6)
    True
    """

    def forward(self, x: Tensor, scale: Tensor | float = 0.0, shift: Tensor | float = 0.0) -> Tensor:
        a, b = (1.0 + scale) * self.weight[None], (1.0 + scale) * self.bias[None] + shift
        return normed_silu(x, a, b, self.num_groups, self.eps)
