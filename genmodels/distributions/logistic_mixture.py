"""Mixtures of logistics, rounded to the levels of a pixel (Salimans et al. 2017, arXiv 1701.05517).

    P(x) = sum_k w_k prod_c P_kc(x_c)
    P_kc(v) = sigma((v + 1/2 - m_kc) / s_kc) - sigma((v - 1/2 - m_kc) / s_kc)        v = 0 and the top level take the tails
    m_kc    = mean_kc + sum_{d < c} coefficient_kcd x_d                              green follows red, blue follows both

A few numbers for each pixel instead of 256, and neighbouring levels are alike from the start. The channels of a pixel share the
component, and each is moved in a line by those before it.

The difference of two sigmoids is nothing in float32 where both are near 0 or 1. What is computed is

    log(sigma(a) - sigma(b)) = log sigma(a) + log sigma(-b) + log(1 - e^(b - a)),        a > b

which is exact everywhere; its last term depends on s alone, and a tail lacks it and one of the others.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import reduce
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from genmodels.distributions.distribution import Distribution
from genmodels.random_streams import uniform

Level = TypeVar("Level", Tensor, float)


class LogisticMixture(Distribution):
    """Mixtures of K logistics over pixels (B, C, ...) of whole numbers from 0 to levels - 1.

    Arguments:
        logits: of the components, (B, K, ...).
        means, log_scales: (B, K, C, ...), where the levels are spread over [-1, 1].
        coefficients: (B, K, C (C - 1) / 2, ...), how each channel follows those before it, in the order 10, 20, 21, 30, ...
        levels: how many a channel has.

    >>> zero = torch.zeros(1, 1, 1)  # one component over one channel of one pixel, two levels: two halves
    >>> LogisticMixture(zero[:, :, 0], zero, zero, zero[:, :, :0], levels=2).log_prob(torch.ones(1, 1))
    tensor([-0.6931])
    """

    def __init__(self, logits: Tensor, means: Tensor, log_scales: Tensor, coefficients: Tensor, levels: int = 256) -> None:
        channels = means.shape[2]
        pairs = (*logits.shape[:2], channels * (channels - 1) // 2, *logits.shape[2:])
        if not (means.shape == log_scales.shape and means[:, :, 0].shape == logits.shape and coefficients.shape == pairs):
            shapes = ", ".join(str(tuple(x.shape)) for x in (logits, means, log_scales, coefficients))
            raise ValueError(
                "logits (B, K, ...), means and log scales (B, K, C, ...) and coefficients (B, K, C (C - 1) / 2, ...) "
                f"belong together, not {shapes}"
            )
        self._logits, self._means = logits.float(), means.float()
        self._log_scales, self._coefficients = log_scales.float(), coefficients.float()
        self.levels = levels

    @property
    def mean(self) -> Tensor:
        """The expected levels, (B, C, ...). A channel after the first is taken to follow the means of those before it."""
        expected: list[Tensor] = []
        for channel in range(self._means.shape[2]):
            centre = self._centre(channel, [self._centred(level) for level in expected])
            inverse = (-self._log_scales[:, :, channel]).exp()
            above = (((centre - self._centred(v + 0.5)) * inverse).sigmoid() for v in range(self.levels - 1))
            expected.append(reduce(torch.add, above))  # the expectation of a count: sum of P(x > v)
        return (self._logits.softmax(1).unsqueeze(2) * torch.stack(expected, 2)).sum(1)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.nats_per_pixel(x).reshape(len(x), -1).sum(1)

    def nats_per_pixel(self, x: Tensor) -> Tensor:
        """log P of each pixel: (B, C, ...) -> (B, ...)."""
        channels = self._centred(x.float()).split(1, dim=1)
        centres = torch.stack([self._centre(channel, channels[:channel]) for channel in range(len(channels))], 2)
        level = x.unsqueeze(1)
        inverse = (-self._log_scales).exp()
        deviate = (self._centred(level.float()) - centres) * inverse
        half = inverse / (self.levels - 1)  # of the width of a level
        has_above, has_below = level < self.levels - 1, level > 0
        nats = (
            F.logsigmoid(deviate + half) * has_above
            + F.logsigmoid(half - deviate) * has_below
            + (-torch.expm1(-2.0 * half)).log() * (has_above & has_below)
        )
        return (self._logits.log_softmax(1) + nats.sum(2)).logsumexp(1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        batch, _, channels, *rest = self._means.shape
        return self.draw(uniform((batch, 1 + channels, *rest), self._means.device, generator))

    def draw(self, uniforms: Tensor) -> Tensor:
        """The pixels (B, C, ...) of int64 that numbers uniform in [0, 1) make, (B, 1 + C, ...): the first picks a component."""
        choose, *places = uniforms.split(1, dim=1)
        summed = self._logits.softmax(1).cumsum(1)
        component = (choose * summed[:, -1:] >= summed[:, :-1]).sum(1, keepdim=True)
        drawn: list[Tensor] = []
        for channel, place in enumerate(places):
            centre = self._centre(channel, [self._centred(level) for level in drawn])
            scale = self._log_scales[:, :, channel].gather(1, component).exp()
            point = centre.gather(1, component) + scale * place.logit()
            level = (0.5 * (point + 1.0) * (self.levels - 1)).round()
            drawn.append(level.clamp(0, self.levels - 1))
        return torch.cat(drawn, 1).long()

    def tempered(self, tau: float) -> LogisticMixture:
        """The logits are divided by tau and the scales multiplied by it: the tails, e^(-|x| / s), are raised to 1 / tau."""
        if not tau > 0.0:
            raise ValueError(f"a temperature is above 0, not {tau}; a small one, such as 1e-6, is as good as certain")
        if tau == 1.0:
            return self
        from_the_top = self._logits - self._logits.amax(1, keepdim=True)  # so that a small tau overflows only downwards
        scales = self._log_scales + math.log(tau)
        return LogisticMixture(from_the_top / tau, self._means, scales, self._coefficients, self.levels)

    def _centre(self, channel: int, before: Sequence[Tensor]) -> Tensor:
        """The means of a channel, (B, K, ...), moved by the centred channels before it, (B, 1 or K, ...) each."""
        first = channel * (channel - 1) // 2
        moved = self._means[:, :, channel]
        for place, value in enumerate(before):
            moved = moved + self._coefficients[:, :, first + place] * value
        return moved

    def _centred(self, level: Level) -> Level:
        """0 to the top level as -1 to 1."""
        return level * (2.0 / (self.levels - 1)) - 1.0
