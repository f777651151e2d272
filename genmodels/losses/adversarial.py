"""What generators and critics want of each other.

Wasserstein (Arjovsky et al. 2017, arXiv 1701.07875): among functions f of slope at most 1, the largest E f(real) - E f(fake) is
the earth mover's distance between the two distributions. The critic looks for that f, the generator lowers the distance.
"""

from __future__ import annotations

from torch import Tensor


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """E f(fake) - E f(real), from the critic's scores of each: minus the distance it has found so far."""
    return fake.mean() - real.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """-E f(fake)."""
    return -fake.mean()
