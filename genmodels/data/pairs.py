"""Pairs of sequences, of which one is read and the other written about it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from genmodels.data.padded import Padded


class Pairs:
    """A data set of sources and targets of different lengths: `data[index]` is ((sources, lengths), (targets, lengths)).

    >>> import torch
    >>> source, target = Pairs([torch.tensor([5, 6]), torch.tensor([7])], [torch.tensor([8]), torch.tensor([9])])[[1, 0]]
    >>> source
    (tensor([[7, 0],
            [5, 6]]), tensor([1, 2]))
    >>> target
    (tensor([[9],
            [8]]), tensor([1, 1]))
    """

    def __init__(self, sources: Sequence[Tensor], targets: Sequence[Tensor]) -> None:
        if len(sources) != len(targets):
            raise ValueError(f"each source has one target; these are {len(sources)} sources and {len(targets)} targets")
        self.sources, self.targets = Padded(sources), Padded(targets)

    def __len__(self) -> int:
        return len(self.sources)

    def __getitem__(self, index: Any, /) -> tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]:
        return self.sources[index], self.targets[index]
