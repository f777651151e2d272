"""Whole numbers from 0, each with a probability of its own: grey levels of a pixel, words of a vocabulary.

p(x_d = v) = softmax(logits_d)_v
"""

from __future__ import annotations

import torch
from torch import Tensor

from genmodels.distributions.distribution import Distribution
from genmodels.random_streams import uniform


class Categorical(Distribution):
    """Numbers from 0 to V - 1, each by itself: logits (B, ..., V), of numbers (B, ...) that are whole, whatever their type.

    >>> Categorical(torch.zeros(1, 2, 4)).log_prob(torch.tensor([[0, 3]]))  # 2 log 1/4
    tensor([-2.7726])
    """

    def __init__(self, logits: Tensor) -> None:
        self.logits = logits.float()

    @property
    def mean(self) -> Tensor:
        return self.logits.softmax(-1) @ torch.arange(self.logits.shape[-1], dtype=torch.float32, device=self.logits.device)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.nats_per_dim(x).flatten(1).sum(1)

    def nats_per_dim(self, x: Tensor) -> Tensor:
        """log p(x_d) of each number: (B, ...) -> (B, ...)."""
        return self.logits.log_softmax(-1).gather(-1, x.long().unsqueeze(-1)).squeeze(-1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        return self.draw(uniform(self.logits.shape[:-1], self.logits.device, generator))

    def draw(self, choose: Tensor) -> Tensor:
        """The numbers at which the summed probability passes `choose`, uniform in [0, 1): (B, ...) -> (B, ...) of int64."""
        summed = self.logits.softmax(-1).cumsum(-1)
        passed = choose.unsqueeze(-1) * summed[..., -1:] >= summed[..., :-1]
        return passed.sum(-1)

    def tempered(self, tau: float) -> Categorical:
        """The logits are divided by tau: the probabilities are raised to the power 1 / tau and normalised."""
        if not tau > 0.0:
            raise ValueError(f"a temperature is above 0, not {tau}; a small one, such as 1e-6, is as good as certain")
        if tau == 1.0:
            return self
        from_the_top = self.logits - self.logits.amax(-1, keepdim=True)  # so that a small tau overflows only downwards
        return Categorical(from_the_top / tau)
