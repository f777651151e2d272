"""Losses that more than one model uses.

| file | what |
|---|---|
| `adversarial.py` | what generators and critics want of each other |
| `penalties.py` | what keeps a critic smooth |
"""

from genmodels.losses.adversarial import (
    ADVERSARIAL,
    Adversarial,
    AdversarialName,
    critic_accuracy,
    hinge_critic,
    least_squares_critic,
    least_squares_generator,
    logistic_critic,
    minimax_generator,
    non_saturating_generator,
    wasserstein_critic,
    wasserstein_generator,
)
from genmodels.losses.penalties import clip_weights, gradient_penalty, r1_penalty, spectral_norm

__all__ = [
    "ADVERSARIAL",
    "Adversarial",
    "AdversarialName",
    "clip_weights",
    "critic_accuracy",
    "gradient_penalty",
    "hinge_critic",
    "least_squares_critic",
    "least_squares_generator",
    "logistic_critic",
    "minimax_generator",
    "non_saturating_generator",
    "r1_penalty",
    "spectral_norm",
    "wasserstein_critic",
    "wasserstein_generator",
]
