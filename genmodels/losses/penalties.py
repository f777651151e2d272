"""What keeps a critic smooth: terms of its loss, a bound on its weights, a bound on its layers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from genmodels.random_streams import uniform


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """E (|grad f(x)| - 1)^2 at points between real and fake ones; and the mean of |grad f(x)| (Gulrajani et al. 2017,
    arXiv 1704.00028).

        x = a real + (1 - a) fake,    a uniform in [0, 1], one for each example

    Arguments:
        critic: scores of examples, (B, ...) -> (B,) or (B, 1).
        real, fake: as many of each, (B, ...).
    """
    a = uniform((len(real), *[1] * (real.ndim - 1)), real.device)
    norms = _slopes(critic, a * real + (1.0 - a) * fake)
    return (norms - 1.0).square().mean(), norms.mean()


def r1_penalty(critic: Callable[[Tensor], Tensor], real: Tensor) -> tuple[Tensor, Tensor]:
    """1/2 E |grad f(x)|^2 at real examples; and the mean of |grad f(x)| (Mescheder et al. 2018, arXiv 1801.04406).

    Where the generator is right the critic has to be flat, so that a pair that has arrived stays there.
    """
    norms = _slopes(critic, real)
    return 0.5 * norms.square().mean(), norms.mean()


@torch.no_grad()
def clip_weights(parameters: Iterable[Tensor], bound: float) -> None:
    """Every number into [-bound, bound]; a network of such weights is of bounded slope (Arjovsky et al. 2017)."""
    for parameter in parameters:
        parameter.clamp_(-bound, bound)


def spectral_norm(network: nn.Module) -> nn.Module:
    """The network, in which every linear layer and convolution is divided by the largest singular value of its weights
    (Miyato et al. 2018, arXiv 1802.05957), of which a power iteration in each training pass keeps an estimate."""
    for layer in network.modules():
        if isinstance(layer, (nn.Linear, nn.Conv2d)):
            parametrizations.spectral_norm(layer)
    return network


def _slopes(critic: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """|grad f(x)| of each example, (B,), to be differentiated further."""
    x = x.detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient.float().flatten(1).norm(dim=1)
