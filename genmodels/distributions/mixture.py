"""Mixtures of Gaussians, one for each dimension by itself (Bishop 1994; Graves 2013, arXiv 1308.0850).

    p(x_d) = sum_k w_dk N(x_d | mean_dk, sd_dk^2),    w_d = softmax(logits_d)

They say what a single Gaussian cannot: that the next moment is this or that, and not the average of the two.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genmodels.distributions.distribution import Distribution
from genmodels.random_streams import normal

_HALF_LOG_TWO_PI = 0.5 * math.log(2.0 * math.pi)


class GaussianMixture(Distribution):
    """Mixtures of K Gaussians over (B, ..., Z), given by logits, means and log standard deviations (B, ..., Z, K).

    >>> one = torch.zeros(1, 2, 1)
    >>> GaussianMixture(one, one, one).log_prob(torch.zeros(1, 2))
    tensor([-1.8379])
    """

    def __init__(self, logits: Tensor, mean: Tensor, log_sd: Tensor) -> None:
        if not logits.shape == mean.shape == log_sd.shape:
            shapes = ", ".join(str(tuple(x.shape)) for x in (logits, mean, log_sd))
            raise ValueError(f"logits, means and log deviations of a mixture have one shape, (..., Z, K), not {shapes}")
        # Components are held before dimensions, (B, ..., K, Z): what runs over five of them is then done for many z at a time.
        self._logits, self._means, self._log_sds = (x.float().mT for x in (logits, mean, log_sd))

    @property
    def mean(self) -> Tensor:
        return (self._logits.softmax(-2) * self._means).sum(-2)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.nats_per_dim(x).flatten(1).sum(1)

    def nats_per_dim(self, x: Tensor) -> Tensor:
        """log p(x_d) of each dimension: (B, ..., Z) -> (B, ..., Z)."""
        joint = self._logits - self._log_sds - 0.5 * self._deviates(x).square()
        return joint.logsumexp(-2) - self._logits.logsumexp(-2) - _HALF_LOG_TWO_PI

    def cdf(self, x: Tensor) -> Tensor:
        """P(X_d <= x_d) of each dimension: uniform in [0, 1] where x is drawn from this very mixture."""
        return (self._logits.softmax(-2) * torch.special.ndtr(self._deviates(x))).sum(-2)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """A draw from each; differentiable in the means and deviations of the components that were chosen."""
        like = self._means[..., 0, :]
        choose = torch.rand(like.shape, generator=generator, device=like.device if generator is None else generator.device)
        return self.draw(choose.to(like.device), normal(like.shape, like.device, generator))

    def draw(self, choose: Tensor, noise: Tensor) -> Tensor:
        """The draw that given noise makes: `choose` in (0, 1) picks a component, standard normal `noise` a point of it."""
        cumulative = (self._logits - self._logits.amax(-2, keepdim=True)).exp().cumsum(-2)  # not normalised: `choose` is scaled
        passed = (choose * cumulative[..., -1, :]).unsqueeze(-2) > cumulative[..., :-1, :]
        component = passed.sum(-2, keepdim=True)
        mean, log_sd = (x.gather(-2, component).squeeze(-2) for x in (self._means, self._log_sds))
        return mean + log_sd.exp() * noise

    def tempered(self, tau: float) -> GaussianMixture:
        """The logits are divided by tau and the deviations multiplied by its root (Ha and Schmidhuber 2018)."""
        if not tau > 0.0:
            raise ValueError(f"a temperature is above 0, not {tau}; a small one, such as 1e-6, is as good as certain")
        if tau == 1.0:
            return self
        from_the_top = self._logits - self._logits.amax(-2, keepdim=True)  # so that a small tau overflows only downwards
        return GaussianMixture((from_the_top / tau).mT, self._means.mT, (self._log_sds + 0.5 * math.log(tau)).mT)

    def _deviates(self, x: Tensor) -> Tensor:
        """How many deviations x lies from each component's mean."""
        return (x.float().unsqueeze(-2) - self._means) * (-self._log_sds).exp()
