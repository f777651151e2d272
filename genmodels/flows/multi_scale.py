"""The skeleton of a flow of images in scales (Dinh et al. 2017, arXiv 1605.08803).

    scale     x -> squeeze -> step ... step -> split: half of the channels is done, half goes on to the next scale
    latents   z = [those of the last scale, ..., those of the first], in all as many as an image has numbers

What is split off is changed by a coupling before, as the half that goes on says: a Gaussian given that half, written as a map.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from genmodels.distributions.bijectors import (
    AffineElements,
    Bijector,
    Compose,
    Coupling,
    Flatten,
    SplineElements,
    Split,
    Squeeze,
)
from genmodels.flows.conditioners import Convolutional

ELEMENTS = {"affine": AffineElements, "spline": SplineElements}

Shape = tuple[int, int, int]
Step = Callable[[Shape, int], Sequence[Bijector]]  # of a shape (channels, height, width), and which it is at its scale


@dataclass(frozen=True)
class ImageCouplings:
    """Makes couplings of images that keep half of the channels.

    Arguments:
        kind: how a number is changed, by an "affine" function or by a "spline".
        width: channels of the networks.
        context: features of the context that they are told.
    """

    kind: Literal["affine", "spline"]
    width: int
    context: int

    def __post_init__(self) -> None:
        if self.kind not in ELEMENTS:
            raise ValueError(f"coupling is 'affine' or 'spline', not {self.kind!r}")
        for name, value, least in (("width", self.width, 1), ("context", self.context, 0)):
            if value < least:
                raise ValueError(f"{name}: at least {least}, not {value}")

    def __call__(self, shape: Shape) -> Coupling:
        """A coupling of images (channels, height, width)."""
        channels, height, breadth = shape
        elements, kept = ELEMENTS[self.kind](), channels // 2
        outputs = (channels - kept) * elements.numbers
        return Coupling(Convolutional(kept + self.context, outputs, self.width, (height, breadth)), elements, kept)


def multi_scale(shape: Sequence[int], scales: int, steps: int, step: Step, coupling: Callable[[Shape], Bijector]) -> Compose:
    """A bijector of images (B, *shape) to vectors: so many scales, of so many steps each.

    The `coupling` is the one before a split.
    """
    if len(shape) != 3:
        raise ValueError(f"shape: an image has (channels, height, width), not {tuple(shape)}")
    for name, value in (("scales", scales), ("steps", steps)):
        if value < 1:
            raise ValueError(f"{name}: at least 1, not {value}")
    channels, height, breadth = shape
    if height % 2**scales or breadth % 2**scales:
        raise ValueError(f"scales: sides of {(height, breadth)} pixels cannot be halved {scales} times")
    return _scale((channels, height, breadth), scales, steps, step, coupling)


def _scale(shape: Shape, scales: int, steps: int, step: Step, coupling: Callable[[Shape], Bijector]) -> Compose:
    """A scale, and within it those that follow."""
    squeezed = (4 * shape[0], shape[1] // 2, shape[2] // 2)
    bijectors = [Squeeze(), *(bijector for place in range(steps) for bijector in step(squeezed, place))]
    if scales == 1:
        return Compose([*bijectors, Flatten(squeezed)])
    deeper = _scale((squeezed[0] // 2, *squeezed[1:]), scales - 1, steps, step, coupling)
    return Compose([*bijectors, coupling(squeezed), Split(deeper, squeezed)])
