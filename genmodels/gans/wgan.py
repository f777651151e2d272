"""The Wasserstein GAN with a gradient penalty (Gulrajani et al. 2017, arXiv 1704.00028).

    z ~ N(0, 1)    fake = G(z)
    critic f       min  E f(fake) - E f(real) + penalty * E (|grad f| - 1)^2        at every step, on fresh real examples
    generator G    min  -E f(G(z))                                                  at every `critic_steps`-th step

The critic sees each example by itself: it has no batch norm, through which real and fake would leak into one another, and no
dropout. The generator of images has pixel norm, without which it soon goes black and has no gradient left.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from genmodels.losses import gradient_penalty, wasserstein_critic, wasserstein_generator
from genmodels.model import Model
from genmodels.nn import ConvDecoder, ConvEncoder, FourierFeatures, PixelNorm, mlp
from genmodels.random_streams import normal
from genmodels.training import Optimizer, Update

Kinked = partial(nn.LeakyReLU, 0.2)  # piecewise linear: the penalty's gradient of a gradient is cheap


class WGANGP(Model):
    """A Wasserstein GAN with a gradient penalty, of images or of vectors.

    Arguments:
        shape: of an example: (channels, height, width) in [0, 1], or (features,) of about unit variance.
        latent: the dimensions of z.
        width: channels at the finest level, or units of a hidden layer.
        penalty: the weight of the gradient penalty.
        critic_steps: steps of the critic for each of the generator.
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
        penalty: float = 10.0,
        critic_steps: int = 5,
        warmup: int = 0,
    ) -> None:
        super().__init__()
        self.shape, self.latent_size = tuple(shape), latent
        self.penalty, self.critic_steps, self.warmup = penalty, critic_steps, warmup
        self.generator = _generator(shape, latent, width)
        self.critic = _critic(shape, width)

    def decode(self, z: Tensor) -> Tensor:
        """The example that each latent stands for, images in [0, 1]: (B, latent) -> (B, *shape)."""
        return self.generator(z)

    def critic_loss(self, real: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The critic's loss on real examples (B, *shape) and as many fakes."""
        if tuple(real.shape[1:]) != self.shape:
            raise ValueError(f"this GAN was built for examples of shape {self.shape}, these are {tuple(real.shape[1:])}")
        with torch.no_grad():
            fake = self.decode(self._noise(len(real)))
        real_score, fake_score = self.critic(torch.cat([real, fake])).float().chunk(2)
        distance = -wasserstein_critic(real_score, fake_score)
        penalty, slope = gradient_penalty(self.critic, real, fake)
        return self.penalty * penalty - distance, {"distance": distance, "slope": slope}

    def generator_loss(self, real: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's loss on as many fakes as there are real examples."""
        return wasserstein_generator(self.critic(self.decode(self._noise(len(real)))).float()), {}

    def updates(self) -> list[Update]:
        """Two objectives: the critic's at every step, the generator's at every `critic_steps`-th."""
        optimizer = Optimizer(lr=2e-3, betas=(0.5, 0.9), warmup=self.warmup, decay="linear")
        return [
            Update("critic", self.critic_loss, self.critic.parameters(), optimizer),
            Update(
                "generator", self.generator_loss, self.generator.parameters(), optimizer, every=self.critic_steps, ema=0.999
            ),
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

    def _noise(self, n: int) -> Tensor:
        return normal((n, self.latent_size), self.device)


class Unfolding(nn.Module):
    """G(z) = A z + f(z), where A begins as the identity: z is laid over the data plainly before f bends it.

    A network alone begins with a map that folds z somewhere. Modes on both sides of a fold are then joined across the whole of
    the data, and the training rarely undoes that: on the grid of Gaussians one seed in three ended with a third of its points
    between the modes.
    """

    def __init__(self, latent: int, features: int, width: int) -> None:
        super().__init__()
        self.plain = nn.Linear(latent, features, bias=False)
        nn.init.eye_(self.plain.weight)
        self.bend = mlp((latent, width, width, width, features), Kinked)

    def forward(self, z: Tensor) -> Tensor:
        return self.plain(z) + self.bend(z)


def _generator(shape: Sequence[int], latent: int, width: int) -> nn.Module:
    if len(shape) == 1:
        return Unfolding(latent, shape[0], width)
    act = partial(nn.Sequential, PixelNorm(), Kinked())
    return nn.Sequential(ConvDecoder(latent, shape, width, activation=act), nn.Sigmoid())


def _critic(shape: Sequence[int], width: int) -> nn.Module:
    if len(shape) == 1:
        seen = FourierFeatures(shape[0], frequency=1.5)
        return nn.Sequential(seen, mlp((seen.out_features, width, width, width, 1), Kinked))
    return ConvEncoder(shape, 1, width, blocks=0, activation=Kinked)
