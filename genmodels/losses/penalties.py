"""What keeps a critic smooth."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


def gradient_penalty(critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """E (|grad f(x)| - 1)^2 at points between real and fake ones; and the mean of |grad f(x)| (Gulrajani et al. 2017,
    arXiv 1704.00028).

        x = a real + (1 - a) fake,    a uniform in [0, 1], one for each example

    Arguments:
        critic: scores of examples, (B, ...) -> (B,) or (B, 1).
        real, fake: as many of each, (B, ...).
    """
    a = torch.rand(len(real), *[1] * (real.ndim - 1), device=real.device)
    between = (a * real + (1.0 - a) * fake).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    norms = gradient.float().flatten(1).norm(dim=1)
    return (norms - 1.0).square().mean(), norms.mean()
