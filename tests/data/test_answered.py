"""Prompts and answers in one text each."""

import pytest
import torch

from genmodels.batches import Part
from genmodels.data import Answered


def data() -> Answered:
    prompts = [torch.tensor(x) for x in ([1, 2], [3], [4, 5, 6])]
    return Answered(prompts, [torch.tensor(x) for x in ([7], [8, 9], [1, 1])])


def test_a_batch_is_as_long_as_its_longest() -> None:
    x, begins, ends = data()[torch.tensor([0, 1])]
    assert x.tolist() == [[1, 2, 7], [3, 8, 9]]
    assert (begins.tolist(), ends.tolist()) == ([2, 1], [3, 3])


def test_pairs_are_rows_of_two() -> None:
    pairs = Part(data(), torch.tensor([[1, 0], [2, 1]]))
    assert len(pairs) == 2
    x, begins, ends = pairs[torch.tensor([1])]
    assert x.tolist() == [[[4, 5, 6, 1, 1], [3, 8, 9, 0, 0]]]
    assert (begins.tolist(), ends.tolist()) == ([[3, 1]], [[5, 3]])


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="each prompt has its answer, and here 1 have 0"):
        Answered([torch.tensor([1])], [])
    with pytest.raises(ValueError, match="an answer has at least one token"):
        Answered([torch.tensor([1])], [torch.tensor([], dtype=torch.int64)])
