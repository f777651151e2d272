"""Sequences of different lengths, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class Padded:
    """A data set of sequences (T_i, ...): `data[index]` is those at `index`, padded to the longest of them, and their lengths.

    Bytes become floats as they are: they are bits here, and no images.

    >>> data = Padded([torch.tensor([5, 6, 7]), torch.tensor([8])])
    >>> data[torch.tensor([1, 0])]
    (tensor([[8, 0, 0],
            [5, 6, 7]]), tensor([1, 3]))
    """

    def __init__(self, sequences: Sequence[Tensor]) -> None:
        if not all(len(sequence) for sequence in sequences):
            raise ValueError("a sequence has at least one step, and one of these has none")
        x = torch.nn.utils.rnn.pad_sequence(list(sequences), batch_first=True)
        self.x = x.float() if x.dtype == torch.uint8 else x
        self.lengths = torch.tensor([len(sequence) for sequence in sequences])

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, index: Any, /) -> tuple[Tensor, Tensor]:
        lengths = self.lengths[index]
        return self.x[index, : int(lengths.max())], lengths
