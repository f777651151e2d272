"""Against the formula by hand, single Gaussians, and integrals over a fine grid."""

import math

import pytest
import torch
from torch import Tensor

from genmodels.distributions import DiagonalGaussian, GaussianMixture

GRID = torch.linspace(-12, 12, 9601)
STEP = 24 / 9600


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def some(*shape: int) -> GaussianMixture:
    logits, mean, log_sd = (torch.randn(shape, generator=seeded(i)) for i in range(3))
    return GaussianMixture(logits, 2.0 * mean, 0.3 * log_sd - 0.5)


def pair(share: float = 0.7, sd: float = 0.1) -> GaussianMixture:
    """-1 with a probability, else 2, and a little noise."""
    logits = torch.tensor([[[share, 1.0 - share]]]).log()
    return GaussianMixture(logits, torch.tensor([[[-1.0, 2.0]]]), torch.full((1, 1, 2), math.log(sd)))


def many(mixture: GaussianMixture, n: int) -> Tensor:
    """n draws of a mixture of batch 1."""
    parts = (x.mT.expand(n, -1, -1) for x in (mixture._logits, mixture._means, mixture._log_sds))
    return GaussianMixture(*parts).sample(seeded())


def test_log_prob_by_hand() -> None:
    def normal(x: float, mean: float, sd: float) -> float:
        return math.exp(-0.5 * ((x - mean) / sd) ** 2) / (sd * math.sqrt(2 * math.pi))

    mixture = GaussianMixture(
        torch.tensor([[[0.0, math.log(3.0)], [0.0, 0.0]]]),
        torch.tensor([[[1.0, -1.0], [0.0, 4.0]]]),
        torch.tensor([[[0.0, math.log(2.0)], [0.0, 0.0]]]),
    )
    first = 0.25 * normal(0.5, 1.0, 1.0) + 0.75 * normal(0.5, -1.0, 2.0)
    second = 0.5 * normal(3.0, 0.0, 1.0) + 0.5 * normal(3.0, 4.0, 1.0)
    x = torch.tensor([[0.5, 3.0]])
    assert mixture.nats_per_dim(x).flatten().tolist() == pytest.approx([math.log(first), math.log(second)], rel=1e-5)
    assert mixture.log_prob(x).item() == pytest.approx(math.log(first) + math.log(second), rel=1e-5)
    assert mixture.mean.flatten().tolist() == pytest.approx([-0.5, 2.0])


@pytest.mark.parametrize("shape", [(4, 3), (4, 5, 3)])
def test_one_component_is_a_gaussian(shape: tuple[int, ...]) -> None:
    mean, log_sd, x = (torch.randn(shape, generator=seeded(i)) for i in range(3))
    one = GaussianMixture(torch.randn(*shape, 1), mean.unsqueeze(-1), log_sd.unsqueeze(-1))
    gaussian = DiagonalGaussian(mean, log_sd)
    torch.testing.assert_close(one.log_prob(x), gaussian.log_prob(x))
    torch.testing.assert_close(one.mean, gaussian.mean)
    torch.testing.assert_close(one.draw(torch.rand(shape), x), mean + log_sd.exp() * x)


def test_equal_components_are_one() -> None:
    mean, log_sd, x = (torch.randn(6, 2, 1, generator=seeded(i)) for i in range(3))
    one = GaussianMixture(torch.zeros(6, 2, 1), mean, log_sd)
    five = GaussianMixture(torch.randn(6, 2, 5), mean.expand(-1, -1, 5), log_sd.expand(-1, -1, 5))
    torch.testing.assert_close(five.log_prob(x[..., 0]), one.log_prob(x[..., 0]))
    torch.testing.assert_close(five.cdf(x[..., 0]), one.cdf(x[..., 0]))
    torch.testing.assert_close(five.mean, one.mean)


def test_a_constant_on_the_logits_changes_nothing() -> None:
    logits, mean, log_sd = (torch.randn(6, 2, 5, generator=seeded(i)) for i in range(3))
    a, b = GaussianMixture(logits, mean, log_sd), GaussianMixture(logits + 50.0, mean, log_sd)
    x, choose = torch.randn(6, 2), torch.rand(6, 2, generator=seeded())
    torch.testing.assert_close(a.log_prob(x), b.log_prob(x), rtol=0, atol=1e-4)
    torch.testing.assert_close(a.draw(choose, x), b.draw(choose, x))
    torch.testing.assert_close(a.tempered(0.3).log_prob(x), b.tempered(0.3).log_prob(x), rtol=0, atol=1e-4)


def test_the_density_integrates_to_one_and_to_the_cdf() -> None:
    mixture = some(1, 1, 4)
    on_grid = GaussianMixture(*(x.mT.expand(len(GRID), 1, 4) for x in (mixture._logits, mixture._means, mixture._log_sds)))
    mass = on_grid.log_prob(GRID[:, None]).double().exp() * STEP
    assert mass.sum().item() == pytest.approx(1.0, abs=1e-5)
    middle = mass.cumsum(0) - 0.5 * mass
    torch.testing.assert_close(on_grid.cdf(GRID[:, None])[:, 0].double(), middle, rtol=0, atol=1e-4)


