import numpy as np
import pytest
import torch

from genmodels.viz import reading_map


def test_ink_stands_where_the_weight_is() -> None:
    read, written = ["a", " b", "\n"], ["x", "$y"]
    pictures = [reading_map(weights, written, read) for weights in (torch.zeros(2, 3), torch.tensor([[0.0, 0, 0], [0, 0, 1]]))]
    assert pictures[0].dtype == np.uint8
    rows, columns = np.nonzero((pictures[0] != pictures[1]).any(-1))
    height, width = pictures[0].shape[:2]
    assert rows.min() > height / 2, "the second row is below the first"
    assert columns.min() > width / 2, "the third column is at the right"


def test_weights_of_other_texts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"weights: \(1, 2\) for these texts, not \(2, 2\)"):
        reading_map(torch.zeros(2, 2), ["a"], ["b", "c"])
