"""What follows from an encoder and a decoder: reconstructions; with a standard normal prior also samples and interpolations."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from genmodels.batches import checked, to_device
from genmodels.distributions import DiagonalGaussian, Distribution
from genmodels.model import Model
from genmodels.random_streams import normal
from genmodels.sampling import point, slerp

DECODED_AT_ONCE = 512  # what fits a cache is decoded faster than more at once


class Autoencoder(Model, ABC):
    """An autoencoder of images.

    Arguments:
        shape: of an image, (channels, height, width).
        latent: the dimensions of z.
    """

    def __init__(self, shape: Sequence[int], latent: int) -> None:
        super().__init__()
        self.shape, self.latent_size = tuple(shape), latent

    @abstractmethod
    def encode(self, x: Tensor) -> Tensor | Distribution:
        """Images, bytes or floats in [0, 1], to their latents (B, latent), or to distributions of them."""

    @abstractmethod
    def decode(self, z: Tensor) -> Tensor:
        """The mean image of each latent, in [0, 1]: (B, latent) -> (B, *shape)."""

    def reconstruct(self, x: Tensor) -> Tensor:
        """Each image as its latent, or its mean latent, is decoded."""
        return self.decode(point(self.encode(x)))

    def _images(self, x: Tensor) -> Tensor:
        return to_device(checked(x, self.shape, type(self).__name__), self.device)


class GaussianAutoencoder(Autoencoder, ABC):
    """An autoencoder of images whose latents are Gaussian, and are standard normal before an image is seen."""

    @abstractmethod
    def encode(self, x: Tensor) -> DiagonalGaussian:
        """q(z | x): images, bytes or floats in [0, 1], to a Gaussian over (B, latent)."""

    @torch.no_grad()
    def sample(
        self, n: int, *, cond: Tensor | None = None, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n images, (n, *shape) in [0, 1]: the mean of p(x | z) for z from the prior at a temperature."""
        if cond is not None:
            raise ValueError(f"this {type(self).__name__} is not conditional: leave cond out")
        z = math.sqrt(temperature) * normal((n, self.latent_size), self.device, generator)
        return torch.cat([self.decode(part) for part in z.split(DECODED_AT_ONCE)])

    @torch.no_grad()
    def interpolate(self, a: Tensor, b: Tensor, n: int) -> Tensor:
        """n images on the arc between the latents of each a and b: (B, n, *shape)."""
        path = slerp(self.encode(a).mean, self.encode(b).mean, n)
        return self.decode(path.flatten(0, 1)).unflatten(0, (-1, n))
