"""What a dynamics model says of the next moment.

    z' ~ p(z' | h')        rew = r(h', z')        p(end) = sigmoid(e(h', z'))

Reward and end are read off the moment that came, not off the one that was expected: in a dream both follow the z' drawn.
But a mixture for each dimension by itself seldom draws a rare moment whole, and where an end is such a moment it is better
foreseen, from h' alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genmodels.distributions import GaussianMixture
from genmodels.nn import ExactLinear, mlp
from genmodels.sampling.counter_noise import gaussian

HIDDEN = 128  # of the heads


class Outcome(NamedTuple):
    """The next moment of B dreams."""

    z: Tensor
    """(B, Z)"""
    rew: Tensor
    """(B,) the expected reward; zeros from a model that does not predict rewards"""
    end: Tensor
    """(B,) the probability that the episode is over; zeros from a model that does not predict ends"""


class Heads(nn.Module):
    """What is read off a moment besides z: a scaled reward and the logit of an end, (..., H) and (..., Z) to (...).

    They compute in float32 also under autocast, as `ExactLinear` does.

    Arguments:
        features, latent: the numbers of h and of z.
        reward, end: whether there is one.
        foreseen: the end is read off h' alone.
        linear: and that by one linear layer (the paper's restart).
    """

    def __init__(
        self, features: int, latent: int, reward: bool, end: bool, foreseen: bool = False, linear: bool = False
    ) -> None:
        super().__init__()
        self.foreseen = foreseen or linear
        sizes = (features + latent, HIDDEN, 1)
        self.of_reward = mlp(sizes, linear=ExactLinear) if reward else None
        self.of_end: nn.Module | None = None
        if end:
            deep = (features, HIDDEN, 1) if foreseen else sizes
            self.of_end = ExactLinear(features, 1) if linear else mlp(deep, linear=ExactLinear)

    def reward(self, h: Tensor, z: Tensor) -> Tensor:
        """The reward, in units of the model's `reward_scale`."""
        if self.of_reward is None:
            raise ValueError("this model does not learn rewards: build it with reward=True")
        return self.of_reward(torch.cat([h.float(), z.float()], -1)).squeeze(-1)

    def end(self, h: Tensor, z: Tensor) -> Tensor:
        """The logit of the end."""
        if self.of_end is None:
            raise ValueError("this model does not learn where episodes end: build it with end=True or restart=True")
        read = h.float() if self.foreseen else torch.cat([h.float(), z.float()], -1)
        return self.of_end(read).squeeze(-1)


@dataclass(frozen=True)
class Prediction:
    """The distribution of the next z and, given one, its reward and the logit of the end.

    Arguments:
        z: of the next latent, over (B, Z).
        h: the features it was predicted from, (B, H).
        heads: what reads reward and end.
        reward_scale: what the head of rewards is multiplied by.
    """

    z: GaussianMixture
    h: Tensor
    heads: Heads
    reward_scale: float = 1.0

    def reward(self, z: Tensor) -> Tensor:
        """The expected reward where the next latent is z: (B, Z) -> (B,)."""
        return self.reward_scale * self.heads.reward(self.h, z)

    def end(self, z: Tensor) -> Tensor:
        """The logit of the episode being over where the next latent is z: (B, Z) -> (B,)."""
        return self.heads.end(self.h, z)

    def sample(self, noise: Tensor, temperature: float = 1.0) -> Outcome:
        """The next moment that this noise makes: (B, 2 Z) uniform in (0, 1), of which the first half chooses components."""
        choose, point = noise.chunk(2, dim=-1)
        z = self.z.tempered(temperature).draw(choose, gaussian(point))
        nothing = torch.zeros_like(z[:, 0])
        rew = nothing if self.heads.of_reward is None else self.reward(z)
        return Outcome(z, rew, nothing if self.heads.of_end is None else self.end(z).sigmoid())
