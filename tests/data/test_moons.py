import math

import pytest
import torch

from genmodels.data import Moons


def test_density_by_brute_force() -> None:
    """A Riemann sum over both half circles."""
    sd = 0.2
    x = torch.tensor([[0.0, 1.0], [1.0, -0.5], [0.5, 0.25], [-1.1, -0.3], [3.0, 3.0]], dtype=torch.float64)
    t = math.pi * (torch.arange(20_000, dtype=torch.float64) + 0.5) / 20_000
    centres = torch.cat([torch.stack([t.cos(), t.sin()], 1), torch.stack([1 - t.cos(), 0.5 - t.sin()], 1)])
    squared = torch.cdist(x, centres) ** 2
    density = (torch.exp(-squared / (2 * sd**2)) / (2 * math.pi * sd**2)).mean(1)
    torch.testing.assert_close(Moons(sd).log_prob(x), density.log(), atol=1e-7, rtol=1e-7)


@pytest.mark.parametrize("sd", [0.05, 0.3])
def test_the_density_integrates_to_one(sd: float) -> None:
    axis = torch.arange(-1 - 6 * sd, 2 + 6 * sd, sd / 2, dtype=torch.float64)
    total = Moons(sd).log_prob(torch.cartesian_prod(axis, axis)).exp().sum() * (sd / 2) ** 2
    assert total.item() == pytest.approx(1, abs=1e-6)


def test_samples_have_the_moments_and_the_entropy_of_the_density() -> None:
    moons = Moons()
    x = moons.sample(40_000, seed=0)
    assert x.dtype == torch.float32
    torch.testing.assert_close(x.mean(0).double(), moons.mean, atol=0.02, rtol=0)
    torch.testing.assert_close(x.T.cov().double(), moons.covariance, atol=0.02, rtol=0)
    assert -moons.log_prob(x[:10_000]).mean().item() == pytest.approx(moons.entropy(), abs=0.03)
    z = moons.standardised(x)
    torch.testing.assert_close(z.std(0), torch.ones(2), atol=0.02, rtol=0)


def test_both_moons_alike_and_known_by_hand() -> None:
    """With little noise the density on the upper moon is 1 / (2 pi) a length, times that of the noise across it."""
    x = torch.tensor([[0.0, 1.0], [1.0, -0.5]], dtype=torch.float64)
    expected = -math.log(2 * math.pi) - math.log(math.sqrt(2 * math.pi) * 0.01)
    torch.testing.assert_close(Moons(0.01).log_prob(x), torch.full((2,), expected, dtype=torch.float64), atol=1e-4, rtol=0)


def test_shapes_gradients_and_far_away() -> None:
    moons = Moons()
    assert moons.log_prob(torch.zeros(2, 3, 2)).shape == (2, 3)
    assert moons.log_prob(torch.zeros(0, 2)).shape == (0,)
    x = torch.full((1, 2), 100.0, requires_grad=True)
    (gradient,) = torch.autograd.grad(moons.log_prob(x).sum(), x)
    assert (gradient < 0).all()


def test_samples_are_a_function_of_the_seed() -> None:
    assert torch.equal(Moons().sample(10, seed=1), Moons().sample(10, seed=1))
    assert not torch.equal(Moons().sample(10, seed=1), Moons().sample(10, seed=2))


@pytest.mark.parametrize("sd", [0.0, -1.0, math.nan])
def test_bad_moons(sd: float) -> None:
    with pytest.raises(ValueError, match="moons are blurred"):
        Moons(sd)
