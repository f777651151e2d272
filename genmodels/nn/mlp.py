"""Stacks of linear layers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

from torch import nn


def mlp(
    sizes: Sequence[int],
    activation: Callable[[], nn.Module] = nn.SiLU,
    linear: Callable[[int, int], nn.Module] = nn.Linear,
) -> nn.Sequential:
    """Linear layers between the given sizes, an activation between each two and none at the end: (..., first) -> (..., last).

    >>> mlp((2, 64, 1))
    Sequential(
      (0): Linear(in_features=2, out_features=64, bias=True)
      (1): SiLU()
      (2): Linear(in_features=64, out_features=1, bias=True)
    )
    """
    if len(sizes) < 2:
        raise ValueError(f"an mlp needs at least the size of its input and of its output, not {tuple(sizes)}")
    layers: list[nn.Module] = []
    for before, after in itertools.pairwise(sizes):
        layers += [linear(before, after), activation()]
    return nn.Sequential(*layers[:-1])
