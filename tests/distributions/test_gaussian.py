"""Against the formula by hand, torch's own Gaussian, and integrals over a fine grid."""

import math

import pytest
import torch
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from genmodels.distributions import DiagonalGaussian

GRID = torch.linspace(-20, 20, 8001, dtype=torch.float64)
STEP = 40 / 8000


def some(*shape: int) -> tuple[Tensor, Tensor]:
    """Means and log standard deviations."""
    generator = torch.Generator().manual_seed(0)
    return torch.randn(shape, generator=generator), 0.5 * torch.randn(shape, generator=generator)


def on_grid(mean: float, log_sd: float) -> Tensor:
    """The density at each point of the grid."""
    points = GRID.float()[:, None]
    return DiagonalGaussian(torch.full_like(points, mean), torch.tensor(log_sd)).log_prob(points).double().exp()


def test_log_prob_by_hand() -> None:
    gaussian = DiagonalGaussian(torch.tensor([[1.0, -1.0]]), torch.tensor([[0.0, math.log(2.0)]]))
    expected = -0.5 * 2**2 - 0.5 * (3 / 2) ** 2 - math.log(2) - math.log(2 * math.pi)
    assert gaussian.log_prob(torch.tensor([[3.0, 2.0]])).item() == pytest.approx(expected)


@pytest.mark.parametrize("shape", [(5, 1), (5, 3), (5, 2, 4, 3)])
def test_log_prob_is_summed_over_all_but_the_batch(shape: tuple[int, ...]) -> None:
    mean, log_sd = some(*shape)
    x = torch.rand(shape)
    expected = Normal(mean, log_sd.exp()).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(DiagonalGaussian(mean, log_sd).log_prob(x), expected)


@pytest.mark.parametrize("log_sd", [torch.tensor(-0.7), torch.tensor([0.1, -0.2, 0.3]), torch.tensor([[0.5]] * 4)])
def test_one_deviation_may_serve_many_dimensions(log_sd: Tensor) -> None:
    mean, x = some(4, 3)
    gaussian = DiagonalGaussian(mean, log_sd)
    full = DiagonalGaussian(mean, log_sd.expand(4, 3))
    torch.testing.assert_close(gaussian.log_prob(x), full.log_prob(x))
    torch.testing.assert_close(gaussian.kl_from_standard(), full.kl_from_standard())
    assert torch.equal(gaussian.sample(torch.Generator().manual_seed(0)), full.sample(torch.Generator().manual_seed(0)))


def test_the_density_integrates_to_one() -> None:
    for mean, log_sd in ((0.0, 0.0), (3.0, -1.5), (-2.0, 1.0)):
        assert on_grid(mean, log_sd).sum().item() * STEP == pytest.approx(1.0, abs=1e-5)


def test_kl_is_the_integral_that_defines_it() -> None:
    standard = on_grid(0.0, 0.0)
    for mean, log_sd in ((0.0, 0.0), (1.5, -1.0), (-0.7, 0.8), (0.0, -3.0)):
        p = on_grid(mean, log_sd)
        inside = p > 1e-30
        integral = (p * (p.log() - (-0.5 * GRID**2 - 0.5 * math.log(2 * math.pi))))[inside].sum().item() * STEP
        kl = DiagonalGaussian(torch.tensor([[mean]]), torch.tensor([[log_sd]])).kl_from_standard().item()
        assert kl == pytest.approx(integral, abs=1e-4)
    assert standard.sum().item() * STEP == pytest.approx(1.0)


def test_kl_of_each_dimension_agrees_with_torch() -> None:
    mean, log_sd = some(6, 4)
    expected = kl_divergence(Normal(mean, log_sd.exp()), Normal(torch.zeros(()), torch.ones(())))
    torch.testing.assert_close(DiagonalGaussian(mean, log_sd).kl_from_standard(), expected)


def test_kl_is_what_samples_tell() -> None:
    mean, log_sd = some(1, 3)
    q = DiagonalGaussian(mean.expand(200_000, 3), log_sd.expand(200_000, 3))
    z = q.sample(torch.Generator().manual_seed(1))
    ratios = q.log_prob(z) - DiagonalGaussian(torch.zeros_like(z), torch.zeros(())).log_prob(z)
    error = ratios.std().item() / math.sqrt(len(z))
    assert ratios.mean().item() == pytest.approx(q.kl_from_standard()[0].sum().item(), abs=4 * error)


def test_samples_have_the_moments_and_a_seed() -> None:
    mean, log_sd = torch.tensor([2.0, -1.0, 0.0]), torch.tensor([-1.0, 0.0, 1.0])
    many = DiagonalGaussian(mean.expand(100_000, 3), log_sd)
    x = many.sample(torch.Generator().manual_seed(0))
    error = log_sd.exp() / math.sqrt(len(x))
    assert ((x.mean(0) - mean).abs() < 4 * error).all()
    assert ((x.std(0) - log_sd.exp()).abs() < 4 * error).all()
    assert torch.corrcoef(x.T).triu(1).abs().max() < 0.02
    assert torch.equal(x, many.sample(torch.Generator().manual_seed(0)))
    assert torch.equal(many.mean[0], mean)


def test_samples_pass_gradients_to_both_parameters() -> None:
    mean, log_sd = (values.requires_grad_() for values in some(4, 3))
    gaussian = DiagonalGaussian(mean, log_sd)
    x = gaussian.sample(torch.Generator().manual_seed(0))
    by_mean, by_log_sd = torch.autograd.grad(x.sum(), [mean, log_sd])
    assert torch.equal(by_mean, torch.ones(4, 3))
    torch.testing.assert_close(by_log_sd, (x - mean).detach())  # sd times the noise


@pytest.mark.parametrize("tau", [0.25, 1.0, 3.0])
def test_temperature_divides_the_ratios_of_log_probabilities(tau: float) -> None:
    mean, log_sd = some(5, 3)
    gaussian = DiagonalGaussian(mean, log_sd)
    x, y = torch.randn(2, 5, 3, generator=torch.Generator().manual_seed(3))
    tempered = gaussian.tempered(tau)
    ratio, of_tempered = (g.log_prob(x) - g.log_prob(y) for g in (gaussian, tempered))
    torch.testing.assert_close(of_tempered, ratio / tau)
    assert torch.equal(tempered.mean, mean)
    torch.testing.assert_close(tempered.sd, gaussian.sd * math.sqrt(tau))


def test_half_precision_is_not_carried_into_the_sums() -> None:
    mean, log_sd = some(2, 500)
    rounded = mean.bfloat16(), log_sd.bfloat16()
    x = torch.zeros(2, 500)
    exact = Normal(rounded[0].double(), rounded[1].double().exp()).log_prob(x.double()).sum(1)
    gaussian = DiagonalGaussian(*rounded)
    torch.testing.assert_close(gaussian.log_prob(x).double(), exact, rtol=1e-5, atol=0)
    assert {values.dtype for values in (gaussian.mean, gaussian.sd, gaussian.sample())} == {torch.float32}
