"""Langevin's walk against densities whose moments are known."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.sampling import annealed_langevin, langevin, score_of

MEAN, SD = torch.tensor([1.0, -2.0]), torch.tensor([0.5, 1.0])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def gaussian(x: Tensor) -> Tensor:
    """Up to a constant."""
    return -0.5 * ((x - MEAN) / SD).square().sum(1)


def two_modes(x: Tensor, sd: Tensor) -> Tensor:
    """The score of 1/4 N(-5, 0.1^2) + 3/4 N(5, 0.1^2), to which noise of deviation sd was added."""
    variance = 0.01 + sd.square()[:, None]
    share = torch.sigmoid(10.0 * x / variance + math.log(3.0))
    return (10.0 * share - 5.0 - x) / variance


def test_a_score_is_the_slope_also_where_gradients_are_off() -> None:
    x = torch.randn(4, 2, generator=seeded())
    with torch.no_grad():
        slope = score_of(gaussian)(x)
    torch.testing.assert_close(slope, (MEAN - x) / SD**2)
    assert not slope.requires_grad


def test_it_reaches_the_mean_and_variance_of_a_gaussian() -> None:
    x = langevin(score_of(gaussian), torch.zeros(4000, 2), steps=400, step=0.02, generator=seeded())
    torch.testing.assert_close(x.mean(0), MEAN, rtol=0, atol=0.1)
    torch.testing.assert_close(x.std(0), SD, rtol=0.06, atol=0)


def test_steps_of_finite_length_widen_a_gaussian_as_far_as_theory_says() -> None:
    """x <- (1 - step / s^2) x + sqrt(2 step) e has the variance s^2 / (1 - step / (2 s^2))."""
    x = langevin(lambda x: -x, torch.zeros(20_000, 1), steps=30, step=0.5, generator=seeded())
    assert x.var().item() == pytest.approx(1 / (1 - 0.5 / 2), rel=0.03)


def test_less_noise_is_a_lower_temperature() -> None:
    noise = math.sqrt(2 * 0.05 * 0.25)
    x = langevin(lambda x: -x, torch.zeros(20_000, 1), steps=200, step=0.05, noise=noise, generator=seeded())
    assert x.std().item() == pytest.approx(0.5, rel=0.03)


def test_a_step_by_hand() -> None:
    x, noise = torch.tensor([[0.0, 3.0]]), torch.randn(1, 2, generator=seeded())
    moved = langevin(lambda x: torch.tensor([[-9.0, 0.5]]), x, steps=1, step=0.1, noise=0.2, clip=2.0, generator=seeded())
    torch.testing.assert_close(moved, torch.tensor([[-0.2, 3.05]]) + 0.2 * noise)
    clamped = langevin(lambda x: torch.ones_like(x), x, steps=1, step=5.0, noise=0.0, clamp=(0.0, 1.0))
    assert clamped.tolist() == [[1.0, 1.0]]


def test_the_way_begins_at_the_start_and_ends_at_the_end() -> None:
    way: list[Tensor] = []
    start = torch.zeros(3, 2)
    end = langevin(score_of(gaussian), start, steps=5, step=0.1, generator=seeded(), way=way)
    assert len(way) == 6
    assert torch.equal(way[0], start)
    assert torch.equal(way[-1], end)
    assert torch.equal(end, langevin(score_of(gaussian), start, steps=5, step=0.1, generator=seeded()))
    levels: list[Tensor] = []
    sds = torch.tensor([2.0, 1.0])
    end = annealed_langevin(two_modes, torch.zeros(3, 1), sds, steps=2, step=0.1, generator=seeded(), way=levels)
    assert len(levels) == 4
    assert torch.equal(levels[-1], end)


def test_annealed_it_finds_modes_and_how_much_each_holds() -> None:
    """From broad strokes to fine ones; a plain walk stays in the mode where it began."""
    sds = 10.0 * 0.8 ** torch.arange(25)
    start = 10.0 * torch.randn(3000, 1, generator=seeded(1))
    x = annealed_langevin(two_modes, start, sds, steps=20, step=0.1, generator=seeded())
    assert (x > 0).float().mean().item() == pytest.approx(0.75, abs=0.05)
    assert (x.abs() - 5).abs().max() < 0.6
    assert x[x > 0].std().item() == pytest.approx(0.1, rel=0.2)
    last = torch.full((3000,), 0.05)
    stuck = langevin(lambda x: two_modes(x, last), start, steps=200, step=1e-4, generator=seeded())
    assert (stuck > 0).float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_without_noise_it_ends_at_the_mean_of_what_a_place_comes_from() -> None:
    """Of N(0, 1) with noise of deviation 1, at 2: the mean is 1."""
    x = annealed_langevin(lambda x, sd: -x / (1 + sd.square()[:, None]), torch.tensor([[2.0]]), torch.ones(1), 0, step=0.1)
    assert x.item() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"steps": -1}, "steps are 0 or more, not -1"),
        ({"step": 0.0}, "step is above 0, not 0.0"),
        ({"noise": -0.1}, "noise is a deviation, 0 or more, not -0.1"),
    ],
)
def test_walks_that_lead_nowhere_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        langevin(score_of(gaussian), torch.zeros(1, 2), **{"steps": 1, "step": 0.1, **wrong})


@pytest.mark.parametrize("sds", [[], [1.0, 1.0], [1.0, 2.0], [1.0, 0.0]])
def test_levels_of_noise_that_do_not_fall_are_refused(sds: list[float]) -> None:
    with pytest.raises(ValueError, match="sds are deviations above 0, each less"):
        annealed_langevin(two_modes, torch.zeros(1, 1), torch.tensor(sds), steps=1, step=0.1)
