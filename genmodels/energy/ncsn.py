"""The noise-conditional score network (Song and Ermon 2019, arXiv 1907.05600).

    p_sd = p * N(0, sd^2 I)              the data with noise, at levels sd_1 > ... > sd_L in equal ratios
    s(x, sd) = grad log p_sd(x)          one network for all levels, by denoising or sliced score matching

Between its modes the data have no density to be steep. With enough noise they have: annealed Langevin sampling goes from the
noisiest level, where all modes are one, to the least noisy.

The network is told x in units of its deviation and says how the slope differs from that of Gaussian data of unit variance
(in the manner of Karras et al. 2022, arXiv 2206.00364), so that neither its input nor its output depends on the level's size:

    s(x, sd) = -x / (1 + sd^2) + net(x / sqrt(1 + sd^2), sd) / (sd sqrt(1 + sd^2))
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, Literal, get_args

import torch
from torch import Tensor

from genmodels.batches import checked, to_device
from genmodels.energy.score_matching import denoising, sliced
from genmodels.energy.score_networks import ImageScore, VectorScore
from genmodels.model import Model
from genmodels.random_streams import normal
from genmodels.sampling.langevin import NoisyScore, annealed_langevin
from genmodels.training import Optimizer, Update

Objective = Literal["denoising", "sliced"]
OBJECTIVES: dict[Objective, Callable[[NoisyScore, Tensor, Tensor], Tensor]] = {"denoising": denoising, "sliced": sliced}
AT_ONCE = 1024  # chains that `sample` walks together


class NCSN(Model):
    """The slopes of log p at many levels of noise, of images or of vectors.

    Arguments:
        shape: of an example: (channels, height, width) in [0, 1], which it sees in [-1, 1], or (features,) of about unit
            variance.
        width: channels at the finest level, or units of a hidden layer.
        frequency: the waves within one unit of a vector that the network sees at once.
        largest, least: deviations of the noise. The largest is about the distance between the farthest examples, the least is
            finer than what the data have of detail.
        levels: how many deviations there are.
        objective: "denoising" or "sliced".
        steps: of Langevin's walk at each level, for a sample.
        step: its length at a level, in units of the variance of the noise.
        lr: falling to nothing.
    """

    cannot: ClassVar[dict[str, str]] = {
        "log_prob": "it knows the slope of log p and not its height",
        "encode": "a score has no latents",
    }
    sds: Tensor

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        width: int = 32,
        frequency: float = 0.5,
        largest: float = 10.0,
        least: float = 0.01,
        levels: int = 20,
        objective: Objective = "denoising",
        steps: int = 10,
        step: float = 0.3,
        lr: float = 2e-3,
    ) -> None:
        super().__init__()
        if objective not in OBJECTIVES:
            raise ValueError(f"objective is one of {', '.join(get_args(Objective))}, not {objective!r}")
        if not 0.0 < least < largest or levels < 2:
            raise ValueError(f"least is above 0 and below largest, with 2 levels or more, not {least}, {largest}, {levels}")
        if steps < 1:
            raise ValueError(f"steps are at least 1, not {steps}")
        if not 0.0 < step < 2.0:
            raise ValueError(f"step lies between 0 and 2, not {step}")
        self.shape, self.images = tuple(shape), len(shape) == 3
        self.objective, self.steps, self.step, self.lr = OBJECTIVES[objective], steps, step, lr
        self.net = ImageScore(shape, width) if self.images else VectorScore(shape[0], width, frequency)
        falling = torch.linspace(math.log(largest), math.log(least), levels).exp()
        self.register_buffer("sds", falling, persistent=False)

    def score(self, x: Tensor, sd: Tensor) -> Tensor:
        """The slope of log p_sd at x (B, *shape), with noise of deviation (B,). Of images, x is as it is seen, in [-1, 1]."""
        if not len(x):  # PyTorch makes no squares of no images (pixel_unshuffle)
            return x
        deviation = sd.view(-1, *[1] * len(self.shape))
        total = (1.0 + deviation.square()).sqrt()
        return -x / total.square() + self.net(x / total, sd).float() / (deviation * total)

    def loss(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The objective, summed over dimensions, at a random level for each example."""
        x = to_device(checked(x, self.shape, "NCSN"), self.device)
        sd = self.sds[torch.randint(len(self.sds), (len(x),), device=x.device)]
        return self.objective(self.score, 2.0 * x - 1.0 if self.images else x, sd).mean(), {}

    def updates(self) -> list[Update]:
        """One objective: the loss, for the network."""
        optimizer = Optimizer(lr=self.lr, warmup=100, decay="cosine")
        return [Update("score", self.loss, self.net.parameters(), optimizer, clip=100.0, ema=0.999)]

    @torch.no_grad()
    def sample(
        self,
        n: int,
        *,
        cond: Tensor | None = None,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        way: list[Tensor] | None = None,
    ) -> Tensor:
        """n examples, (n, *shape), by annealed Langevin sampling; to `way` are added n examples after each level of noise."""
        if cond is not None:
            raise ValueError("this NCSN is not conditional: leave cond out")
        widest = math.sqrt(temperature * (1.0 + self.sds[0].item() ** 2))
        starts = (widest * normal((n, *self.shape), self.device, generator)).split(AT_ONCE)
        ways: list[list[Tensor]] = [[] for _ in starts]
        for start, places in zip(starts, ways, strict=True):
            annealed_langevin(self.score, start, self.sds, self.steps, self.step, temperature, generator, places)
        levels = [self._shown(torch.cat(level)) for level in zip(*ways, strict=True)]
        if way is not None:
            way.extend(levels)
        return levels[-1]

    def _shown(self, x: Tensor) -> Tensor:
        return (0.5 * (x + 1.0)).clamp(0.0, 1.0) if self.images else x
