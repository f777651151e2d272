"""A long text as windows of one length."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


class TextWindows:
    """A data set of windows (length,) of a sequence (N,), one beginning at each `stride`-th place.

    Without a stride they lie side by side, so that some can be held out from what is learned; with a stride of 1 they lie at
    every place, and what is to be held out has to be another sequence.

    >>> TextWindows(torch.arange(7), 3)[torch.tensor([1, 0])]
    tensor([[3, 4, 5],
            [0, 1, 2]])
    """

    def __init__(self, sequence: Tensor, length: int, stride: int | None = None) -> None:
        if not 1 <= length <= len(sequence):
            raise ValueError(f"length: windows of a sequence of {len(sequence)} have 1 to {len(sequence)} steps, not {length}")
        if stride is not None and stride < 1:
            raise ValueError(f"stride: at least 1, not {stride}")
        self.sequence, self.length, self.stride = sequence, length, length if stride is None else stride

    def __len__(self) -> int:
        return (len(self.sequence) - self.length) // self.stride + 1

    def __getitem__(self, index: Any, /) -> Tensor:
        starts = self.stride * torch.as_tensor(index)
        return self.sequence[starts[..., None] + torch.arange(self.length)]
