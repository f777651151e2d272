"""What all flows share: data made into noise, and noise into data, by one invertible map.

z = f(x)        log p(x) = log N(f(x); 0, 1) + log |det df/dx|
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from genmodels.batches import checked, to_device
from genmodels.data_parallel import by_one_process
from genmodels.distributions import DiagonalGaussian
from genmodels.distributions.bijectors import Bijector
from genmodels.model import VALIDATION_STEPS, LogProb, Model
from genmodels.random_streams import normal
from genmodels.sampling import slerp
from genmodels.training import Hook, Indexed

JUDGED = 1000  # examples held out of which a validation takes note, at most


class Flow(Model, ABC):
    """A flow. `bijector` maps examples (B, *shape) to latents (B, latent_size) that are standard normal.

    Where there is a context, of so many features, data are pairs (examples, contexts), and `cond` is (B, context).
    """

    initialised: Tensor

    def __init__(self, bijector: Bijector, shape: Sequence[int], context: int) -> None:
        super().__init__()
        self.shape, self.context, self.latent_size = tuple(shape), context, math.prod(shape)
        self.bijector = bijector
        self.register_buffer("initialised", torch.zeros((), dtype=torch.bool))

    @abstractmethod
    def loss(self, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """-log p(x), or a bound of it, in nats, mean over the batch."""

    @abstractmethod
    def log_prob(
        self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None, cond: Tensor | None = None
    ) -> LogProb:
        """log p(x | cond), or a bound of it."""

    def density(self, x: Tensor, context: Tensor | None) -> Tensor:
        """log p of points (B, *shape) on the model's device, in nats: (B,)."""
        z, log_det = self.bijector(x, context)
        return standard_normal(z) + log_det

    def prepare(self, x: Tensor, context: Tensor | None) -> None:
        """Initialise the bijector by the first batch of training, once; saved models know that it was done."""
        if not self.initialised:
            by_one_process(f"a {type(self).__name__} is initialised")
            self.bijector.initialise(x, context)
            self.initialised.fill_(True)

    def encode(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """The latent of each example: (B, *shape) -> (B, latent_size)."""
        points = self.points(x)
        return self.bijector(points, self.contexts(cond, len(points)))[0]

    def decode(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        """The example of each latent: the inverse of `encode`."""
        z = checked(z, (self.latent_size,), type(self).__name__).to(self.device)
        return self.examples(self.bijector.inverse(z, self.contexts(cond, len(z)))[0])

    def reconstruct(self, x: Tensor, cond: Tensor | None = None) -> Tensor:
        """Each example, through its latent and back; what is lost is rounding."""
        return self.decode(self.encode(x, cond), cond)

    @torch.no_grad()
    def sample(
        self, n: int, *, cond: Tensor | None = None, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n examples, (n, *shape), of the contexts `cond` (n, context); the latents are drawn at a temperature.

        Their deviation scales with its root.
        """
        self.contexts(cond, n)
        return self.decode(math.sqrt(temperature) * normal((n, self.latent_size), self.device, generator), cond)

    @torch.no_grad()
    def interpolate(self, a: Tensor, b: Tensor, n: int, cond: Tensor | None = None) -> Tensor:
        """n examples on the arc between the latents of each a and b: (B, n, *shape)."""
        path = slerp(self.encode(a, cond), self.encode(b, cond), n)
        each = None if cond is None else cond.repeat_interleave(n, 0)
        return self.decode(path.flatten(0, 1), each).unflatten(0, (-1, n))

    def validation(self, held: Indexed, batch_size: int) -> Hook:
        """The loss on (at most) the first thousand examples held out; the checkpoint in which it is lowest is kept."""
        return Hook(VALIDATION_STEPS, partial(self._validate, held, batch_size), score="validation/nats")

    @torch.no_grad()
    def _validate(self, held: Indexed, batch_size: int, step: int) -> dict[str, float]:
        total, count = 0.0, min(len(held), JUDGED)
        for rows in torch.arange(count).split(batch_size):
            x, context = self.pair(held[rows])
            total -= self.log_prob(x, cond=context).nats.double().sum().item()
        return {"validation/nats": total / count}

    # ---- what comes in, and what goes out

    def points(self, x: Tensor) -> Tensor:
        """Examples as points that the bijector takes."""
        return to_device(checked(x, self.shape, type(self).__name__), self.device)

    def examples(self, points: Tensor) -> Tensor:
        """The inverse of `points`."""
        return points

    def pair(self, batch: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor | None]:
        """A batch as examples and their contexts."""
        return (batch[0], batch[1]) if isinstance(batch, (tuple, list)) else (batch, None)

    def contexts(self, cond: Tensor | None, n: int) -> Tensor | None:
        """The contexts (n, context) on the device, or None where there are none."""
        if self.context == 0:
            if cond is not None:
                raise ValueError(f"this {type(self).__name__} is not conditional: leave cond out")
            return None
        if cond is None or cond.shape != (n, self.context):
            given = "none" if cond is None else tuple(cond.shape)
            raise ValueError(f"cond: a context for each example is needed, ({n}, {self.context}), not {given}")
        return cond.to(self.device).float()


def standard_normal(z: Tensor) -> Tensor:
    """log N(z; 0, 1) of vectors (B, D): (B,)."""
    return DiagonalGaussian(torch.zeros_like(z), torch.zeros((), device=z.device)).log_prob(z)
