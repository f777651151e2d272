"""The plain autoencoder: an image through a bottleneck and back (Hinton and Salakhutdinov 2006).

    z = encoder(x)        x' = decoder(z)        loss = |x - x'|^2

Nothing is asked of z but that x can be made from it: there is no prior. The codes lie wherever the training left them, in no
known shape and with holes between them, so that a point at random need not stand for anything. The VAE is the answer to that.

The decoder's last layer is linear, and what leaves [0, 1] is cut off when images are asked for: behind a sigmoid and a squared
error, a network that has gone black has no gradient left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from genmodels.autoencoders.autoencoder import Autoencoder
from genmodels.nn import ConvDecoder, ConvEncoder
from genmodels.sampling import lerp
from genmodels.training import Optimizer, Update


class PlainAutoencoder(Autoencoder):
    """An autoencoder of images whose code is a point.

    Arguments:
        shape: of an image, (channels, height, width); sides as for `VAE`.
        latent: the dimensions of z.
        width: channels at the finest level; they double at each coarser one.
        blocks: residual blocks at each level; with none an image is learned from about twice as fast.
    """

    cannot: ClassVar[dict[str, str]] = {
        "sample": "it has no prior to draw codes from; fit a density to its codes, such as genmodels.classic.Box, and decode",
        "log_prob": "its loss is a squared error, and its codes have no prior",
    }

    def __init__(self, shape: Sequence[int] = (1, 28, 28), latent: int = 2, width: int = 32, blocks: int = 0) -> None:
        super().__init__(shape, latent)
        self.encoder = ConvEncoder(shape, latent, width, blocks)
        self.decoder = ConvDecoder(latent, shape, width, blocks)

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(self._images(x)).float()

    def decode(self, z: Tensor) -> Tensor:
        return self.decoder(z).float().clamp(0.0, 1.0)

    def loss(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Squared errors summed over pixels, mean over the batch."""
        x = self._images(x)
        return (self.decoder(self.encode(x)) - x).float().square().flatten(1).sum(1).mean(), {}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        optimizer = Optimizer(lr=5e-3, warmup=100, decay="cosine")
        return [Update("autoencoder", self.loss, self.parameters(), optimizer, ema=0.999)]

    @torch.no_grad()
    def interpolate(self, a: Tensor, b: Tensor, n: int) -> Tensor:
        """n images on the line between the codes of each a and b, for want of a sphere that codes lie near: (B, n, *shape)."""
        path = lerp(self.encode(a), self.encode(b), n)
        return self.decode(path.flatten(0, 1)).unflatten(0, (-1, n))
