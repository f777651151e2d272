"""The deep convolutional GAN (Radford et al. 2016, arXiv 1511.06434): convolutions and batch norm, no pooling.

Two habits that came after it keep its critic from winning: real examples are called real nine times of ten only, and the mean
and spread of a batch are taken over real and over fake ones apart.
"""

from __future__ import annotations

from collections.abc import Sequence

from genmodels.gans.gan import GAN


class DCGAN(GAN):
    """A deep convolutional GAN of images.

    >>> import torch
    >>> gan = DCGAN(shape=(1, 28, 28), width=4)
    >>> trained = gan.fit(torch.rand(40, 1, 28, 28), steps=2, batch_size=8)  # or mnist("train")
    >>> gan.sample(3).shape
    torch.Size([3, 1, 28, 28])

    Arguments:
        shape: of an image in [0, 1], (channels, height, width).
        latent: the dimensions of z.
        width: channels at the finest level.
        smooth: how often the critic is told that a real image is none.
        lr: of both, falling to nothing.
    """

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        latent: int = 64,
        width: int = 32,
        smooth: float = 0.1,
        lr: float = 5e-4,
    ) -> None:
        if len(shape) != 3:
            raise ValueError(f"shape: a DCGAN is of images, (channels, height, width), not {tuple(shape)}")
        super().__init__(shape, latent, width, norm="batch", smooth=smooth, lr=lr, betas=(0.5, 0.999))
