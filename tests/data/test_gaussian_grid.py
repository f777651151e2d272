import math

import pytest
import torch
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from genmodels.data import GaussianGrid


def test_centres_are_centred() -> None:
    centres = GaussianGrid(side=3, spacing=1.5).centres
    assert centres.shape == (9, 2)
    assert centres[0].tolist() == [-1.5, -1.5]
    assert centres[5].tolist() == [0.0, 1.5]
    assert centres.mean(0).tolist() == [0, 0]


def test_log_prob_by_hand() -> None:
    """One Gaussian: -log(2 pi sd^2) at its centre, 1/2 less at a distance of sd. Four far apart: log 4 less."""
    x = torch.tensor([[0.0, 0.0], [0.0, 0.5]], dtype=torch.float64)
    at_centre = -math.log(2 * math.pi * 0.25)
    one = GaussianGrid(side=1, sd=0.5).log_prob(x)
    torch.testing.assert_close(one, torch.tensor([at_centre, at_centre - 0.5], dtype=torch.float64))
    four = GaussianGrid(side=2, spacing=100, sd=0.5).log_prob(x + 50)
    torch.testing.assert_close(four, one - math.log(4))


def test_log_prob_is_that_of_the_mixture() -> None:
    grid = GaussianGrid(side=4, spacing=0.7, sd=0.3)
    mixture = MixtureSameFamily(Categorical(torch.ones(16)), Independent(Normal(grid.centres, 0.3), 1))
    x = 3 * torch.randn(100, 2, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(grid.log_prob(x), mixture.log_prob(x))


def test_far_away_is_improbable_but_finite() -> None:
    x = torch.full((1, 2), 1e4, requires_grad=True)
    log_prob = GaussianGrid().log_prob(x)
    assert log_prob.isfinite().all()
    (gradient,) = torch.autograd.grad(log_prob.sum(), x)
    assert (gradient < 0).all()


def test_samples_fill_every_mode_alike() -> None:
    grid = GaussianGrid()
    x = grid.sample(50_000, seed=0)
    assert x.dtype == torch.float32
    distance, mode = torch.cdist(x, grid.centres).min(1)
    counts = mode.bincount(minlength=25)
    assert ((counts - 2000) ** 2 / 2000).sum() < 43  # 24 degrees of freedom: 1 in 100
    assert distance.square().mean().sqrt().item() == pytest.approx(0.05 * math.sqrt(2), rel=0.02)


def test_samples_have_the_entropy_of_the_density() -> None:
    """The modes hardly overlap: log 25 + 1 + log(2 pi sd^2)."""
    grid = GaussianGrid()
    entropy = math.log(25) + 1 + math.log(2 * math.pi * 0.05**2)
    assert -grid.log_prob(grid.sample(50_000, seed=1)).mean().item() == pytest.approx(entropy, abs=0.02)


def test_samples_are_a_function_of_the_seed() -> None:
    grid = GaussianGrid()
    assert torch.equal(grid.sample(10, seed=1), grid.sample(10, seed=1))
    assert not torch.equal(grid.sample(10, seed=1), grid.sample(10, seed=2))


@pytest.mark.parametrize("wrong", [{"side": 0}, {"spacing": 0.0}, {"sd": -1.0}])
def test_bad_grids(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="positive distances"):
        GaussianGrid(**wrong)  # type: ignore[arg-type]
