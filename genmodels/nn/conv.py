"""From images to vectors and back, with neither strides nor transposed convolutions.

An image is halved by moving each 2x2 block of pixels into channels, and doubled by moving channels back into 2x2 blocks (Shi
et al. 2016, arXiv 1609.05158); a 3x3 convolution mixes before or after. Nothing is lost on the way down, there are no
checkerboards on the way up, and every convolution is of the kind that processors do fastest.

    encoder    x -> [halve, conv 3x3, residual blocks, act] ... -> linear -> vector
    decoder    vector -> linear -> [residual blocks, act, conv 3x3, double] ... -> x
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn.utils import skip_init

Activation = Callable[[], nn.Module]
Norm = Callable[[int], nn.Module]
Network = TypeVar("Network")

SMALLEST = 7  # a side of at most so many pixels is not halved any more


class ResidualBlock(nn.Module):
    """x + conv(act(conv(act(x)))); the last convolution starts at zero, so the block starts as the identity."""

    def __init__(self, channels: int, activation: Activation = nn.SiLU) -> None:
        super().__init__()
        self.act = activation()
        self.first = nn.Conv2d(channels, channels, 3, padding=1)
        self.second = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.act(self.first(self.act(x))))


class ConvEncoder(nn.Module):
    """An image (B, *shape) to a vector (B, features); channels double at each halving, from `width`.

    With `patch=4` the first step takes squares of 4x4 pixels, which is as good as two halvings where nothing is small. `norm`
    makes a layer of so many channels before every activation but the first: the image itself is not normalised.
    """

    def __init__(
        self,
        shape: Sequence[int],
        features: int,
        width: int,
        blocks: int = 1,
        activation: Activation = nn.SiLU,
        patch: int = 2,
        norm: Norm | None = None,
    ) -> None:
        super().__init__()
        height, breadth, halvings = _halvings(shape, patch)
        channels = shape[0]
        layers: list[nn.Module] = []
        for level in range(halvings):
            before, after = channels if level == 0 else width << (level - 1), width << level
            side = patch if level == 0 else 2
            layers += [nn.PixelUnshuffle(side), nn.Conv2d(side**2 * before, after, 3, padding=1)]
            layers += [ResidualBlock(after, activation) for _ in range(blocks)]
            layers += [norm(after), activation()] if norm and level > 0 else [activation()]
        self.layers = nn.Sequential(*layers, nn.Flatten())
        self.head = nn.Linear((width << (halvings - 1)) * height * breadth, features)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.layers(x))


class ConvDecoder(nn.Module):
    """A vector (B, features) to an image (B, *shape); channels halve at each doubling, down to `width`.

    `norm` makes a layer of so many channels before every activation.
    """

    def __init__(
        self,
        features: int,
        shape: Sequence[int],
        width: int,
        blocks: int = 1,
        activation: Activation = nn.SiLU,
        patch: int = 2,
        norm: Norm | None = None,
    ) -> None:
        super().__init__()
        height, breadth, halvings = _halvings(shape, patch)
        channels = shape[0]
        widest = width << (halvings - 1)
        layers: list[nn.Module] = [nn.Linear(features, widest * height * breadth), nn.Unflatten(1, (widest, height, breadth))]
        for level in reversed(range(halvings)):
            before, after = width << level, channels if level == 0 else width << (level - 1)
            layers += [ResidualBlock(before, activation) for _ in range(blocks)]
            layers += [norm(before), activation()] if norm else [activation()]
            side = patch if level == 0 else 2
            layers += [nn.Conv2d(before, side**2 * after, 3, padding=1), nn.PixelShuffle(side)]
        self.layers = nn.Sequential(*layers)

    def forward(self, z: Tensor) -> Tensor:
        return self.layers(z)


def for_looking(network: Network) -> Network:
    """A copy that sees with its `ConvEncoder`s what the network sees, in half the time; it is no quicker to learn from.

    To move squares of pixels into channels and mix what is beside one another there is a convolution with strides: the same
    weights, in another order. A network that has no such encoder is given back as it is.
    """
    if not isinstance(network, nn.Module) or not any(isinstance(module, ConvEncoder) for module in network.modules()):
        return network
    looking = copy.deepcopy(network).requires_grad_(False)
    for module in looking.modules():
        if isinstance(module, ConvEncoder):
            module.layers = nn.Sequential(*_strided(module.layers))
    return looking


@torch.no_grad()
def _strided(layers: nn.Sequential) -> Iterator[nn.Module]:
    """The layers, with one convolution for each move of squares and the convolution after it."""
    side = 1
    for layer in layers:
        if isinstance(layer, nn.PixelUnshuffle):
            side = layer.downscale_factor
        elif isinstance(layer, nn.Conv2d) and side > 1:
            channels = layer.in_channels // side**2
            shape = channels, layer.out_channels, 3 * side, side, side
            whole = skip_init(nn.Conv2d, *shape, device=layer.weight.device)  # which draws no numbers
            squares = layer.weight.unflatten(1, (channels, side, side)).permute(0, 1, 4, 2, 5, 3)
            whole.weight.copy_(squares.reshape(whole.weight.shape))
            whole.bias = layer.bias
            whole.weight.data = whole.weight.data.to(memory_format=torch.channels_last)
            yield whole
            side = 1
        else:
            yield layer


def _halvings(shape: Sequence[int], patch: int = 2) -> tuple[int, int, int]:
    """The sides that are left, and how often they were halved; the first time they are divided by `patch`.

    >>> _halvings((1, 28, 28)), _halvings((3, 64, 64)), _halvings((3, 64, 64), patch=4)
    ((7, 7, 2), (4, 4, 4), (4, 4, 3))
    """
    if len(shape) != 3:
        raise ValueError(f"an image has the shape (channels, height, width), not {tuple(shape)}")
    _, height, breadth = shape
    times = 0
    while min(height, breadth) > SMALLEST or times == 0:
        side = patch if times == 0 else 2
        if height % side or breadth % side:
            raise ValueError(
                f"sides of {tuple(shape[1:])} pixels cannot be halved until one has at most {SMALLEST}; 28, 32, 64 or 96 can"
                + (f" (the first time they are divided by {patch})" if patch != 2 else "")
            )
        height, breadth, times = height // side, breadth // side, times + 1
    return height, breadth, times
