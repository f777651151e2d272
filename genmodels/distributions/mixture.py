"""Mixtures of Gaussians, one for each dimension by itself (Bishop 1994; Graves 2013, arXiv 1308.0850).

    p(x_d) = sum_k w_dk N(x_d | mean_dk, sd_dk^2),    w_d = softmax(logits_d)

They say what a single Gaussian cannot: that the next moment is this or that, and not the average of the two.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genmodels.batches import normal
from genmodels.distributions.distribution import Distribution

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
        self.logits, self.means, self.log_sds = logits.float(), mean.float(), log_sd.float()

    @property
    def mean(self) -> Tensor:
        return (self.logits.softmax(-1) * self.means).sum(-1)

    def log_prob(self, x: Tensor) -> Tensor:
        return self.nats_per_dim(x).flatten(1).sum(1)

    def nats_per_dim(self, x: Tensor) -> Tensor:
        """log p(x_d) of each dimension: (B, ..., Z) -> (B, ..., Z)."""
        u = (x.float().unsqueeze(-1) - self.means) * (-self.log_sds).exp()
        joint = self.logits - self.log_sds - 0.5 * u.square()
        return joint.logsumexp(-1) - self.logits.logsumexp(-1) - _HALF_LOG_TWO_PI

    def cdf(self, x: Tensor) -> Tensor:
        """P(X_d <= x_d) of each dimension: uniform in [0, 1] where x is drawn from this very mixture."""
        u = (x.float().unsqueeze(-1) - self.means) * (-self.log_sds).exp()
        return (self.logits.softmax(-1) * torch.special.ndtr(u)).sum(-1)

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """A draw from each; differentiable in the means and deviations of the components that were chosen."""
        shape, device = self.means.shape[:-1], self.means.device
        choose = torch.rand(shape, generator=generator, device=device if generator is None else generator.device).to(device)
        return self.draw(choose, normal(shape, device, generator))

    def draw(self, choose: Tensor, noise: Tensor) -> Tensor:
        """The draw that given noise makes: `choose` in (0, 1) picks a component, standard normal `noise` a point of it."""
        below = self.logits.softmax(-1)[..., :-1].cumsum(-1)
        component = (choose.unsqueeze(-1) > below).sum(-1, keepdim=True)
        mean, log_sd = (x.gather(-1, component).squeeze(-1) for x in (self.means, self.log_sds))
        return mean + log_sd.exp() * noise

    def tempered(self, tau: float) -> GaussianMixture:
        """The logits are divided by tau and the deviations multiplied by its root (Ha and Schmidhuber 2018)."""
        if not tau > 0.0:
            raise ValueError(f"a temperature is above 0, not {tau}; a small one, such as 1e-6, is as good as certain")
        if tau == 1.0:
            return self
        from_the_top = self.logits - self.logits.amax(-1, keepdim=True)  # so that a small tau overflows only downwards
        return GaussianMixture(from_the_top / tau, self.means, self.log_sds + 0.5 * math.log(tau))
