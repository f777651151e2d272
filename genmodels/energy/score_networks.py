"""Networks that see how noisy what they see is: (x (B, ...), sd (B,)) -> (B, ...). They begin near zero."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmodels.nn import FourierFeatures, UNet, mlp


class VectorScore(nn.Module):
    """Of vectors (B, features): waves of x and of the noise, through a stack of layers.

    Arguments:
        features: the numbers of x.
        width: units of a hidden layer, of which there are three.
        frequency: waves within one unit of x.
    """

    def __init__(self, features: int, width: int, frequency: float) -> None:
        super().__init__()
        self.seen = FourierFeatures(features, frequency=frequency)
        self.level = _Level()
        self.net = mlp((self.seen.out_features + self.level.out_features, width, width, width, features))
        nn.init.zeros_(self.net[-1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor, sd: Tensor) -> Tensor:
        return self.net(torch.cat([self.seen(x), self.level(sd)], 1))


class ImageScore(nn.Module):
    """Of images (B, C, H, W): a U-Net that begins at half the sides, and halves them once more.

    Arguments:
        shape: of an image, its sides multiples of four.
        width: channels at half the sides; a quarter of the sides has twice as many.
    """

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        channels, height, breadth = shape
        if height % 4 or breadth % 4:
            raise ValueError(f"shape: the sides of an image are multiples of 4, not {height} and {breadth}")
        self.level = _Level()
        self.net = UNet(4 * channels, 4 * channels, width, levels=1, told=self.level.out_features)

    def forward(self, x: Tensor, sd: Tensor) -> Tensor:
        return F.pixel_shuffle(self.net(F.pixel_unshuffle(x, 2), self.level(sd)), 2)


class _Level(nn.Module):
    """Waves of the logarithm of the noise: (B,) -> (B, out_features)."""

    def __init__(self) -> None:
        super().__init__()
        self.waves = FourierFeatures(1, directions=16, frequency=0.2)
        self.out_features = self.waves.out_features

    def forward(self, sd: Tensor) -> Tensor:
        return self.waves(sd.log()[:, None])
