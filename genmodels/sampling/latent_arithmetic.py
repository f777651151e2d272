"""Arithmetic in the latent space of any model that `Autoencodes`: attributes as directions, and how one image becomes another.

    direction of an attribute = mean of z where it is present - mean of z where it is not        on examples held out
    z' = z + weight * direction                                                             then decode z'

(Larsen et al. 2016, arXiv 1512.09300.) Means over examples that the model was not trained on, and that are not those to be
changed, keep what is particular to single examples out of the direction. Attributes that come together in the data come
together in their directions: `apart_from` takes out of one what it has of others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from genmodels.distributions import Distribution
from genmodels.model import Autoencodes
from genmodels.sampling.paths import slerp

AT_ONCE = 512


class Path(Protocol):
    """A way between latents: `lerp`, `slerp`."""

    def __call__(self, a: Tensor, b: Tensor, n: int, /) -> Tensor:
        """(B, Z), (B, Z) -> (B, n, Z)."""


def point(code: Tensor | Distribution) -> Tensor:
    """The latent that a code stands for: the mean of a distribution, or the code itself."""
    return code if isinstance(code, Tensor) else code.mean


@torch.no_grad()
def codes(model: Autoencodes, x: Tensor) -> Tensor:
    """The latent of each example: (N, ...) -> (N, Z)."""
    return in_parts(lambda part: point(model.encode(part)), x)


@torch.no_grad()
def decoded(model: Autoencodes, z: Tensor) -> Tensor:
    """What latents of any arrangement stand for: (..., Z) -> (..., *example)."""
    return in_parts(model.decode, z.flatten(0, -2)).unflatten(0, z.shape[:-1])


def attribute_direction(z: Tensor, present: Tensor, apart_from: Sequence[Tensor] = ()) -> Tensor:
    """From where an attribute is absent to where it is present: latents (N, Z) and whether (N,) to a direction (Z,).

    `apart_from` are directions of other attributes, to which this one is made orthogonal.

    >>> z = torch.tensor([[0.0, 1.0], [2.0, 1.0], [5.0, 3.0]])
    >>> attribute_direction(z, torch.tensor([False, False, True]))
    tensor([4., 2.])
    >>> attribute_direction(z, torch.tensor([False, False, True]), apart_from=[torch.tensor([0.0, 1.0])])
    tensor([4., 0.])
    """
    present = present.bool().to(z.device)
    if present.shape != z.shape[:1]:
        raise ValueError(f"{len(z)} latents need as many answers, not {tuple(present.shape)}")
    if present.all() or not present.any():
        raise ValueError("an attribute has a direction where some examples have it and some do not; here all are alike")
    direction = z[present].mean(0) - z[~present].mean(0)
    if apart_from:
        others = torch.linalg.qr(torch.stack(list(apart_from), dim=1).to(z)).Q  # (Z, others), orthonormal
        direction = direction - others @ (others.T @ direction)
    return direction


@torch.no_grad()
def with_attribute(model: Autoencodes, x: Tensor, direction: Tensor, weights: Sequence[float]) -> Tensor:
    """Each example with more and more of an attribute: (B, ...) -> (B, n, ...), one for each of n weights of its direction."""
    z = codes(model, x)
    steps = torch.tensor(weights, device=z.device, dtype=z.dtype)[:, None] * direction.to(z)
    return decoded(model, z[:, None] + steps)


@torch.no_grad()
def morph(model: Autoencodes, a: Tensor, b: Tensor, n: int, path: Path = slerp) -> Tensor:
    """n examples on a path from the latent of each a to that of b: (B, n, ...). A model without a prior takes `path=lerp`."""
    return decoded(model, path(codes(model, a), codes(model, b), n))


def in_parts(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """function(x), a few hundred rows at a time."""
    return torch.cat([function(part) for part in x.split(AT_ONCE)])
