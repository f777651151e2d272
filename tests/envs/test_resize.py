"""Shrinking is the mean over areas, exactly."""

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.resize import shrink


def areas(size: int) -> NDArray[np.float64]:
    """How much of each of `size` pixels lies in each of 64, by counting subpixels."""
    fine = np.arange(64 * size)
    table = np.zeros((64, size))
    np.add.at(table, (fine // size, fine // 64), 1.0)
    return table / size


@pytest.mark.parametrize("shape", [(96, 96), (84, 96), (400, 640), (210, 160), (40, 50), (64, 64), (65, 63)])
def test_each_pixel_is_the_mean_of_its_area(shape: tuple[int, int]) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, *shape, 3), dtype=np.uint8)
    exact = np.einsum("ih,nhwc,jw->nijc", areas(shape[0]), images.astype(float), areas(shape[1]), optimize=True)
    assert np.abs(shrink(images) - exact).max() < 0.5 + 1e-3


def test_64_pixels_stay_as_they_are_and_white_stays_white() -> None:
    images = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    assert np.array_equal(shrink(images), images)
    assert (shrink(np.full((123, 77, 3), 255, np.uint8)) == 255).all()


def test_an_image_does_not_depend_on_those_beside_it() -> None:
    images = np.random.default_rng(0).integers(0, 256, (16, 96, 96, 3), dtype=np.uint8)
    assert np.array_equal(shrink(images)[3], shrink(images[3]))
