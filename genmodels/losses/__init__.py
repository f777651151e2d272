"""Losses that more than one model uses.

| file | what |
|---|---|
| `adversarial.py` | what generators and critics want of each other |
| `penalties.py` | what keeps a critic smooth |
| `proximal.py` | what a policy learns from what it did, step by small step |
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
from genmodels.losses.proximal import advantages, clipped_gain

__all__ = [
    "ADVERSARIAL",
    "Adversarial",
    "AdversarialName",
    "advantages",
    "clip_weights",
    "clipped_gain",
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
