"""Counting modes on planted samples."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genmodels.data import GaussianGrid, Labelled
from genmodels.metrics import grid_modes, histogram_kl, judge, kl_to_uniform, stacked_modes

GRID = GaussianGrid(side=5, spacing=2.0, sd=0.05)


class FirstPixel:
    """Reads the digit off the brightness of the first pixel."""

    def labels(self, images: Tensor) -> Tensor:
        return (10 * images[:, 0, 0, 0]).floor().long()


def test_samples_of_the_grid_cover_it() -> None:
    found = grid_modes(GRID.sample(10_000, seed=0), GRID.centres, GRID.sd)
    assert found.modes == 25
    assert found.high_quality == pytest.approx(1 - math.exp(-4.5), abs=0.003)  # a 2-D Gaussian within 3 sd
    assert found.kl == pytest.approx(24 / 20_000, abs=0.001)


def test_a_collapsed_generator_covers_one_mode_however_many_samples() -> None:
    found = grid_modes(GRID.centres[:1].repeat(1000, 1), GRID.centres, GRID.sd)
    assert found == pytest.approx((1, 1.0, math.log(25)))


def test_one_sample_of_high_quality_covers_a_mode_and_one_outside_three_sd_does_not() -> None:
    step = torch.tensor([[0.0, 1.0]])
    inside, outside = GRID.centres[:3] + 0.149 * step, GRID.centres[3:5] + 0.151 * step
    assert grid_modes(torch.cat([inside, outside]), GRID.centres, GRID.sd)[:2] == (3, 0.6)


def test_samples_between_the_modes_cover_none() -> None:
    assert grid_modes(GRID.centres + 1.0, GRID.centres, GRID.sd)[:2] == (0, 0.0)


@pytest.mark.parametrize(
    ("samples", "sd", "reason"),
    [
        (torch.zeros(3), 0.1, "samples"),
        (torch.zeros(3, 4), 0.1, "samples"),
        (torch.zeros(0, 2), 0.1, "samples"),
        (torch.full((3, 2), torch.nan), 0.1, "not finite"),
        (torch.zeros(3, 2), 0.0, "sd must be positive"),
    ],
)
def test_grid_modes_refuses_what_it_cannot_count(samples: Tensor, sd: float, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        grid_modes(samples, GRID.centres, sd)


def test_stacked_modes_reads_three_digits() -> None:
    numbers = torch.tensor([[1, 2, 3], [1, 2, 3], [3, 2, 1], [0, 0, 0]])
    samples = ((numbers + 0.5) / 10)[:, :, None, None].expand(-1, -1, 28, 28)
    found = stacked_modes(samples, FirstPixel())
    assert found.modes == 3
    assert found.kl == pytest.approx(math.log(1000) - 1.5 * math.log(2))


def test_stacked_modes_with_the_judge(test_digits: Labelled) -> None:
    digits = torch.stack([test_digits.where(digit).images[0, 0] for digit in (4, 0, 7)])
    assert stacked_modes(digits[None], judge("mnist")) == pytest.approx((1, math.log(1000)))
    channels = digits[None, [[0, 1, 2], [0, 2, 1], [0, 1, 2]]][0]
    assert stacked_modes(channels, judge("mnist")).modes == 2


def test_stacked_modes_refuses_other_shapes() -> None:
    with pytest.raises(ValueError, match=r"\(N, 3, 28, 28\)"):
        stacked_modes(torch.zeros(2, 1, 28, 28), FirstPixel())


def test_divergences_by_hand() -> None:
    assert kl_to_uniform(torch.tensor([0, 1, 2, 3]), 4) == 0
    assert kl_to_uniform(torch.tensor([2, 2]), 4) == pytest.approx(math.log(4))
    counts, reference = torch.tensor([3, 1, 0]), torch.tensor([2, 1, 1])
    assert histogram_kl(counts, reference) == pytest.approx(0.75 * math.log(0.75 / 0.5))
    assert histogram_kl(reference, counts) == math.inf
