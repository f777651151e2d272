"""GANs that are told what to draw (Mirza and Osindero 2014, arXiv 1411.1784).

    fake = G(z, y)        f(x, y): is this a real x, and one of y?

The generator reads y beside z. The critic reads it as planes beside the image's channels, one for each class; or by projection
(Miyato and Koyama 2018, arXiv 1802.05637): f(x, y) = g(h(x)) + <e(y), h(x)>, one direction among features for each class.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.batches import checked
from genmodels.gans.gan import GAN, Constraint, Kinked, check_choice
from genmodels.losses import AdversarialName, spectral_norm
from genmodels.nn import ConvDecoder, ConvEncoder, PixelNorm
from genmodels.random_streams import normal

Reading = Literal["planes", "projection"]


class ConditionalGAN(GAN):
    """A GAN of images of several classes. It is trained on pairs (images, labels), labels (B,) from 0 to classes - 1.

    >>> gan = ConditionalGAN(shape=(1, 28, 28), classes=10, width=4, reads="planes")
    >>> images, labels = torch.rand(40, 1, 28, 28), torch.arange(40) % 10  # or mnist("train").pairs
    >>> trained = gan.fit(torch.utils.data.TensorDataset(images, labels), steps=2, batch_size=8)
    >>> gan.sample(2, cond=torch.tensor([3, 8])).shape
    torch.Size([2, 1, 28, 28])

    Arguments:
        shape: of an image in [0, 1], (channels, height, width).
        classes: how many there are.
        latent: the dimensions of z.
        width: channels at the finest level.
        reads: how the critic is told the class: "planes" or "projection".
        loss: what critic and generator lower; see `GAN`.
        constraint, strength: on the critic; see `GAN`.
        critic_steps: steps of the critic for each of the generator.
        lr: of both, falling to nothing.
    """

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        classes: int = 10,
        latent: int = 64,
        width: int = 32,
        reads: Reading = "projection",
        loss: AdversarialName = "wasserstein",
        constraint: Constraint = "penalty",
        strength: float | None = None,
        critic_steps: int = 2,
        lr: float = 2e-3,
    ) -> None:
        if len(shape) != 3 or classes < 2:
            raise ValueError(
                f"shape, classes: images (channels, height, width) of several classes, not {tuple(shape)} of {classes}"
            )
        check_choice("reads", reads, get_args(Reading))
        super().__init__(
            shape, latent, width, loss=loss, constraint=constraint, strength=strength, critic_steps=critic_steps, lr=lr
        )
        self.classes = classes
        act = partial(nn.Sequential, PixelNorm(), Kinked())
        self.generator = nn.Sequential(ConvDecoder(latent + classes, shape, width, activation=act), nn.Sigmoid())
        self.critic = _Planes(shape, classes, width) if reads == "planes" else _Projection(shape, classes, width)
        if constraint == "spectral":
            spectral_norm(self.critic)

    def decode(self, z: Tensor, cond: Tensor | None = None) -> Tensor:
        """The image of a class, in [0, 1], that each latent stands for: (B, latent) and labels (B,) to (B, *shape).

        Without labels the classes take turns.
        """
        return self.generator(torch.cat([z, F.one_hot(self._labels(cond, len(z)), self.classes).to(z.dtype)], 1))

    def critic_loss(self, real: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The critic's loss on real images (B, *shape) with their labels, and as many fakes of the same classes."""
        images, labels = checked(real[0], self.shape, "GAN"), real[1]
        with torch.no_grad():
            fake = self.decode(self._noise(len(labels)), labels)

        def critic(x: Tensor) -> Tensor:
            return self.critic(x, labels.repeat(len(x) // len(labels)))

        return self._critic_loss(critic, images, fake)

    def generator_loss(self, real: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """The generator's loss on as many fakes of the same classes."""
        labels = real[1]
        fake = self.decode(self._noise(len(labels)), labels)
        return self.adversarial.generator(self.critic(fake, labels).float()), {}

    @torch.no_grad()
    def sample(
        self, n: int, *, cond: Tensor | None = None, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n images, (n, *shape), of the classes `cond` (n,), or of all classes in turn."""
        labels = self._labels(cond, n)
        z = math.sqrt(temperature) * normal((n, self.latent_size), self.device, generator)
        return torch.cat([self.decode(*part) for part in zip(z.split(4096), labels.split(4096), strict=True)])

    def _labels(self, cond: Tensor | None, n: int) -> Tensor:
        if cond is None:
            return torch.arange(n, device=self.device) % self.classes
        if cond.shape != (n,) or cond.is_floating_point() or (n and not 0 <= cond.min() <= cond.max() < self.classes):
            raise ValueError(f"cond: ({n},) whole numbers from 0 to {self.classes - 1} are needed, not {tuple(cond.shape)}")
        return cond.to(self.device)


class _Planes(nn.Module):
    """f([x, planes]): the plane of the class is one everywhere, the others zero."""

    def __init__(self, shape: Sequence[int], classes: int, width: int) -> None:
        super().__init__()
        self.classes = classes
        self.net = ConvEncoder((shape[0] + classes, *shape[1:]), 1, width, blocks=0, activation=Kinked)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        planes = F.one_hot(labels, self.classes).to(x.dtype)[:, :, None, None]
        return self.net(torch.cat([x, planes.expand(-1, -1, *x.shape[2:])], 1))[:, 0]


class _Projection(nn.Module):
    """g(h(x)) + <e(y), h(x)>, both linear: of h come one score, and one for each class, of which that of y counts."""

    def __init__(self, shape: Sequence[int], classes: int, width: int) -> None:
        super().__init__()
        self.net = ConvEncoder(shape, 1 + classes, width, blocks=0, activation=Kinked)

    def forward(self, x: Tensor, labels: Tensor) -> Tensor:
        scores = self.net(x)
        return scores[:, 0] + scores[:, 1:].gather(1, labels[:, None])[:, 0]
