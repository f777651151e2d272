"""What generators and critics want of each other, from the critic's scores f of real and of generated examples.

| name | critic lowers | generator lowers | undecided at |
|---|---|---|---|
| minimax | -E log D(real) - E log (1 - D(fake)), D = sigmoid f | E log (1 - D(fake)) | 0 |
| non_saturating | the same | -E log D(fake) | 0 |
| least_squares | 1/2 E (f(real) - 1)^2 + 1/2 E f(fake)^2 | 1/2 E (f(fake) - 1)^2 | 1/2 |
| wasserstein | E f(fake) - E f(real) | -E f(fake) | nowhere |
| hinge | E max(0, 1 - f(real)) + E max(0, 1 + f(fake)) | -E f(fake) | 0 |

The first two are of Goodfellow et al. (2014, arXiv 1406.2661). Where the critic tells all fakes, the minimax generator has
next to no gradient left; the non-saturating one has the more the worse it does. Least squares: Mao et al. (2017, arXiv
1611.04076). Hinge: Lim and Ye (2017, arXiv 1705.02894). Wasserstein (Arjovsky et al. 2017, arXiv 1701.07875): among functions
f of slope at most 1, the largest E f(real) - E f(fake) is the earth mover's distance between the two distributions. The critic
looks for that f, the generator lowers the distance.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor
from torch.nn import functional as F

AdversarialName = Literal["minimax", "non_saturating", "least_squares", "wasserstein", "hinge"]


class Adversarial(NamedTuple):
    """The two losses, functions of scores of any shape, and the score at which the critic says neither real nor fake."""

    critic: Callable[[Tensor, Tensor], Tensor]
    generator: Callable[[Tensor], Tensor]
    undecided: float | None


def logistic_critic(real: Tensor, fake: Tensor, smooth: float = 0.0) -> Tensor:
    """-E log D(real) - E log (1 - D(fake)).

    With `smooth` real ones are called real with the probability 1 - smooth only (Salimans et al. 2016, arXiv 1606.03498), so
    that a critic gains nothing from being ever surer; fakes stay fakes, as a critic that likes them leads nowhere.
    """
    return (1.0 - smooth) * F.softplus(-real).mean() + smooth * F.softplus(real).mean() + F.softplus(fake).mean()


def minimax_generator(fake: Tensor) -> Tensor:
    """E log (1 - D(fake))."""
    return -F.softplus(fake).mean()


def non_saturating_generator(fake: Tensor) -> Tensor:
    """-E log D(fake)."""
    return F.softplus(-fake).mean()


def least_squares_critic(real: Tensor, fake: Tensor) -> Tensor:
    """1/2 E (f(real) - 1)^2 + 1/2 E f(fake)^2."""
    return 0.5 * ((real - 1.0).square().mean() + fake.square().mean())


def least_squares_generator(fake: Tensor) -> Tensor:
    """1/2 E (f(fake) - 1)^2."""
    return 0.5 * (fake - 1.0).square().mean()


def wasserstein_critic(real: Tensor, fake: Tensor) -> Tensor:
    """E f(fake) - E f(real): minus the distance that the critic has found so far."""
    return fake.mean() - real.mean()


def wasserstein_generator(fake: Tensor) -> Tensor:
    """-E f(fake)."""
    return -fake.mean()


def hinge_critic(real: Tensor, fake: Tensor) -> Tensor:
    """E max(0, 1 - f(real)) + E max(0, 1 + f(fake)): what is told with a margin of 1 is told well enough."""
    return F.relu(1.0 - real).mean() + F.relu(1.0 + fake).mean()


ADVERSARIAL: dict[AdversarialName, Adversarial] = {
    "minimax": Adversarial(logistic_critic, minimax_generator, undecided=0.0),
    "non_saturating": Adversarial(logistic_critic, non_saturating_generator, undecided=0.0),
    "least_squares": Adversarial(least_squares_critic, least_squares_generator, undecided=0.5),
    "wasserstein": Adversarial(wasserstein_critic, wasserstein_generator, undecided=None),
    "hinge": Adversarial(hinge_critic, wasserstein_generator, undecided=0.0),
}


def critic_accuracy(real: Tensor, fake: Tensor, undecided: float | None) -> Tensor:
    """How often the critic is right about a real one or a fake, each half of the time.

    A critic that is undecided nowhere is held to the middle between its two mean scores.

    >>> import torch
    >>> critic_accuracy(torch.tensor([2.0, -1.0]), torch.tensor([-3.0, -0.5]), 0.0)
    tensor(0.7500)
    """
    line = 0.5 * (real.mean() + fake.mean()) if undecided is None else undecided
    return 0.5 * ((real > line).float().mean() + (fake < line).float().mean())
