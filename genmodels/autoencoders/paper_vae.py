"""The autoencoder of World Models (Ha and Schmidhuber 2018, arXiv 1803.10122), for frames of 64 x 64 pixels.

    x --conv 32, 64, 128, 256 (4x4, stride 2)--> 1,024 --> mean, log variance of z
    z --> 1,024 --conv transposed 128, 64 (5x5), 32, 3 (6x6), stride 2--> x

    loss = sum of squared pixel errors + max(KL(q(z | x) || N(0, 1)), 0.5 nats for each dimension of z)

This one is for comparison with the paper: the `VAE` beside it, `width=16, blocks=0`, takes in more than twice as many images a
second.
"""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor, nn

from genmodels.autoencoders.autoencoder import GaussianAutoencoder
from genmodels.distributions import DiagonalGaussian
from genmodels.training import Optimizer, Update

SHAPE = (3, 64, 64)
ENCODED = 1024  # 256 channels of 2 x 2


class PaperVAE(GaussianAutoencoder):
    """The paper's VAE: 4,348,547 parameters with 32 latents (CarRacing), 4,446,915 with 64 (TakeCover).

    Arguments:
        latent: the dimensions of z.
        free_nats: of KL for each dimension; what they use together, up to their sum, costs nothing.
    """

    cannot: ClassVar[dict[str, str]] = {"log_prob": "its loss is a squared error, not a likelihood; VAE has one"}

    def __init__(self, latent: int = 32, free_nats: float = 0.5) -> None:
        super().__init__(SHAPE, latent)
        self.free_nats = free_nats
        self.encoder = nn.Sequential(
            *(nn.Conv2d(3, 32, 4, 2), nn.ReLU()),
            *(nn.Conv2d(32, 64, 4, 2), nn.ReLU()),
            *(nn.Conv2d(64, 128, 4, 2), nn.ReLU()),
            *(nn.Conv2d(128, 256, 4, 2), nn.ReLU()),
            nn.Flatten(),
            nn.Linear(ENCODED, 2 * latent),
        )
        self.decoder = nn.Sequential(
            nn.Linear(latent, ENCODED),
            nn.Unflatten(1, (ENCODED, 1, 1)),
            *(nn.ConvTranspose2d(ENCODED, 128, 5, 2), nn.ReLU()),
            *(nn.ConvTranspose2d(128, 64, 5, 2), nn.ReLU()),
            *(nn.ConvTranspose2d(64, 32, 6, 2), nn.ReLU()),
            *(nn.ConvTranspose2d(32, 3, 6, 2), nn.Sigmoid()),
        )

    def encode(self, x: Tensor) -> DiagonalGaussian:
        mean, log_variance = self.encoder(self._images(x)).float().chunk(2, dim=1)
        return DiagonalGaussian(mean, (0.5 * log_variance).clamp(-7.0, 2.0))  # only so that a wild start does not overflow

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z).float()

    def loss(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared errors summed over pixels, and the KL above what is free, mean over the batch."""
        x = self._images(x)
        q = self.encode(x)
        squares = (self.decode(q.sample()) - x).square().flatten(1).sum(1).mean()
        kl = q.kl_from_standard().sum(1)
        return squares + kl.clamp_min(self.free_nats * self.latent_size).mean(), {"squares": squares, "kl": kl.mean()}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        return [Update("vae", self.loss, self.parameters(), Optimizer(lr=1e-4))]
