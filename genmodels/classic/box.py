"""The simplest generative model: every point of a rectangle is as probable as any other, and no other point is possible.

    p(x) = 1 / prod_d (high_d - low_d)    for low <= x <= high,    0 elsewhere

The likelihood of data grows as the rectangle shrinks, and is zero as soon as it leaves a point out: the most likely rectangle
is the bounding box of the data. New points are easily drawn from it, but it knows nothing of how the data lie in it: where the
numbers of x depend on one another, most of the box is empty, and most samples are nothing like the data.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from genmodels.batches import checked, to_device
from genmodels.classic.closed_form import ClosedForm
from genmodels.model import LogProb
from genmodels.random_streams import uniform


class Box(ClosedForm):
    """A uniform density on a rectangle.

    >>> box = Box(shape=(2,))
    >>> box.fit(torch.tensor([[0.0, 1.0], [4.0, 0.5], [1.0, 0.0]])).figures
    {}
    >>> box.low.tolist(), box.high.tolist(), box.log_prob(torch.tensor([[1.0, 1.0], [5.0, 0.5]])).nats.tolist()
    ([0.0, 0.0], [4.0, 1.0], [-1.3862943611198906, -inf])

    Arguments:
        shape: of an example: (features,), or (channels, height, width) of images in [0, 1].
    """

    cannot: ClassVar[dict[str, str]] = {"encode": "it has no latents: its corners are all that it knows"}

    def __init__(self, shape: Sequence[int] = (2,)) -> None:
        super().__init__()
        self.shape = tuple(shape)
        self.low = nn.Parameter(torch.empty(self.shape, dtype=torch.float64), requires_grad=False)
        self.high = nn.Parameter(torch.empty(self.shape, dtype=torch.float64), requires_grad=False)
        self.forget()

    def forget(self) -> None:
        self.low.fill_(torch.inf)  # the box of no points, which joined with any other is that other
        self.high.fill_(-torch.inf)

    def observe(self, batch: Tensor) -> None:
        x = self._points(batch)
        if not x.isfinite().all():
            raise ValueError("examples hold numbers that are not finite: no box has them inside")
        self.low.copy_(torch.minimum(self.low, x.amin(0)))
        self.high.copy_(torch.maximum(self.high, x.amax(0)))

    @property
    def has_seen_data(self) -> bool:
        return bool((self.low <= self.high).all())

    @torch.no_grad()
    def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        """Minus the logarithm of the volume for points inside or on the border, -inf outside; exact, in float64."""
        self._check_seen()
        sides = self.high - self.low
        if not sides.all():
            flat = int((sides == 0).sum())
            raise ValueError(f"{flat} of {sides.numel()} dimensions never varied: a box without a volume has no density")
        x = self._points(x)
        inside = ((x >= self.low) & (x <= self.high)).flatten(1).all(1)
        return LogProb(torch.where(inside, -sides.log().sum(), -torch.inf), "exact")

    @torch.no_grad()
    def sample(
        self, n: int, *, cond: Tensor | None = None, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n points of the box, (n, *shape). A uniform density to any power is itself: the temperature changes nothing."""
        if cond is not None:
            raise ValueError("a box is not conditional: leave cond out")
        self._check_seen()
        shares = uniform((n, *self.shape), self.device, generator, torch.float64)
        return torch.lerp(self.low, self.high, shares).float()

    def _points(self, x: Tensor) -> Tensor:
        return to_device(checked(x, self.shape, "box"), self.device).double()
