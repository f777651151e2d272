"""The histogram of where what came lay, and its distance from flat."""

import numpy as np
import pytest

from genmodels.viz import pit_histogram, uniform_distance


def test_the_distance_is_that_of_a_brute_force_search() -> None:
    values = np.random.default_rng(0).uniform(size=50) ** 2
    grid = np.linspace(0.0, 1.0, 100_001)
    share = (values[:, None] <= grid).mean(0)
    assert uniform_distance(values) == pytest.approx(np.abs(share - grid).max(), abs=1e-4)


def test_what_is_uniform_is_near_and_what_is_not_is_far() -> None:
    middles = (np.arange(1000) + 0.5) / 1000
    assert uniform_distance(middles) == pytest.approx(0.0005)
    assert uniform_distance(np.zeros(10)) == 1.0
    assert uniform_distance(middles.reshape(10, 100)) == uniform_distance(middles), "any shape"


def test_the_picture_shows_the_heaps() -> None:
    flat, heap = (pit_histogram(values) for values in (np.linspace(0.0, 1.0, 500), np.full(500, 0.5)))
    assert flat.dtype == np.uint8
    assert not np.array_equal(flat, heap)


@pytest.mark.parametrize("values", [[], [0.5, 1.1], [-0.1], [float("nan")]])
def test_what_is_no_probability_is_refused(values: list[float]) -> None:
    with pytest.raises(ValueError, match="probabilities in"):
        uniform_distance(values)
