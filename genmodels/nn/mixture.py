"""The layer that ends in mixtures of Gaussians: a mixture density network (Bishop 1994)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genmodels.nn.exact_linear import ExactLinear


class MixtureHead(nn.Module):
    """Features (..., features) to the parameters of one mixture of Gaussians for each dimension, three times (..., Z, K).

        [logits, mean, r] = W h + b,    log sd = log(floor + e^r)

    It computes in float32 also under autocast, as `ExactLinear` does.

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
        self.sizes, self.floor = (3, components, dimensions), floor
        self.linear = ExactLinear(features, 3 * dimensions * components)

    def forward(self, h: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        logits, mean, r = self.told(h).mT.unbind(-3)
        floor = torch.full((), self.floor, device=r.device).log()
        return logits, mean, torch.logaddexp(r, floor) if self.floor else r

    def told(self, h: Tensor) -> Tensor:
        """[logits, mean, r] as they come: (..., 3, K, Z)."""
        return self.linear(h).unflatten(-1, self.sizes)
