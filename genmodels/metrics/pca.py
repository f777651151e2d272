"""Principal components of images: the trivial autoencoder, and, with a Gaussian over its codes, the trivial generator.

    x ~ m + sum_i z_i u_i        z_i ~ N(0, s_i^2)

The components are uncorrelated, so a diagonal Gaussian over them is the full-covariance Gaussian of the projected pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

BLOCK = 5000  # images that are in memory as float64 at a time


@dataclass(frozen=True, eq=False)
class PCA:
    """The first k principal components, float64.

    mean: the mean image, (C, H, W).
    axes: orthonormal directions u, (k, D), by falling variance; the largest entry of each is positive.
    sd: the standard deviations s along them, (k,).
    """

    mean: Tensor
    axes: Tensor
    sd: Tensor

    @classmethod
    def fit(cls, images: Tensor, k: int) -> PCA:
        """Of `images` (N, C, H, W), float in [0, 1] or uint8; time and memory grow with min(N, D)^2.

        >>> images = torch.tensor([[0.0, 0.5], [1.0, 0.5]]).view(2, 1, 1, 2)
        >>> PCA.fit(images, k=1).axes
        tensor([[1., 0.]], dtype=torch.float64)
        """
        n, d = len(images), images[0].numel()
        if not 1 <= k <= min(n - 1, d):
            raise ValueError(f"{n} images of {d} numbers have at most {min(n - 1, d)} principal components, not {k}")
        mean = torch.stack([_rows(block).sum(0) for block in torch.split(images, BLOCK)]).sum(0) / n
        if d <= n:
            scatter = torch.zeros(d, d, dtype=torch.float64)
            for block in torch.split(images, BLOCK):
                centred = _rows(block) - mean
                scatter += centred.T @ centred
            values, vectors = torch.linalg.eigh(scatter)
            axes = vectors[:, -k:].flip(1).T
        else:  # X X^T v = s v gives X^T X (X^T v) = s (X^T v)
            centred = _rows(images) - mean
            values, vectors = torch.linalg.eigh(centred @ centred.T)
            axes = torch.linalg.qr(centred.T @ vectors[:, -k:].flip(1)).Q.T
        largest = axes.gather(1, axes.abs().argmax(1, keepdim=True))
        sd = (values[-k:].flip(0).clamp(min=0) / (n - 1)).sqrt()
        return cls(mean.view(images.shape[1:]), axes * largest.sign(), sd)

    def sample(self, n: int, seed: int) -> Tensor:
        """`n` images of the Gaussian, clamped to [0, 1], (n, C, H, W) float32."""
        z = torch.randn(n, len(self.sd), dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        return self._images(z * self.sd).clamp(0, 1)

    def reconstruct(self, images: Tensor) -> Tensor:
        """Each of `images` (N, C, H, W) projected onto the components and back, float32."""
        return self._images((_rows(images) - self.mean.flatten()) @ self.axes.T)

    def _images(self, codes: Tensor) -> Tensor:
        return (self.mean.flatten() + codes @ self.axes).view(-1, *self.mean.shape).float()


def _rows(images: Tensor) -> Tensor:
    rows = images.flatten(1).double()
    return rows / 255 if images.dtype == torch.uint8 else rows
