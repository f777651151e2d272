"""The variational autoencoder (Kingma and Welling 2014, arXiv 1312.6114).

    z ~ N(0, 1)        x ~ p(x | z)        q(z | x) = N(mean(x), sd(x)^2)

    log p(x) >= E_q [log p(x | z)] - KL(q(z | x) || N(0, 1))                        the ELBO

With k draws from q the bound tightens as k grows (Burda et al. 2016, arXiv 1509.00519):

    log p(x) >= E log 1/k sum_i p(x | z_i) p(z_i) / q(z_i | x)                      the IWAE bound
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from genmodels.autoencoders.autoencoder import DECODED_AT_ONCE, GaussianAutoencoder
from genmodels.distributions import Bernoulli, DiagonalGaussian, Distribution
from genmodels.model import LogProb
from genmodels.nn import ConvDecoder, ConvEncoder
from genmodels.training import Optimizer, Update


class VAE(GaussianAutoencoder):
    """A variational autoencoder of images.

    Four lines train one on a folder of pictures, and draw new ones:

        from genmodels.autoencoders import VAE
        from genmodels.data import ImageFolder
        vae = VAE(shape=(3, 64, 64), latent=64)
        vae.fit(ImageFolder("my/pictures", size=64), minutes=2, folder="my/vae")

    then `vae.sample(16)` is (16, 3, 64, 64) in [0, 1], `vae.reconstruct(x)`, `vae.encode(x).mean`, `vae.interpolate(a, b, 8)`,
    and another day `VAE.load("my/vae")`.

    Arguments:
        shape: of an image, (channels, height, width); sides that can be halved until one has at most 7 pixels (28, 32, 64, 96).
        latent: the dimensions of z.
        width: channels at the finest level; they double at each coarser one.
        likelihood: of a pixel given z. "gaussian" with one standard deviation for all, learned; "bernoulli" for pixels that are
            0 or 1.
        beta: the weight of the KL term. At 1 the loss is minus the ELBO; below it reconstructions are sharper, above it
            latents are simpler (Higgins et al. 2017).
        free_bits: nats of KL that each latent dimension may use without paying, so that none collapses (Kingma et al. 2016).
        blocks: residual blocks at each level; with none an image is learned from about twice as fast.
        patch: the side of the squares that the first layer takes and the last one makes; 4 is faster where nothing is small.
        sd: the standard deviation of a pixel, where it is fixed and not learned; Gaussian only.
        heavy_rows, row_weight: rows (from, to) of which a squared error counts so many times, as the deviation there is smaller
            by the root of that; for a small part of an image that says much, such as a bar of instruments. Gaussian only.
        draws: of z for each image in training. With more than one the loss is minus the IWAE bound, which beta and free_bits,
            weights of the ELBO's KL, do not enter.
    """

    spread: Tensor | None

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        latent: int = 32,
        width: int = 32,
        likelihood: Literal["gaussian", "bernoulli"] = "gaussian",
        beta: float = 1.0,
        free_bits: float = 0.0,
        blocks: int = 1,
        patch: int = 2,
        sd: float | None = None,
        heavy_rows: Sequence[int] = (0, 0),
        row_weight: float = 1.0,
        draws: int = 1,
    ) -> None:
        super().__init__(shape, latent)
        if likelihood not in ("gaussian", "bernoulli"):
            raise ValueError(f"likelihood is 'gaussian' or 'bernoulli', not {likelihood!r}")
        if likelihood == "bernoulli" and (sd is not None or row_weight != 1.0):
            raise ValueError("bits have no deviation: leave out sd and row_weight, or take likelihood='gaussian'")
        if draws < 1:
            raise ValueError(f"draws is at least 1, not {draws}")
        if draws > 1 and (beta != 1.0 or free_bits != 0.0):
            raise ValueError("the IWAE bound has no KL term to weigh: with draws above 1 leave out beta and free_bits")
        self.beta, self.free_bits, self.draws = beta, free_bits, draws
        self.encoder = ConvEncoder(shape, 2 * latent, width, blocks, patch=patch)
        self.decoder = ConvDecoder(latent, shape, width, blocks, patch=patch)
        self.log_sd = nn.Parameter(torch.tensor(-1.0)) if likelihood == "gaussian" and sd is None else None
        spread = None if likelihood == "bernoulli" else _log_spread(shape[1], 1.0 if sd is None else sd, heavy_rows, row_weight)
        self.register_buffer("spread", spread, persistent=False)

    def encode(self, x: Tensor) -> DiagonalGaussian:
        mean, log_sd = self.encoder(self._images(x)).chunk(2, dim=1)
        return DiagonalGaussian(mean, log_sd.float().clamp(-7.0, 2.0))

    def likelihood(self, z: Tensor) -> Distribution:
        """p(x | z): latents (B, latent) to a distribution over (B, *shape)."""
        decoded = self.decoder(z)
        if self.spread is None:
            return Bernoulli(decoded)
        return DiagonalGaussian(decoded, self.spread if self.log_sd is None else self.spread + self.log_sd.clamp_min(-6.0))

    def loss(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the ELBO (at beta = 1, free_bits = 0), or with several draws the IWAE bound, in nats, mean over the batch."""
        x = self._images(x)
        q = self.encode(x)
        kl = q.kl_from_standard().mean(0)
        if self.draws > 1:
            bound = self._bound(x, q, self.draws).mean()
            return -bound, {"bound": bound, "kl": kl.sum()}
        nll = -self.likelihood(q.sample()).log_prob(x).mean()
        return nll + self.beta * kl.clamp_min(self.free_bits).sum(), {"nll": nll, "kl": kl.sum()}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        optimizer = Optimizer(lr=1e-3, warmup=100, decay="cosine", haste=10.0)
        return [Update("vae", self.loss, self.parameters(), optimizer, clip=200.0, ema=0.999)]

    def decode(self, z: Tensor) -> Tensor:
        return self.likelihood(z).mean.clamp(0.0, 1.0)

    @torch.no_grad()
    def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        """A lower bound of log p(x): the ELBO for one sample, the IWAE bound for more."""
        if samples < 1:
            raise ValueError(f"an estimate needs at least one sample, not {samples}")
        x = self._images(x)
        q = self.encode(x)
        return LogProb(self._bound(x, q, samples, generator), "bound")

    def _bound(self, x: Tensor, q: DiagonalGaussian, samples: int, generator: torch.Generator | None = None) -> Tensor:
        """log 1/k sum_i p(x | z_i) p(z_i) / q(z_i | x) for k samples of z: (B,)."""
        weights = [self._log_weights(x, q, k, generator) for k in _parts(samples, max(1, DECODED_AT_ONCE // len(x)))]
        return torch.logsumexp(torch.cat(weights), 0) - math.log(samples)

    def _log_weights(self, x: Tensor, q: DiagonalGaussian, k: int, generator: torch.Generator | None) -> Tensor:
        """log p(x | z) p(z) / q(z | x) for k draws of z for each example: (k, B)."""
        q = DiagonalGaussian(q.mean.repeat(k, 1), q.log_sd.repeat(k, 1))
        z = q.sample(generator)
        prior = DiagonalGaussian(torch.zeros_like(z), torch.zeros_like(z))
        repeated = x.repeat(k, *[1] * len(self.shape))
        return (self.likelihood(z).log_prob(repeated) + prior.log_prob(z) - q.log_prob(z)).view(k, -1)


def _log_spread(rows: int, sd: float, heavy: Sequence[int], weight: float) -> Tensor:
    """log sd of the pixels: one number, or, smaller by the root of the weight in the heavy rows, (rows, 1)."""
    if not (sd > 0.0 and weight > 0.0):
        raise ValueError(f"sd and row_weight are above 0, not {sd} and {weight}")
    if len(heavy) != 2 or not 0 <= heavy[0] <= heavy[1] <= rows:
        raise ValueError(f"heavy_rows is (from, to) within {rows} rows, not {tuple(heavy)}")
    if weight == 1.0:
        return torch.tensor(math.log(sd))
    log_sd = torch.full((rows, 1), math.log(sd))
    log_sd[heavy[0] : heavy[1]] -= 0.5 * math.log(weight)
    return log_sd


def _parts(total: int, largest: int) -> list[int]:
    """total as a sum of parts, none above the largest.

    >>> _parts(10, 4)
    [4, 4, 2]
    """
    return [min(largest, total - start) for start in range(0, total, largest)]
