"""Flows of images in scales: Glow (Kingma and Dhariwal 2018, arXiv 1807.03039), and RealNVP of images (arXiv 1605.08803).

    step of Glow        actnorm -> LU 1x1 convolution -> coupling
    step of RealNVP     actnorm -> coupling -> fixed permutation

Of RealNVP batch norm is left out for actnorm. Its masks over pixels are masks over channels here, after a squeeze: each 2x2
block lies in four channels, and the halves that take turns are its rows, then its columns.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from genmodels.distributions.bijectors import ActNorm, Bijector, LUConvolution, Permutation
from genmodels.flows.image_flow import ImageFlow
from genmodels.flows.multi_scale import ImageCouplings, Shape, multi_scale


class Glow(ImageFlow):
    """A Glow of images.

        glow = Glow(shape=(1, 28, 28))
        glow.fit(mnist("train"), minutes=10)
        glow.sample(100, temperature=0.5)
        glow.interpolate(a, b, 8)

    Arguments:
        shape: of an image, (channels, height, width); sides that can be halved once for each scale.
        levels: how many a channel has; an image in [0, 1] has the level floor(levels x): with 256 bytes.
        scales: how often it is squeezed.
        steps: of the flow at each scale.
        width: channels of the networks within couplings.
        coupling: how a coupling changes a number, by an "affine" function or by a "spline".
        dequantisation: "uniform" noise within a level, or "variational", learned.
        context: features of a context, 0 for none. With one the data are pairs (images, contexts).
        lr: the learning rate at its height.
    """

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        levels: int = 256,
        scales: int = 2,
        steps: int = 6,
        width: int = 64,
        coupling: Literal["affine", "spline"] = "affine",
        dequantisation: Literal["uniform", "variational"] = "variational",
        context: int = 0,
        lr: float = 2e-3,
    ) -> None:
        couplings = ImageCouplings(coupling, width, context)

        def step(shape: Shape, place: int) -> list[Bijector]:
            return [ActNorm(shape[0]), LUConvolution(shape[0]), couplings(shape)]

        super().__init__(multi_scale(shape, scales, steps, step, couplings), shape, levels, dequantisation, width, context, lr)


class MultiScaleRealNVP(ImageFlow):
    """A RealNVP of images. Its arguments are Glow's."""

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        levels: int = 256,
        scales: int = 2,
        steps: int = 8,
        width: int = 64,
        coupling: Literal["affine", "spline"] = "affine",
        dequantisation: Literal["uniform", "variational"] = "uniform",
        context: int = 0,
        lr: float = 2e-3,
    ) -> None:
        couplings = ImageCouplings(coupling, width, context)

        def step(shape: Shape, place: int) -> list[Bijector]:
            return [ActNorm(shape[0]), couplings(shape), _turn(shape[0], place)]

        super().__init__(multi_scale(shape, scales, steps, step, couplings), shape, levels, dequantisation, width, context, lr)


def _turn(channels: int, place: int) -> Permutation:
    """The other half's turn: reversed, and every second time the even channels before the odd ones.

    >>> _turn(4, 0).order, _turn(4, 1).order
    (tensor([3, 2, 1, 0]), tensor([0, 2, 1, 3]))
    """
    if place % 2 == 0:
        return Permutation.reverse(channels)
    return Permutation([*range(0, channels, 2), *range(1, channels, 2)])
