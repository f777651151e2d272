"""Prompts and their answers, side by side in one text each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from genmodels.data.padded import Padded


class Answered:
    """A data set of texts: `data[index]` is tokens (..., T), padded to the longest, and where the answers begin and end (...,).

    An index may have any shape. Pairs of answers to a prompt are `Part(data, pairs)`, where pairs (N, 2) are the places of the
    better one and of the worse one: its batches are tokens (B, 2, T).

    >>> data = Answered([torch.tensor([5, 6]), torch.tensor([7])], [torch.tensor([1]), torch.tensor([2, 3, 4])])
    >>> data[torch.tensor([0, 1])]
    (tensor([[5, 6, 1, 0],
            [7, 2, 3, 4]]), tensor([2, 1]), tensor([3, 4]))
    """

    def __init__(self, prompts: Sequence[Tensor], answers: Sequence[Tensor]) -> None:
        if len(prompts) != len(answers):
            raise ValueError(f"each prompt has its answer, and here {len(prompts)} have {len(answers)}")
        if not all(len(answer) for answer in answers):
            raise ValueError("an answer has at least one token, and one of these has none")
        self._texts = Padded([torch.cat(both) for both in zip(prompts, answers, strict=True)])
        self._begins = torch.tensor([len(prompt) for prompt in prompts])

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, index: Any, /) -> tuple[Tensor, Tensor, Tensor]:
        x, ends = self._texts.x[index], self._texts.lengths[index]
        return x[..., : int(ends.max())], self._begins[index], ends
