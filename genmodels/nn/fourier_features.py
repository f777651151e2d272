"""Numbers made easy to tell apart."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class FourierFeatures(nn.Module):
    """x and the sines and cosines of random directions of it, so that a network sees fine detail (Tancik et al. 2020, arXiv
    2006.10739): (..., features) -> (..., features + 2 directions).

        x -> [x, sin 2 pi B x, cos 2 pi B x],    B ~ N(0, frequency^2), fixed

    A plain network is slow to learn what changes within a small part of its input's range.

    Arguments:
        features: the numbers of x.
        directions: how many random ones.
        frequency: the typical number of waves within one unit of x.
    """

    directions: Tensor

    def __init__(self, features: int, directions: int = 64, frequency: float = 1.0) -> None:
        super().__init__()
        self.out_features = features + 2 * directions
        self.register_buffer("directions", frequency * torch.randn(features, directions))

    def forward(self, x: Tensor) -> Tensor:
        angles = 2.0 * math.pi * (x @ self.directions)
        return torch.cat([x, angles.sin(), angles.cos()], dim=-1)
