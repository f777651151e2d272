"""Groups of numbers side by side."""

import numpy as np
import pytest

from genmodels.viz import spread


def test_each_group_is_a_row_and_the_picture_is_the_same_each_time() -> None:
    one = spread({"a": [1.0, 2.0, 3.0]}, "return")
    two = spread({"a": [1.0, 2.0, 3.0], "b": [5.0]}, "return")
    assert two.shape[0] > one.shape[0]
    assert two.shape[1] == one.shape[1]
    assert np.array_equal(one, spread({"a": [1.0, 2.0, 3.0]}, "return"))


def test_a_group_without_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="a number in each"):
        spread({"a": [1.0], "b": []})
