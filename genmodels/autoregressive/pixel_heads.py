"""From features to the distribution of a pixel: what is said of its channels, each given those before it.

    p(x) = prod_i p(red_i | pixels before) p(green_i | red_i, pixels before) p(blue_i | green_i, red_i, pixels before)

The stacks know the pixels before, and nothing of the pixel itself. Its own channels meet here: of a categorical head, each has
hidden units of its own that read those before it; of a mixture of logistics, each mean is moved by them in a line. So the order
within a pixel, for which the paper masks the weights of all layers in groups, is a matter of what is wired to what.

Both compute what they say in float32 also under autocast: likelihoods are sums over hundreds of pixels.
"""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from genmodels.distributions import Categorical, LogisticMixture

LOG_SCALES = (-7.0, 7.0)  # of a range of 2: at the least, nearly all of a logistic lies within one of 256 levels


def centred(x: Tensor, levels: int) -> Tensor:
    """Whole numbers from 0 to levels - 1, spread over [-1, 1]."""
    return x.float() * (2.0 / (levels - 1)) - 1.0


class Head(nn.Module, ABC):
    """The distribution of pixels given features (B, width, H, W); each channel has so many `levels`."""

    levels: int

    @abstractmethod
    def nats(self, h: Tensor, x: Tensor) -> Tensor:
        """log p of each pixel of x, whole numbers (B, C, H, W): (B, H, W)."""

    @abstractmethod
    def draw(self, h: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
        """Pixels (B, C, H, W) in int64, from numbers uniform in [0, 1), (B, 1 + C, H, W)."""


class CategoricalHead(Head):
    """A probability for each level of each channel: nothing is assumed of them."""

    def __init__(self, width: int, channels: int, levels: int) -> None:
        super().__init__()
        self.channels, self.levels = channels, levels
        self.hidden = nn.Conv2d(width, channels * width, 1)
        self.before = nn.ModuleList(nn.Conv2d(channel, width, 1, bias=False) for channel in range(1, channels))
        self.logits = nn.Conv2d(channels * width, channels * levels, 1, groups=channels)

    def forward(self, h: Tensor, x: Tensor) -> Categorical:
        """Distributions over the channels of x, (B, C, H, W), each given those before it."""
        hidden = self.hidden(h.relu())
        if self.channels > 1:
            pixel = centred(x, self.levels).to(self.hidden.weight.dtype)
            before = [layer(pixel[:, :channel]) for channel, layer in enumerate(self.before, start=1)]
            hidden = hidden + torch.cat([torch.zeros_like(before[0]), *before], 1)
        with torch.autocast(h.device.type, enabled=False):
            logits = self.logits(hidden.relu().to(self.logits.weight.dtype))
        return Categorical(logits.unflatten(1, (self.channels, self.levels)).movedim(2, -1))

    def nats(self, h: Tensor, x: Tensor) -> Tensor:
        return self(h, x).nats_per_dim(x).sum(1)

    def draw(self, h: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
        pixel = torch.zeros_like(uniforms[:, 1:], dtype=torch.long)
        for channel in range(self.channels):
            pixel[:, channel] = self(h, pixel).tempered(temperature).draw(uniforms[:, 1:])[:, channel]
        return pixel


class LogisticsHead(Head):
    """A mixture of logistics: a few numbers for each pixel, of which neighbouring levels are alike."""

    def __init__(self, width: int, channels: int, levels: int, mixtures: int) -> None:
        super().__init__()
        self.levels, self.mixtures, self.channels = levels, mixtures, channels
        self.sizes = (1, channels, channels, channels * (channels - 1) // 2)  # logits, means, scales, coefficients
        self.hidden = nn.Conv2d(width, width, 1)
        self.parts = nn.Conv2d(width, mixtures * sum(self.sizes), 1)
        with torch.no_grad():  # the components begin side by side
            bias = self.parts.bias.view(mixtures, sum(self.sizes))  # type: ignore[union-attr]
            bias[:, 1 : 1 + channels] = torch.linspace(-1.0, 1.0, mixtures)[:, None]
            bias[:, 1 + channels : 1 + 2 * channels] = -2.0

    def forward(self, h: Tensor) -> LogisticMixture:
        """Distributions over pixels (B, C, H, W)."""
        hidden = self.hidden(h.relu()).relu()
        with torch.autocast(h.device.type, enabled=False):
            parts = self.parts(hidden.to(self.parts.weight.dtype)).unflatten(1, (self.mixtures, -1))
        logits, means, log_scales, coefficients = parts.split(self.sizes, dim=2)
        return LogisticMixture(logits.squeeze(2), means, log_scales.clamp(*LOG_SCALES), coefficients.tanh(), self.levels)

    def nats(self, h: Tensor, x: Tensor) -> Tensor:
        return self(h).nats_per_pixel(x)

    def draw(self, h: Tensor, uniforms: Tensor, temperature: float) -> Tensor:
        return self(h).tempered(temperature).draw(uniforms)
