"""Wasserstein GANs: the critic measures how far fakes must be carried to become real (Arjovsky et al. 2017, arXiv 1701.07875).

    critic f       min  E f(fake) - E f(real)        among functions of slope at most 1
    generator G    min  -E f(G(z))

How the critic is kept to that slope tells the two apart: `WGAN` bounds its weights, `WGANGP` (Gulrajani et al. 2017, arXiv
1704.00028) adds a penalty for slopes other than 1 between real examples and fakes.

Their critic sees each example by itself: it has no batch norm, through which real and fake would leak into one another, and no
dropout. The generator of images has pixel norm, without which it soon goes black and has no gradient left.
"""

from __future__ import annotations

from collections.abc import Sequence

from genmodels.gans.gan import GAN


class WGAN(GAN):
    """A Wasserstein GAN whose critic's weights are clipped, of images or of vectors.

    >>> import torch
    >>> gan = WGAN(shape=(2,), latent=2, width=16, bound=0.1)
    >>> trained = gan.fit(torch.randn(500, 2), steps=5)
    >>> max(weight.abs().max().item() for weight in gan.critic.parameters()) <= 0.1 + 1e-8
    True

    Arguments:
        shape: of an example: (channels, height, width) in [0, 1], or (features,) of about unit variance.
        latent: the dimensions of z.
        width: channels at the finest level, or units of a hidden layer.
        bound: on the size of each of the critic's weights, after each of its steps.
        critic_steps: steps of the critic for each of the generator.
        lr: of both, falling to nothing. Much of it makes a clipped critic rattle between its bounds.
        warmup: steps over which the rate rises.
    """

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        latent: int = 64,
        width: int = 32,
        bound: float = 0.05,
        critic_steps: int = 5,
        lr: float = 5e-4,
        warmup: int = 0,
    ) -> None:
        super().__init__(
            shape,
            latent,
            width,
            loss="wasserstein",
            constraint="clip",
            strength=bound,
            critic_steps=critic_steps,
            lr=lr,
            betas=(0.0, 0.9),  # without momentum, as what is asked of the critic never rests
            warmup=warmup,
        )


class WGANGP(GAN):
    """A Wasserstein GAN with a gradient penalty, of images or of vectors.

    >>> import torch
    >>> gan = WGANGP(shape=(3, 8, 8), width=4)
    >>> trained = gan.fit(torch.rand(40, 3, 8, 8), steps=5, batch_size=8)
    >>> gan.sample(6, temperature=0.7).shape
    torch.Size([6, 3, 8, 8])

    Arguments:
        shape: of an example: (channels, height, width) in [0, 1], or (features,) of about unit variance.
        latent: the dimensions of z.
        width: channels at the finest level, or units of a hidden layer.
        penalty: the weight of the gradient penalty.
        critic_steps: steps of the critic for each of the generator.
        warmup: steps over which the rate rises.
    """

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        latent: int = 64,
        width: int = 32,
        penalty: float = 10.0,
        critic_steps: int = 5,
        warmup: int = 0,
    ) -> None:
        super().__init__(
            shape,
            latent,
            width,
            loss="wasserstein",
            constraint="penalty",
            strength=penalty,
            critic_steps=critic_steps,
            lr=2e-3,
            warmup=warmup,
        )
