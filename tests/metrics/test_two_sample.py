"""The classifier two-sample test, against the accuracy of the best classifier where the densities are known."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genmodels.data import Moons
from genmodels.metrics import c2st, two_sample


def cloud(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained for so little time that it is about the bookkeeping."""
    monkeypatch.setattr(two_sample, "STEPS", 20)


def test_moons_are_moons_and_a_gaussian_of_their_moments_is_not() -> None:
    moons = Moons()
    real = moons.sample(1000, seed=1)
    root = torch.linalg.cholesky(moons.covariance).float()
    assert c2st(real, moons.sample(1000, seed=2)).accuracy == pytest.approx(0.5, abs=0.05)
    assert c2st(real, moons.mean.float() + cloud(1000, 2, seed=3) @ root.T).accuracy > 0.8


def test_fine_detail_in_the_plane_is_seen_about_as_well_as_it_can_be() -> None:
    sharp, blurred = Moons(0.05), Moons(0.1)
    a, b = sharp.sample(2000, seed=1), blurred.sample(2000, seed=2)
    right = torch.cat([sharp.log_prob(a) > blurred.log_prob(a), blurred.log_prob(b) > sharp.log_prob(b)])
    best = right.double().mean().item()
    assert best - 0.04 < c2st(a, b).accuracy < best + 0.02


def test_a_shift_in_many_dimensions_is_seen(short: None) -> None:
    real, made = cloud(1000, 16, seed=1), cloud(1000, 16, seed=2)
    made[:, 3] += 2.0  # the best classifier has the accuracy Phi(1) = 0.841
    assert 0.77 < c2st(real, made).accuracy < 0.87


def test_points_far_away_do_not_hide_the_others(short: None) -> None:
    real, made = cloud(200, 2, seed=1), cloud(200, 2, seed=2) + 3.0
    made[0] = 1e9
    assert c2st(real, made).accuracy > 0.9


def test_a_number_that_never_changes_is_told_from_another(short: None) -> None:
    real, made = cloud(100, 3, seed=1), cloud(100, 3, seed=2)
    real[:, 1] = made[:, 1] = 0.3
    assert c2st(real, made).accuracy < 0.7
    made[:, 1] = 0.31
    assert c2st(real, made).accuracy > 0.95


@pytest.mark.slow
def test_the_error_covers_how_accuracies_scatter_where_all_is_equal(short: None) -> None:
    found = [c2st(cloud(100, 2, seed=2 * seed), cloud(100, 2, seed=2 * seed + 1), seed) for seed in range(20)]
    accuracies = torch.tensor([one.accuracy for one in found])
    assert found[0].error == pytest.approx(0.05, rel=0.02)  # (1/4 / 100)^1/2
    assert 0.025 < accuracies.std().item() < 0.065
    assert accuracies.mean().item() == pytest.approx(0.5, abs=0.03)


def test_the_seed_decides_and_nothing_else_is_touched(short: None) -> None:
    real, made = cloud(100, 2, seed=1), cloud(100, 2, seed=2) + 0.5
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = c2st(real, made, seed=3)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    with torch.no_grad():  # as in a hook of a training
        assert c2st(real, made, seed=3) == first
    assert len({c2st(real, made, seed=seed).accuracy for seed in range(4)}) > 1


@pytest.mark.parametrize(
    ("real", "made", "message"),
    [
        (torch.zeros(20, 2), torch.zeros(19, 2), "as many real points"),
        (torch.zeros(9, 2), torch.zeros(9, 2), "10 or more"),
        (torch.zeros(20, 2), torch.zeros(20, 3), "dimensions"),
        (torch.zeros(20, 2), torch.full((20, 2), math.nan), "not finite"),
        (torch.zeros(20, 2, 2), torch.zeros(20, 2, 2), "features are"),
    ],
)
def test_what_cannot_be_compared_is_refused(real: Tensor, made: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        c2st(real, made)
