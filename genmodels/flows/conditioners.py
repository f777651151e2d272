"""The networks within couplings. Their last layer starts at zero, and so the coupling as the identity."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genmodels.nn import mlp


def dense(inputs: int, outputs: int, width: int, layers: int) -> nn.Module:
    """Of vectors: (B, inputs) -> (B, outputs), through so many hidden layers."""
    network = mlp((inputs, *[width] * layers, outputs))
    _zero(network[-1])
    return network


class Convolutional(nn.Module):
    """Of images, through convolutions of 3x3, 1x1 and 3x3: (B, inputs, *sides) -> (B, outputs, *sides).

    A bias for each position tells the network where it is: what a digit's corner holds is not what its middle does.
    """

    def __init__(self, inputs: int, outputs: int, width: int, sides: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, width, 3, padding=1)
        self.place = nn.Parameter(torch.zeros(width, *sides))
        self.middle = nn.Conv2d(width, width, 1)
        self.last = nn.Conv2d(width, outputs, 3, padding=1)
        self.act = nn.ReLU()
        _zero(self.last)

    def forward(self, x: Tensor) -> Tensor:
        h = self.act(self.first(x) + self.place)
        return self.last(self.act(self.middle(h)))


def _zero(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)
