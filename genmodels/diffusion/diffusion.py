"""Diffusion: noise is put on images until nothing else is left, and a network learns to take it off (Ho et al. 2020, arXiv
2006.11239).

    x_t = signal(t) x_0 + noise(t) eps,    eps ~ N(0, 1),    t ~ U(0, 1)
    min  E | network(x_t, t) - target |^2                                   the target is eps, x_0 or v

The schedule of noise, what the network is asked for, and the sampler are three choices, each by itself; the sampler and its
steps are chosen anew for each call. Towards a class (Ho and Salimans 2022, arXiv 2207.12598): the network is trained with the
label left out now and then, and what it says with the label is exaggerated,

    answer = without + (1 + guidance) (with - without)
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise, repeat
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.batches import checked, to_device
from genmodels.diffusion.predictions import PREDICTIONS, PredictionName
from genmodels.diffusion.samplers import SAMPLERS, SamplerName, ddim, evenly
from genmodels.diffusion.schedules import SCHEDULES, ScheduleName
from genmodels.model import Model
from genmodels.nn import UNet
from genmodels.precision import checked_precision
from genmodels.random_streams import normal
from genmodels.sampling import slerp
from genmodels.training import Optimizer, Update

WAVES = 64  # sines and cosines each by which a time is told
AT_ONCE = 256  # images that are drawn together
Show = Callable[[int, int, Tensor], Any]


class Diffusion(Model):
    """A diffusion model of images.

        model = Diffusion(shape=(1, 28, 28), classes=10)
        model.fit(mnist("train").pairs, minutes=10)
        model.sample(10, cond=torch.arange(10), steps=20, guidance=1.0)

    Arguments:
        shape: of an image in [0, 1], (channels, height, width); sides that can be halved `levels` times.
        width: channels at the finest level.
        levels: how often the network halves the sides.
        blocks: of the network, at each level on either way.
        schedule: of noise: "linear", "cosine" or "offset_cosine".
        predicts: what the network is asked for: "eps", "x0" or "v".
        classes: with more than one, the data are pairs (images, labels).
        unlabelled: how often the label is left out in training.
        lr: the learning rate at its height.
    """

    cannot: ClassVar[dict[str, str]] = {
        "log_prob": "its bound is loose and needs a pass for each of many times; the samples are what it is for",
    }

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        width: int = 32,
        levels: int = 2,
        blocks: int = 1,
        schedule: ScheduleName = "cosine",
        predicts: PredictionName = "v",
        classes: int = 1,
        unlabelled: float = 0.1,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        if len(shape) != 3 or any(side % (1 << levels) for side in shape[1:]):
            raise ValueError(f"shape: (channels, height, width), sides that can be halved {levels} times, not {tuple(shape)}")
        if schedule not in SCHEDULES:
            raise ValueError(f"schedule is one of {', '.join(get_args(ScheduleName))}, not {schedule!r}")
        if predicts not in PREDICTIONS:
            raise ValueError(f"predicts is one of {', '.join(get_args(PredictionName))}, not {predicts!r}")
        if classes < 1 or not 0.0 <= unlabelled < 1.0:
            raise ValueError(f"classes, unlabelled: at least one class and a share below 1, not {classes} and {unlabelled}")
        self.shape, self.latent_size, self.classes = tuple(shape), math.prod(shape), classes
        self.schedule, self.prediction = SCHEDULES[schedule], PREDICTIONS[predicts]
        self.unlabelled, self.lr = unlabelled, lr
        told = 4 * width
        self.unet = UNet(shape[0], shape[0], width, levels, told, blocks)
        self.time = nn.Sequential(nn.Linear(2 * WAVES, told), nn.SiLU(), nn.Linear(told, told), nn.SiLU())
        self.labels = nn.Embedding(classes + 1, told) if classes > 1 else None  # the last is: no label
        if self.labels is not None:
            nn.init.zeros_(self.labels.weight)

    def forward(self, x: Tensor, t: Tensor, y: Tensor | None = None) -> Tensor:
        """The network's answer for x (B, *shape) in [-1, 1] and noise, at times t (B,), of labels (B,)."""
        vector = self.time(waves(t))
        if self.labels is not None:
            vector = vector + self.labels(torch.full_like(t, self.classes, dtype=torch.long) if y is None else y)
        return self.unet(x, vector)

    # ---- training

    def loss(self, batch: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean squared error of the answer, at a time drawn for each image; times are spread evenly over the batch."""
        x, labels = batch if isinstance(batch, (tuple, list)) else (batch, None)
        x0 = 2.0 * checked(x, self.shape, "Diffusion") - 1.0
        y = self._labels(labels, len(x))
        if y is not None:
            y = torch.where(torch.rand(len(y), device=y.device) < self.unlabelled, self.classes, y)
        t = (torch.rand((), device=x.device) + torch.arange(len(x), device=x.device) / len(x)) % 1.0
        signal, noise = (part[:, None, None, None] for part in self.schedule(t))
        eps = torch.randn_like(x0)
        answer = self(signal * x0 + noise * eps, t, y).float()
        return F.mse_loss(answer, self.prediction.target(x0, eps, signal, noise)), {}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        return [Update("diffusion", self.loss, self.parameters(), Optimizer(lr=self.lr, warmup=100, decay="cosine"), ema=0.999)]

    # ---- images

    def decode(
        self,
        z: Tensor,
        *,
        cond: Tensor | None = None,
        steps: int = 50,
        sampler: SamplerName = "ddim",
        guidance: float = 0.0,
        generator: torch.Generator | None = None,
        show: Show | None = None,
        precision: Literal["fp32", "bf16"] = "fp32",
    ) -> Tensor:
        """The images in [0, 1] that begin as the noise z (B, latent_size): (B, *shape).

        Arguments:
            z: standard normal noise.
            cond: classes (B,), or None for whatever comes.
            steps: of the sampler.
            sampler: "ddim", "dpm" and "heun" follow from z alone, "ancestral" draws fresh noise on the way.
            guidance: how far what a class asks for is exaggerated.
            generator: of fresh noise.
            show: called at each step with its number, their number and the image as it is guessed then, (B, *shape).
            precision: of the network; "bf16" is quicker where the machine multiplies in it.
        """
        if sampler not in SAMPLERS:
            raise ValueError(f"sampler is one of {', '.join(get_args(SamplerName))}, not {sampler!r}")
        if steps < 1:
            raise ValueError(f"steps: at least one, not {steps}")
        checked_precision(precision)
        y = self._labels(cond, len(z)) if cond is not None else None
        guess: list[Tensor] = []
        parts, x = self._parts(y, guidance, guess), z.view(-1, *self.shape)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=precision == "bf16"):  # weights are rounded once
            way = SAMPLERS[sampler](parts, self.schedule, x, evenly(self.schedule, sampler, steps), generator)
            for number, now in enumerate(way, start=1):
                x = now
                if show is not None:
                    show(number, steps, _shown(guess[-1]))
            return _shown(parts(x, 0.0)[0])

    @torch.no_grad()
    def encode(self, x: Tensor, *, cond: Tensor | None = None, steps: int = 50) -> Tensor:
        """The noise (B, latent_size) that ddim makes of images in [0, 1]: what `decode` makes them of again."""
        x = 2.0 * to_device(checked(x, self.shape, "Diffusion"), self.device).float() - 1.0
        y = self._labels(cond, len(x)) if cond is not None else None
        signal = self.schedule(torch.zeros(()))[0].item()  # as if no noise had been drawn
        return _last(
            ddim(self._parts(y, 0.0, []), self.schedule, signal * x, evenly(self.schedule, "ddim", steps)[::-1])
        ).flatten(1)

    def reconstruct(self, x: Tensor, *, steps: int = 50) -> Tensor:
        """Images through their noise and back."""
        with torch.no_grad():
            return self.decode(self.encode(x, steps=steps), steps=steps)

    @torch.no_grad()
    def interpolate(self, a: Tensor, b: Tensor, n: int, *, steps: int = 50) -> Tensor:
        """n images for each pair, their noises on an arc: (B, n, *shape)."""
        way = slerp(self.encode(a, steps=steps), self.encode(b, steps=steps), n)
        return self.decode(way.flatten(0, 1), steps=steps).unflatten(0, way.shape[:2])

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        cond: Tensor | None = None,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        steps: int = 20,
        sampler: SamplerName = "ddim",
        guidance: float = 0.0,
        show: Show | None = None,
        precision: Literal["fp32", "bf16"] = "fp32",
    ) -> Tensor:
        """n images, (n, *shape) in [0, 1], of the classes `cond` (n,) or of any, from noise at a temperature; see `decode`."""
        z = math.sqrt(temperature) * normal((n, self.latent_size), self.device, generator)
        labels = repeat(None) if cond is None else cond.split(AT_ONCE)
        options = partial(self.decode, steps=steps, sampler=sampler, guidance=guidance)
        draw = partial(options, generator=generator, show=show, precision=precision)
        return torch.cat([draw(part, cond=y) for part, y in zip(z.split(AT_ONCE), labels, strict=False)])

    @torch.no_grad()
    def complete(
        self,
        x: Tensor,
        known: Tensor,
        *,
        cond: Tensor | None = None,
        steps: int = 50,
        guidance: float = 0.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """The images (B, *shape) with what is not `known` painted in; what is stays as it is.

        At each step what is known is put back, with as much noise as is there at that time (Lugmayr et al. 2022).
        """
        x0 = 2.0 * to_device(checked(x, self.shape, "Diffusion"), self.device).float() - 1.0
        known = known.to(self.device).expand_as(x0)
        y = self._labels(cond, len(x0)) if cond is not None else None
        parts, times = self._parts(y, guidance, []), evenly(self.schedule, "ancestral", steps)
        now = normal(x0.shape, self.device, generator)
        for t, s in pairwise(times):
            now = _last(SAMPLERS["ancestral"](parts, self.schedule, now, [t, s], generator))
            signal, noise = (part.item() for part in self.schedule(torch.tensor(s, dtype=torch.float64)))
            now = torch.where(known, signal * x0 + noise * normal(x0.shape, self.device, generator), now)
        painted = _shown(parts(now, 0.0)[0])
        return torch.where(known, 0.5 * (x0 + 1.0), painted)

    def _parts(
        self, y: Tensor | None, guidance: float, guess: list[Tensor]
    ) -> Callable[[Tensor, float], tuple[Tensor, Tensor]]:
        """What tells image and noise apart, for a sampler; the last guess of the image is left in `guess`."""

        def parts(x: Tensor, t: float) -> tuple[Tensor, Tensor]:
            times = torch.full((len(x),), t, device=x.device)
            signal, noise = (part[:, None, None, None] for part in self.schedule(times))
            answer = self(x, times, y).float()
            without = self(x, times).float() if guidance and y is not None else None
            if without is not None:
                answer = without + (1.0 + guidance) * (answer - without)
            x0 = self.prediction.parts(x, answer, signal, noise)[0].clamp(-1.0, 1.0)  # no image is beyond
            guess[:] = [x0]
            return x0, (x - signal * x0) / noise

        return parts

    def _labels(self, y: Any, n: int) -> Tensor | None:
        if self.classes == 1:
            if y is not None:
                raise ValueError("this Diffusion has one class and is not conditional: leave cond and labels out")
            return None
        if not isinstance(y, Tensor) or y.shape != (n,) or y.is_floating_point():
            raise ValueError(f"{self.classes} classes need a label for each image: give pairs (images, labels), or cond ({n},)")
        if n and not 0 <= y.min() <= y.max() < self.classes:
            raise ValueError(f"labels are whole numbers from 0 to {self.classes - 1}")
        return y.to(self.device)


def waves(t: Tensor) -> Tensor:
    """Times (B,) as sines and cosines from slow to fast, (B, 2 WAVES)."""
    angles = t[:, None] * torch.exp(torch.linspace(0.0, math.log(1000.0), WAVES, device=t.device)) * 2.0 * math.pi
    return torch.cat([angles.sin(), angles.cos()], 1)


def _last(way: Iterator[Tensor]) -> Tensor:
    *_, x = way
    return x


def _shown(x: Tensor) -> Tensor:
    return (0.5 * (x + 1.0)).clamp(0.0, 1.0)
