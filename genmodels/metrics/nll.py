"""Held-out likelihood: the mean over examples of -log p(x), summed over dimensions, in nats.

    bits per dimension = nats / (D log 2)

A figure says what it is: `exact`, a `bound` from so many samples (an evidence lower bound for one, importance-weighted for
more; Burda et al. 2015, arXiv:1509.00519), or `unnormalised`, which compares only with the same model.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from genmodels.model import Density


@dataclass(frozen=True)
class HeldOut:
    """The result on one set of examples.

    nats: the mean of -log p(x).
    standard_error: of that mean, over examples.
    kind: `exact`, `bound` or `unnormalised`.
    samples: draws for each example, which an exact density does not need.
    dimensions: numbers in one example.

    >>> HeldOut(nats=784 * math.log(2), standard_error=0.0, kind="exact", samples=1, dimensions=784).bits_per_dim
    1.0
    """

    nats: float
    standard_error: float
    kind: str
    samples: int
    dimensions: int

    @property
    def bits_per_dim(self) -> float:
        """The same figure for one dimension, in bits."""
        return self.nats / (self.dimensions * math.log(2))


@torch.no_grad()
def held_out_nats(model: Density, x: Tensor, samples: int = 1, batch: int = 100, seed: int = 0) -> HeldOut:
    """The mean of -log p over the examples `x` (N, ...), which are on the model's device, `batch` at a time."""
    if len(x) < 2:
        raise ValueError("at least two examples are needed for a mean and its error")
    generator = torch.Generator(x.device).manual_seed(seed)
    answers = [model.log_prob(rows, samples=samples, generator=generator) for rows in torch.split(x, batch)]
    kinds = {answer.kind for answer in answers}
    if len(kinds) != 1:
        raise ValueError(f"one set of examples, but log-densities of several kinds: {', '.join(sorted(kinds))}")
    nats = -torch.cat([answer.nats for answer in answers]).double()
    if nats.shape != (len(x),):
        raise ValueError(f"log_prob gives one number for each example: {tuple(nats.shape)} for {len(x)} examples")
    return HeldOut(
        nats=nats.mean().item(),
        standard_error=nats.std().item() / math.sqrt(len(x)),
        kind=kinds.pop(),
        samples=samples,
        dimensions=x[0].numel(),
    )
