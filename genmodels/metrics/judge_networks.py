"""The two judges' networks: from images (N, 1, 28, 28) to features (N, 64).

They share neither architecture nor normalisation nor activation, so that what pleases one need not please the other.
"""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn
from torch.nn import functional as F

FEATURES = 64


def plain() -> nn.Sequential:
    """Four convolutions, each with batch normalisation and ReLU: 28 -> 14 -> 14 -> 7 -> 7, then the mean over positions."""

    def layer(channels_in: int, channels_out: int, kernel: int, stride: int) -> list[nn.Module]:
        convolution = nn.Conv2d(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
        return [convolution, nn.BatchNorm2d(channels_out), nn.ReLU()]

    stages = [*layer(1, 32, 5, 2), *layer(32, 32, 3, 1), *layer(32, FEATURES, 3, 2), *layer(FEATURES, FEATURES, 3, 1)]
    return nn.Sequential(*stages, nn.AdaptiveAvgPool2d(1), nn.Flatten())


def residual() -> nn.Sequential:
    """A large kernel, then residual blocks with GELU and no normalisation: 28 -> 14 -> 7, then the mean over positions."""
    stem = [nn.Conv2d(1, 32, 7, 2, 3), nn.GELU(), nn.Conv2d(32, FEATURES, 3, 2, 1)]
    blocks = [Residual(FEATURES, FEATURES // 2) for _ in range(3)]
    return nn.Sequential(*stem, *blocks, nn.GELU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


class Residual(nn.Module):
    """x + expand(gelu(reduce(gelu(x)))), which is x at the start: `expand` begins at zero (Zhang et al. 2019, Fixup)."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.reduce = nn.Conv2d(channels, inner, 3, padding=1)
        self.expand = nn.Conv2d(inner, channels, 3, padding=1)
        nn.init.zeros_(self.expand.weight)
        nn.init.zeros_(self.expand.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.expand(F.gelu(self.reduce(F.gelu(x))))


TRUNKS: dict[str, Callable[[], nn.Sequential]] = {"plain": plain, "residual": residual}
