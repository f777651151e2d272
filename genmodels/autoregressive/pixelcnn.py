"""PixelCNN: an image one pixel after the other, each given all before it (van den Oord et al. 2016, arXiv 1606.05328).

    p(x | c) = prod_i p(x_i | x_1 ... x_{i - 1}, c)

in reading order: row by row, from left to right, and within a pixel channel by channel. In training all pixels are there, and
one pass of convolutions that see what comes before says all of the factors at once; the likelihood is exact. In drawing each
pixel waits for the last.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from genmodels.autoregressive.pixel_heads import CategoricalHead, Head, LogisticsHead, centred
from genmodels.autoregressive.pixel_sampling import paint
from genmodels.autoregressive.pixel_stacks import PixelStacks
from genmodels.batches import checked, to_device
from genmodels.distributions import Categorical
from genmodels.model import VALIDATION_STEPS, LogProb, Model
from genmodels.random_streams import uniform
from genmodels.training import Hook, Indexed, Optimizer, Update

AT_ONCE = 128  # images whose likelihood is computed together
PAINTED_AT_ONCE = 512
JUDGED = 1000  # examples held out of which a validation takes note, at most


class PixelCNN(Model):
    """A gated PixelCNN of images.

    >>> pixels = PixelCNN(shape=(1, 8, 8), width=4, layers=2, classes=10)
    >>> images, labels = torch.rand(20, 1, 8, 8).round(), torch.arange(20) % 10  # or mnist("train").pairs
    >>> trained = pixels.fit(torch.utils.data.TensorDataset(images, labels), steps=2, batch_size=4)
    >>> pixels.sample(10, cond=torch.arange(10)).shape  # one of each class
    torch.Size([10, 1, 8, 8])
    >>> upper = (torch.arange(8)[:, None] < 4).expand(8, 8)
    >>> torch.equal(pixels.complete(images, known=upper)[:, :, :4], images[:, :, :4])  # their upper halves, gone on with
    True

    Arguments:
        shape: of an image, (channels, height, width), of any size.
        levels: how many a channel has; an image in [0, 1] has the level floor(levels x): with 2 bits, with 256 bytes.
        width: channels of either stack.
        layers: gated layers.
        kernel: the side of the square whose upper half a layer sees; odd. A pixel is told of those up to
            3 + layers (kernel // 2) rows above it, and as many columns to either side.
        classes: with more than one, the data are pairs (images, labels).
        head: what is said of a pixel: "categorical", a probability for each level, or "logistics", a mixture of logistics, for
            levels that are many and ordered.
        mixtures: how many logistics.
        lr: the learning rate at its height.
    """

    cannot: ClassVar[dict[str, str]] = {
        "encode": "it has no latents: each pixel is drawn given those before it",
        "interpolate": "it has no latents to go between",
    }

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        levels: int = 2,
        width: int = 32,
        layers: int = 8,
        kernel: int = 5,
        classes: int = 1,
        head: Literal["categorical", "logistics"] = "categorical",
        mixtures: int = 5,
        lr: float = 2e-3,
    ) -> None:
        super().__init__()
        if len(shape) != 3:
            raise ValueError(f"shape: an image has (channels, height, width), not {tuple(shape)}")
        if kernel < 3 or kernel % 2 == 0:
            raise ValueError(f"kernel: the side of a kernel is odd and at least 3, not {kernel}")
        if head not in ("categorical", "logistics"):
            raise ValueError(f"head is 'categorical' or 'logistics', not {head!r}")
        for name, value, least in (
            ("levels", levels, 2),
            ("width", width, 1),
            ("layers", layers, 1),
            ("classes", classes, 1),
            ("mixtures", mixtures, 1),
        ):
            if value < least:
                raise ValueError(f"{name}: at least {least}, not {value}")
        self.shape, self.levels, self.classes, self.lr = tuple(shape), levels, classes, lr
        channels = shape[0]
        self.stacks = PixelStacks(self.shape, width, layers, kernel, classes)
        self.head: Head = (
            CategoricalHead(width, channels, levels)
            if head == "categorical"
            else LogisticsHead(width, channels, levels, mixtures)
        )

    # ---- densities

    def nats(self, x: Tensor, y: Tensor | None) -> Tensor:
        """log p of each pixel of whole numbers x (B, C, H, W), given those before it and the class: (B, H, W)."""
        return self.head.nats(self.stacks(centred(x, self.levels), y), x)

    def loss(self, batch: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """-log p(x), or -log p(x | y) where there are classes, in nats, mean over the batch."""
        x, labels = batch if isinstance(batch, (tuple, list)) else (batch, None)
        x = self._whole(x)
        nats = -self.nats(x, self._labels(labels, len(x))).flatten(1).sum(1).mean()
        return nats, {"bits_per_dim": nats.detach() / (x[0].numel() * math.log(2.0))}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        optimizer = Optimizer(lr=self.lr, warmup=100, decay="cosine")
        return [Update("pixelcnn", self.loss, self.parameters(), optimizer, clip=200.0, ema=0.999)]

    def validation(self, held: Indexed, batch_size: int) -> Hook:
        """The loss on (at most) the first thousand examples held out; the checkpoint in which it is lowest is kept."""
        return Hook(VALIDATION_STEPS, partial(self._validate, held, batch_size), score="validation/nats")

    @torch.no_grad()
    def log_prob(
        self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None, cond: Tensor | None = None
    ) -> LogProb:
        """log p(x | cond), exact. Where there are classes and none are given, log p(x), over classes equally likely."""
        if cond is None and self.classes > 1:
            return LogProb(torch.logsumexp(self.log_joint(x), 1), "exact")
        self._check_conditional(cond)
        x = self._whole(x)
        return LogProb(self._per_image(x, self._labels(cond, len(x))), "exact")

    @torch.no_grad()
    def log_joint(self, x: Tensor) -> Tensor:
        """log p(x, y) for each class y, of which all are equally likely before: (B, *shape) -> (B, classes)."""
        x = self._whole(x)
        each = [self._per_image(x, torch.full((len(x),), y, device=self.device)) for y in range(self.classes)]
        return torch.stack(each, 1) - math.log(self.classes)

    def classify(self, x: Tensor) -> Tensor:
        """p(y | x) by Bayes' rule: (B, *shape) -> (B, classes)."""
        return self.log_joint(x).softmax(1)

    # ---- images

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        cond: Tensor | None = None,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        cached: bool = True,
    ) -> Tensor:
        """n images, (n, *shape) in [0, 1], of the classes `cond` (n,), or of any; each pixel is drawn at a temperature.

        With `cached=False` they are the same, and take as many passes over an image as it has pixels.
        """
        nothing = torch.zeros(n, *self.shape, device=self.device)
        known = torch.zeros(1, dtype=torch.bool, device=self.device)
        return self.complete(nothing, known, cond=cond, temperature=temperature, generator=generator, cached=cached)

    @torch.no_grad()
    def complete(
        self,
        x: Tensor,
        known: Tensor,
        *,
        cond: Tensor | None = None,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        cached: bool = True,
    ) -> Tensor:
        """The images (B, *shape) with the pixels drawn that are not `known`; those that are stay as they are.

        Each pixel is drawn given those before it. What is known of pixels after it is kept, but has no say: a model of this
        kind goes on from the upper half of an image, and not from the lower.

        Arguments:
            x: the images; what stands in them where nothing is known has no effect.
            known: whether each pixel is, broadcast to (B, 1, height, width); all channels of a pixel are, or none.
            cond: classes (B,). Where none are given, they are drawn by what the pixels tell that come before all unknown ones.
            temperature: of each draw of a pixel.
            generator: where the noise comes from.
            cached: whether to keep what was computed for the pixels before.
        """
        self._check_conditional(cond)
        _, height, breadth = self.shape
        checked(x, self.shape, "PixelCNN")
        known = _broadcast(known.to(self.device), (len(x), 1, height, breadth))
        whole = self._whole(x.masked_fill(~known.to(x.device), 0))
        y = self._labels(cond, len(x)) if cond is not None else self._likely_classes(whole, known, generator)
        painted = []
        for part in torch.arange(len(x), device=self.device).split(PAINTED_AT_ONCE):
            noise = uniform((len(part), 1 + self.shape[0], height, breadth), self.device, generator)
            labels = None if y is None else y[part]
            painted.append(paint(self.stacks, self.head, whole[part], known[part], labels, noise, temperature, cached))
        drawn = torch.cat(painted).float() / (self.levels - 1)
        return torch.where(known, to_device(x, self.device).float(), drawn)

    def _likely_classes(self, x: Tensor, known: Tensor, generator: torch.Generator | None) -> Tensor | None:
        """Classes drawn from p(y | the pixels before the first that is unknown): (B,)."""
        if self.classes == 1:
            return None
        before = known.flatten(1).long().cumprod(1).view_as(known)[:, 0]
        told = torch.zeros(len(x), self.classes, device=self.device)
        if before.any():
            for y in range(self.classes):
                told[:, y] = self._per_image(x, torch.full((len(x),), y, device=self.device), before)
        return Categorical(told).sample(generator)

    def _per_image(self, x: Tensor, y: Tensor | None, counted: Tensor | float = 1.0) -> Tensor:
        """log p of whole numbers x, summed over the pixels that are counted, some images at a time: (B,)."""
        nats = [
            self.nats(x[part], None if y is None else y[part]) for part in torch.arange(len(x), device=x.device).split(AT_ONCE)
        ]
        return (torch.cat(nats) * counted).flatten(1).sum(1)

    @torch.no_grad()
    def _validate(self, held: Indexed, batch_size: int, step: int) -> dict[str, float]:
        parts = torch.arange(min(len(held), JUDGED)).split(batch_size)
        totals = [len(part) * self.loss(to_device(held[part], self.device))[0].item() for part in parts]
        return {"validation/nats": sum(totals) / sum(map(len, parts))}

    # ---- what comes in

    def _check_conditional(self, cond: Tensor | None) -> None:
        if cond is not None and self.classes == 1:
            raise ValueError("this PixelCNN has one class and is not conditional: leave cond out")

    def _whole(self, x: Tensor) -> Tensor:
        """Images, bytes or floats in [0, 1], as whole numbers below `levels`."""
        x = to_device(checked(x, self.shape, "PixelCNN"), self.device)
        if not bool(((x >= 0) & (x <= 1)).all()):
            raise ValueError("pixels are bytes, or floats in [0, 1]")
        return (x * self.levels).long().clamp_max(self.levels - 1)

    def _labels(self, y: Any, n: int) -> Tensor | None:
        if self.classes == 1:
            return None
        if not isinstance(y, Tensor) or y.shape != (n,):
            raise ValueError(f"{self.classes} classes need a label for each image: give pairs (images, labels), or cond (n,)")
        y = y.to(self.device)
        if y.is_floating_point() or not bool(((y >= 0) & (y < self.classes)).all()):
            raise ValueError(f"labels are whole numbers from 0 to {self.classes - 1}")
        return y.long()


def _broadcast(known: Tensor, shape: tuple[int, ...]) -> Tensor:
    if known.dtype != torch.bool:
        raise TypeError(f"known: whether each pixel is, in bool, not {known.dtype}")
    try:
        return known.expand(shape)
    except RuntimeError:
        raise ValueError(f"known is broadcast to {shape}, one for each pixel, which {tuple(known.shape)} cannot be") from None
