"""The layer that ends in mixtures of Gaussians: a mixture density network (Bishop 1994)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class MixtureHead(nn.Module):
    """Features (..., features) to the parameters of one mixture of Gaussians for each dimension, three times (..., Z, K).

        [logits, mean, r] = W h + b,    log sd = log(floor + e^r)

    It computes in float32 also under autocast: a mean of eight bits is coarser than the deviations to be learned.

    Arguments:
        features: the numbers of h.
        dimensions: Z.
        components: K, the Gaussians in each mixture.
        floor: no deviation falls below this; 0 leaves them free, and then a dimension that is constant has no finite optimum.
    """

    def __init__(self, features: int, dimensions: int, components: int = 5, floor: float = 0.0) -> None:
        super().__init__()
        if floor < 0.0:
            raise ValueError(f"floor: the least deviation is at least 0, not {floor}")
        self.sizes = (3, components, dimensions)
        self.log_floor = math.log(floor) if floor > 0.0 else -math.inf
        self.linear = nn.Linear(features, 3 * dimensions * components)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.autocast(h.device.type, enabled=False):
            logits, mean, raw = self.linear(h.float()).unflatten(-1, self.sizes).mT.unbind(-3)
        floor = torch.full((), self.log_floor, device=raw.device)
        return logits, mean, torch.logaddexp(raw, floor) if self.log_floor > -math.inf else raw
