"""Distributions: what a forward pass returns.

A loss is `-log_prob`, a sample is `.sample()`, temperature is another distribution (`.tempered(tau)`). Log-probabilities are
summed over all dimensions but the first, in nats.

| file | what |
|---|---|
| `distribution.py` | what every distribution can do |
| `gaussian.py` | Gaussians with a diagonal covariance; their divergence from the standard one |
| `mixture.py` | mixtures of Gaussians, one for each dimension |
| `bernoulli.py` | independent bits |
| `categorical.py` | independent numbers with a few values each |
| `logistic_mixture.py` | mixtures of logistics, rounded to the levels of a pixel |
| `bijectors/` | invertible maps that know how they stretch volume |
"""

from genmodels.distributions.bernoulli import Bernoulli
from genmodels.distributions.categorical import Categorical
from genmodels.distributions.distribution import Distribution
from genmodels.distributions.gaussian import DiagonalGaussian
from genmodels.distributions.logistic_mixture import LogisticMixture
from genmodels.distributions.mixture import GaussianMixture

__all__ = ["Bernoulli", "Categorical", "DiagonalGaussian", "Distribution", "GaussianMixture", "LogisticMixture"]
