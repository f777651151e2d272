"""RealNVP: couplings one after the other, the halves taking turns (Dinh, Sohl-Dickstein and Bengio 2017, arXiv 1605.08803).

    z = f(x)        f = [actnorm, coupling, reversal] x layers

Where the paper has batch norm this has actnorm, which treats each example alone. With splines in the couplings it is a neural
spline flow (Durkan et al. 2019, arXiv 1906.04032).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from genmodels.distributions.bijectors import ActNorm, AffineElements, Bijector, Compose, Coupling, Permutation, SplineElements
from genmodels.flows.conditioners import dense
from genmodels.flows.flow import Flow
from genmodels.model import LogProb
from genmodels.training import Optimizer, Update

ELEMENTS = {"affine": AffineElements, "spline": SplineElements}


class RealNVP(Flow):
    """A RealNVP of vectors.

        flow = RealNVP(features=2)
        flow.fit(Moons().sample(20_000, seed=0), minutes=2)
        flow.log_prob(x).nats                                       # exact
        z = flow.encode(x); flow.decode(z)                          # x again
        flow.sample(100, temperature=0.5)

    Arguments:
        features: the numbers of an example.
        layers: couplings.
        width: units of the hidden layers of their networks.
        depth: how many such layers.
        coupling: how a coupling changes a number, by an "affine" function or by a "spline".
        context: features of a context, 0 for none. With one the data are pairs (examples, contexts).
        lr: the learning rate at its height.
    """

    def __init__(
        self,
        features: int = 2,
        layers: int = 12,
        width: int = 64,
        depth: int = 2,
        coupling: Literal["affine", "spline"] = "affine",
        context: int = 0,
        lr: float = 2e-3,
    ) -> None:
        for name, value, least in (
            ("features", features, 2),
            ("layers", layers, 1),
            ("width", width, 1),
            ("depth", depth, 1),
            ("context", context, 0),
        ):
            if value < least:
                raise ValueError(f"{name}: at least {least}, not {value}")
        if coupling not in ELEMENTS:
            raise ValueError(f"coupling is 'affine' or 'spline', not {coupling!r}")
        kept = features // 2
        bijectors: list[Bijector] = []
        for _ in range(layers):
            elements = ELEMENTS[coupling]()
            network = dense(kept + context, (features - kept) * elements.numbers, width, depth)
            bijectors += [ActNorm(features), Coupling(network, elements, kept), Permutation.reverse(features)]
        super().__init__(Compose(bijectors), (features,), context)
        self.lr = lr

    def loss(self, batch: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """-log p(x), or -log p(x | context), in nats, mean over the batch."""
        x, cond = self.pair(batch)
        x, context = self.points(x), self.contexts(cond, len(x))
        self.prepare(x, context)
        return -self.density(x, context).mean(), {}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        optimizer = Optimizer(lr=self.lr, warmup=100, decay="cosine")
        return [Update("realnvp", self.loss, self.parameters(), optimizer, clip=10.0, ema=0.999)]

    @torch.no_grad()
    def log_prob(
        self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None, cond: Tensor | None = None
    ) -> LogProb:
        """log p(x), or log p(x | cond), exact."""
        x = self.points(x)
        return LogProb(self.density(x, self.contexts(cond, len(x))), "exact")
