import numpy as np
import pytest
import torch
from torch import Tensor

from genmodels.viz import flow_panels


def points(n: int, seed: int) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))


def test_each_panel_shows_its_points() -> None:
    """A change of one set changes its own quarter of the picture; what has a say in colours changes both of a row."""
    x, z, noise, samples = (points(n, seed) for seed, n in enumerate((50, 50, 40, 40)))
    picture = flow_panels(x, z, noise, samples)
    other = flow_panels(x, z, noise, -samples)
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    changed = (picture != other).any(-1)
    assert picture.dtype == np.uint8
    assert changed[height:, :width].any()
    assert not changed[: height - 40].any()
    assert not changed[:, width + 40 :].any()
    assert np.array_equal(picture, flow_panels(x, z, noise, samples))


def test_points_that_do_not_belong_together_are_refused() -> None:
    with pytest.raises(ValueError, match="z: one for each"):
        flow_panels(points(5, 0), points(4, 1), points(3, 2), points(3, 3))
    with pytest.raises(ValueError, match="samples: one for each"):
        flow_panels(points(5, 0), points(5, 1), points(3, 2), points(2, 3))
