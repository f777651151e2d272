"""Generators against critics (Goodfellow et al. 2014, arXiv 1406.2661).

    z ~ N(0, 1)    fake = G(z)
    critic f       lowers what its loss says of f(real) and f(fake), at every step, on fresh real examples
    generator G    lowers what its loss says of f(G(z)), at every `critic_steps`-th step

What the two want of each other (`losses/adversarial.py`) and what keeps the critic smooth (`losses/penalties.py`) are choices
of their own: any loss goes with any constraint, and the named GANs of this package are points in that table.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from genmodels.batches import checked
from genmodels.losses import (
    ADVERSARIAL,
    AdversarialName,
    clip_weights,
    critic_accuracy,
    gradient_penalty,
    logistic_critic,
    r1_penalty,
    spectral_norm,
)
from genmodels.model import Model
from genmodels.nn import ConvDecoder, ConvEncoder, FourierFeatures, PixelNorm, mlp
from genmodels.random_streams import normal
from genmodels.training import Optimizer, Update

Constraint = Literal["none", "clip", "penalty", "r1", "spectral"]
Norm = Literal["none", "pixel", "batch"]

STRENGTH: dict[Constraint, float] = {"none": 0.0, "clip": 0.01, "penalty": 10.0, "r1": 1.0, "spectral": 0.0}

Kinked = partial(nn.LeakyReLU, 0.2)  # piecewise linear: the penalty's gradient of a gradient is cheap


class GAN(Model):
    """A generative adversarial network, of images or of vectors.

    >>> from genmodels.data import GaussianGrid
    >>> gan = GAN(shape=(2,), latent=2, width=16, loss="hinge", constraint="spectral")
    >>> trained = gan.fit(GaussianGrid().sample(500, seed=0) / 2.8, steps=3)
    >>> gan.sample(4).shape
    torch.Size([4, 2])

    What to look at meanwhile is `genmodels.metrics.GanWatch`.

    Arguments:
        shape: of an example: (channels, height, width) in [0, 1], or (features,) of about unit variance.
        latent: the dimensions of z.
        width: channels at the finest level, or units of a hidden layer.
        loss: what critic and generator lower: "minimax", "non_saturating", "least_squares", "wasserstein" or "hinge".
        constraint: on the critic: "none"; "clip", every weight within +- strength; "penalty", on the slope's distance from 1
            between real and fake; "r1", on the slope at real examples; "spectral", layers of slope at most 1.
        strength: of the constraint; None takes its usual one.
        norm: of what goes from layer to layer: "pixel", of images' channels in the generator alone, position by position;
            "batch" in both, over real and over fake examples apart; "none".
        smooth: how often the logistic critic is told that a real example is none.
        critic_steps: steps of the critic for each of the generator.
        lr: of both, falling to nothing.
        betas: of both optimisers.
        warmup: steps over which the rate rises.
    """

    cannot: ClassVar[dict[str, str]] = {
        "log_prob": "the density of a GAN's samples is implicit",
        "encode": "a GAN maps latents to examples, not back",
    }

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        latent: int = 64,
        width: int = 32,
        loss: AdversarialName = "non_saturating",
        constraint: Constraint = "none",
        strength: float | None = None,
        norm: Norm = "pixel",
        smooth: float = 0.0,
        critic_steps: int = 1,
        lr: float = 1e-3,
        betas: tuple[float, float] = (0.5, 0.9),
        warmup: int = 0,
    ) -> None:
        super().__init__()
        check_choice("loss", loss, ADVERSARIAL)
        check_choice("constraint", constraint, get_args(Constraint))
        check_choice("norm", norm, get_args(Norm))
        if smooth and ADVERSARIAL[loss].critic is not logistic_critic:
            raise ValueError(f"smooth: labels are of the logistic losses, and {loss!r} has none")
        if not 0.0 <= smooth < 0.5:
            raise ValueError(f"smooth is a probability below a half, not {smooth}")
        self.shape, self.latent_size = tuple(shape), latent
        self.constraint, self.strength = constraint, STRENGTH[constraint] if strength is None else strength
        self.adversarial = ADVERSARIAL[loss]
        if smooth:
            self.adversarial = self.adversarial._replace(critic=partial(logistic_critic, smooth=smooth))
        self.norm, self.critic_steps = norm, critic_steps
        self.optimizer = Optimizer(lr=lr, betas=betas, warmup=warmup, decay="linear")
        self.generator = _generator(shape, latent, width, norm)
        self.critic = _critic(shape, width, norm)
        if constraint == "spectral":
            spectral_norm(self.critic)

    def decode(self, z: Tensor) -> Tensor:
        """The example that each latent stands for, images in [0, 1]: (B, latent) -> (B, *shape)."""
        return self.generator(z)

    def critic_loss(self, real: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The critic's loss on real examples (B, *shape) and as many fakes."""
        checked(real, self.shape, "GAN")
        with torch.no_grad():
            fake = self.decode(self._noise(len(real)))
        return self._critic_loss(self.critic, real, fake)

    def generator_loss(self, real: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's loss on as many fakes as there are real examples."""
        return self.adversarial.generator(self.critic(self.decode(self._noise(len(real)))).float()), {}

    def updates(self) -> list[Update]:
        """Two objectives: the critic's at every step, the generator's at every `critic_steps`-th."""
        weights = list(self.critic.parameters())
        within = partial(clip_weights, weights, self.strength) if self.constraint == "clip" else None
        average = None if self.norm == "batch" else 0.999  # statistics of batches are of the parameters as they were
        made = list(self.generator.parameters())
        return [
            Update("critic", self.critic_loss, weights, self.optimizer, after=within),
            Update("generator", self.generator_loss, made, self.optimizer, every=self.critic_steps, ema=average),
        ]

    @torch.no_grad()
    def sample(
        self, n: int, *, cond: Tensor | None = None, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n examples, (n, *shape), for z from the prior at a temperature."""
        if cond is not None:
            raise ValueError("this GAN is not conditional: leave cond out")
        z = math.sqrt(temperature) * normal((n, self.latent_size), self.device, generator)
        return torch.cat([self.decode(part) for part in z.split(4096)])

    def _critic_loss(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        real_score, fake_score = self._scores(critic, real, fake)
        loss = self.adversarial.critic(real_score, fake_score)
        accuracy = critic_accuracy(real_score, fake_score, self.adversarial.undecided)
        figures = {"distance": real_score.mean() - fake_score.mean(), "accuracy": accuracy}
        if self.constraint == "penalty":
            penalty, figures["slope"] = gradient_penalty(critic, real, fake)
            loss = loss + self.strength * penalty
        elif self.constraint == "r1":
            penalty, figures["slope"] = r1_penalty(critic, real)
            loss = loss + self.strength * penalty
        return loss, figures

    def _scores(self, critic: Callable[[Tensor], Tensor], real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """Of both at once where the critic sees each example by itself; else apart, or each would tell of the other."""
        if self.norm == "batch":
            return critic(real).float(), critic(fake).float()
        scores = critic(torch.cat([real, fake])).float()
        return scores[: len(real)], scores[len(real) :]

    def _noise(self, n: int) -> Tensor:
        return normal((n, self.latent_size), self.device)


class Unfolding(nn.Module):
    """G(z) = A z + f(z), where A begins as the identity: z is laid over the data plainly before f bends it.

    A network alone begins with a map that folds z somewhere. Modes on both sides of a fold are then joined across the whole of
    the data, and the training rarely undoes that: on the grid of Gaussians one seed in three ended with a third of its points
    between the modes.
    """

    def __init__(self, latent: int, features: int, width: int, act: Callable[[], nn.Module] = Kinked) -> None:
        super().__init__()
        self.plain = nn.Linear(latent, features, bias=False)
        nn.init.eye_(self.plain.weight)
        self.bend = mlp((latent, width, width, width, features), act)

    def forward(self, z: Tensor) -> Tensor:
        return self.plain(z) + self.bend(z)


def _generator(shape: Sequence[int], latent: int, width: int, norm: Norm) -> nn.Module:
    if len(shape) == 1:
        return Unfolding(latent, shape[0], width, _act(width, norm))
    if norm == "batch":
        return nn.Sequential(ConvDecoder(latent, shape, width, blocks=0, activation=Kinked, norm=nn.BatchNorm2d), nn.Sigmoid())
    act = partial(nn.Sequential, PixelNorm(), Kinked()) if norm == "pixel" else Kinked
    return nn.Sequential(ConvDecoder(latent, shape, width, activation=act), nn.Sigmoid())


def _critic(shape: Sequence[int], width: int, norm: Norm) -> nn.Module:
    if len(shape) == 1:
        seen = FourierFeatures(shape[0], frequency=1.5)
        return nn.Sequential(seen, mlp((seen.out_features, width, width, width, 1), _act(width, norm)))
    each = nn.BatchNorm2d if norm == "batch" else None
    return ConvEncoder(shape, 1, width, blocks=0, activation=Kinked, norm=each)


def _act(width: int, norm: Norm) -> Callable[[], nn.Module]:
    """What stands between the layers of vectors."""
    return (lambda: nn.Sequential(nn.BatchNorm1d(width), Kinked())) if norm == "batch" else Kinked


def check_choice(name: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise ValueError(f"{name} is one of {', '.join(known)}, not {value!r}")