def test_numbers_stay_finite_where_a_component_is_thin_and_far() -> None:
    parts = [torch.zeros(1, 1, 3), torch.zeros(1, 1, 3), torch.full((1, 1, 3), -10.0)]
    for part in parts:
        part.requires_grad_()
    told = GaussianMixture(*parts).log_prob(torch.tensor([[1e3]]))
    assert torch.isfinite(told).all()
    for gradient in torch.autograd.grad(told.sum(), parts):
        assert torch.isfinite(gradient).all()


def test_it_is_float32_also_of_halves() -> None:
    mixture = GaussianMixture(*(torch.randn(2, 3, 4).bfloat16() for _ in range(3)))
    for told in (mixture.log_prob(torch.zeros(2, 3).bfloat16()), mixture.mean, mixture.sample()):
        assert told.dtype == torch.float32


# ------------------------------------------------------------------------------------------------------------- drawing


def test_the_lower_share_of_choices_is_the_first_component() -> None:
    for choose, noise, expected in ((0.69, 0.0, -1.0), (0.71, 0.0, 2.0), (0.001, 3.0, -0.7), (0.999, -1.0, 1.9)):
        drawn = pair().draw(torch.tensor([[choose]]), torch.tensor([[noise]]))
        assert drawn.item() == pytest.approx(expected)


def test_moments_of_draws_are_those_of_the_mixture() -> None:
    mixture, n = some(1, 3, 4), 200_000
    draws = many(mixture, n)
    weights, means, sds = mixture._logits.softmax(-2), mixture._means, mixture._log_sds.exp()
    second = (weights * (means.square() + sds.square())).sum(-2)[0]
    error = 4 / math.sqrt(n)
    torch.testing.assert_close(draws.mean(0), mixture.mean[0], rtol=0, atol=error * draws.std().item())
    torch.testing.assert_close(draws.square().mean(0), second, rtol=0, atol=error * draws.square().std().item())


def test_the_cdf_of_draws_is_uniform() -> None:
    mixture, n = pair(sd=0.8), 20_000
    draws = many(mixture, n)
    wide = GaussianMixture(*(x.mT.expand(n, 1, 2) for x in (mixture._logits, mixture._means, mixture._log_sds)))
    ranks = wide.cdf(draws)[:, 0].sort().values
    assert (ranks - (torch.arange(n) + 0.5) / n).abs().max().item() < 1.63 / math.sqrt(n)  # Kolmogorov's at 1 %


def test_a_draw_follows_the_means_that_were_chosen() -> None:
    means = torch.tensor([[[-1.0, 2.0]]], requires_grad=True)
    mixture = GaussianMixture(torch.zeros(1, 1, 2), means, torch.zeros(1, 1, 2))
    (gradient,) = torch.autograd.grad(mixture.draw(torch.tensor([[0.9]]), torch.zeros(1, 1)).sum(), means)
    assert gradient.flatten().tolist() == [0.0, 1.0]


def test_draws_are_a_function_of_the_generator() -> None:
    mixture = some(50, 3, 4)
    assert torch.equal(mixture.sample(seeded(1)), mixture.sample(seeded(1)))
    assert not torch.equal(mixture.sample(seeded(1)), mixture.sample(seeded(2)))


# --------------------------------------------------------------------------------------------------------- temperature


def test_temperature_is_the_papers_rule() -> None:
    mixture = pair(share=0.9, sd=0.1).tempered(4.0)
    weights = mixture._logits.softmax(-2).flatten()
    assert (weights[0] / weights[1]).item() == pytest.approx(9.0**0.25)
    assert mixture._log_sds.exp().flatten().tolist() == pytest.approx([0.2, 0.2])


@pytest.mark.parametrize("tau", [1e-6, 1e-30])
def test_at_no_temperature_the_likeliest_mean_is_drawn(tau: float) -> None:
    mixture = some(50, 3, 4)
    cold = mixture.tempered(tau)
    likeliest = mixture._means.gather(-2, mixture._logits.argmax(-2, keepdim=True)).squeeze(-2)
    for seed in range(3):
        torch.testing.assert_close(cold.sample(seeded(seed)), likeliest, rtol=0, atol=1e-2)
    torch.testing.assert_close(cold.mean, likeliest, rtol=0, atol=1e-2)


def test_at_one_nothing_changes() -> None:
    mixture, x = some(5, 3, 4), torch.randn(5, 3)
    assert torch.equal(mixture.tempered(1.0).log_prob(x), mixture.log_prob(x))


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan])
def test_temperatures_that_are_none_are_refused(tau: float) -> None:
    with pytest.raises(ValueError, match="a temperature is above 0"):
        some(1, 1, 1).tempered(tau)


def test_parameters_of_different_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"one shape, \(\.\.\., Z, K\), not \(1, 2, 3\), \(1, 2, 3\), \(1, 2, 1\)"):
        GaussianMixture(torch.zeros(1, 2, 3), torch.zeros(1, 2, 3), torch.zeros(1, 2, 1))
