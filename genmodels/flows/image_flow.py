"""Flows of images whose pixels are whole numbers, made points by `dequantisation.py`.

    x -> v = (level + u) / levels -> logit -> bijector -> z

The density of the points is exact; of the probability of an image it makes a bound. The logit gives black and white room: a
level there is as wide as many in the middle, and the bijector need not find a line a hundredth as wide as what is beside it.
"""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from genmodels.batches import checked, to_device
from genmodels.distributions.bijectors import Bijector, Compose, Logit
from genmodels.flows.dequantisation import Dequantisation, UniformDequantisation, VariationalDequantisation
from genmodels.flows.flow import Flow
from genmodels.model import LogProb
from genmodels.training import Optimizer, Update

MARGIN = 0.05  # of a level, between an end of the range and what the logit takes to infinity


class ImageFlow(Flow, ABC):
    """A flow of images in [0, 1].

    Arguments:
        bijector: of the points' logits (B, *shape) to latents.
        shape: of an image, (channels, height, width).
        levels: how many a channel has; an image in [0, 1] has the level floor(levels x): with 256 bytes.
        dequantisation: "uniform" noise within a level, or "variational", learned, with networks of so many channels: `width`.
        context: features of a context, 0 for none.
        lr: the learning rate at its height.
    """

    def __init__(
        self,
        bijector: Bijector,
        shape: Sequence[int],
        levels: int,
        dequantisation: Literal["uniform", "variational"],
        width: int,
        context: int,
        lr: float,
    ) -> None:
        if levels < 2:
            raise ValueError(f"levels: at least 2, not {levels}")
        super().__init__(Compose([Logit(MARGIN / levels), bijector]), shape, context)
        if dequantisation not in ("uniform", "variational"):
            raise ValueError(f"dequantisation is 'uniform' or 'variational', not {dequantisation!r}")
        self.levels, self.lr = levels, lr
        self.dequantisation: Dequantisation = (
            UniformDequantisation() if dequantisation == "uniform" else VariationalDequantisation(shape, width)
        )

    def loss(self, batch: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """A bound of -log P(x), or of -log P(x | context), in nats, mean over the batch."""
        x, cond = self.pair(batch)
        whole, context = self._whole(x), self.contexts(cond, len(x))
        if not self.initialised:
            self.prepare(self._filled(whole)[0], context)
        nats = -self._bound(whole, context).mean()
        return nats, {"bits_per_dim": nats.detach() / (self.latent_size * math.log(2.0))}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        optimizer = Optimizer(lr=self.lr, warmup=100, decay="cosine")
        return [Update(type(self).__name__.lower(), self.loss, self.parameters(), optimizer, clip=200.0, ema=0.999)]

    @torch.no_grad()
    def log_prob(
        self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None, cond: Tensor | None = None
    ) -> LogProb:
        """A lower bound of log P(x), or of log P(x | cond), from so many draws of the noise within levels."""
        if samples < 1:
            raise ValueError(f"samples: an estimate needs at least one, not {samples}")
        whole, context = self._whole(x), self.contexts(cond, len(x))
        bounds = torch.stack([self._bound(whole, context, generator) for _ in range(samples)])
        return LogProb(torch.logsumexp(bounds, 0) - math.log(samples), "bound")

    @torch.no_grad()
    def sample(
        self, n: int, *, cond: Tensor | None = None, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n images, (n, *shape) in [0, 1], each pixel at one of the levels; the latents are drawn at a temperature."""
        near = super().sample(n, cond=cond, temperature=temperature, generator=generator)
        return (near * (self.levels - 1)).round() / (self.levels - 1)

    def points(self, x: Tensor) -> Tensor:
        """Images as the middles of their levels."""
        return (self._whole(x) + 0.5) / self.levels

    def examples(self, points: Tensor) -> Tensor:
        """Points as images in [0, 1], such that the middle of a level is the level and what lies between is between."""
        return ((points * self.levels - 0.5) / (self.levels - 1)).clamp(0.0, 1.0)

    def _bound(self, whole: Tensor, context: Tensor | None, generator: torch.Generator | None = None) -> Tensor:
        """log p(v) - D log levels - log q(u | x) of a draw of u for each image of whole numbers: (B,)."""
        points, log_q = self._filled(whole, generator)
        return self.density(points, context) - self.latent_size * math.log(self.levels) - log_q

    def _filled(self, whole: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """The points v, and log q(u | x)."""
        noise, log_q = self.dequantisation(whole / (self.levels - 1), generator)
        return (whole + noise) / self.levels, log_q

    def _whole(self, x: Tensor) -> Tensor:
        """Images, bytes or floats in [0, 1], as whole numbers below `levels`, in floats."""
        x = to_device(checked(x, self.shape, type(self).__name__), self.device)
        if not bool(((x >= 0) & (x <= 1)).all()):
            raise ValueError("pixels are bytes, or floats in [0, 1]")
        return (x * self.levels).floor().clamp_max(self.levels - 1)
