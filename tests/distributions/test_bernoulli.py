"""Against sums over all the bits there are."""

import itertools
import math

import pytest
import torch
from torch import Tensor

from genmodels.distributions import Bernoulli

LOGITS = torch.tensor([1.3, -0.4, 0.0])
ALL_BITS = torch.tensor(list(itertools.product([0.0, 1.0], repeat=3)))


def over_all_bits(logits: Tensor) -> Bernoulli:
    return Bernoulli(logits.expand(8, 3))


def test_log_prob_by_hand() -> None:
    p = 1 / (1 + math.exp(-1.3)), 1 / (1 + math.exp(0.4))
    told = Bernoulli(LOGITS[None]).log_prob(torch.tensor([[1.0, 0.0, 1.0]])).item()
    assert told == pytest.approx(math.log(p[0]) + math.log(1 - p[1]) + math.log(0.5))


def test_probabilities_of_all_bits_sum_to_one() -> None:
    assert over_all_bits(LOGITS).log_prob(ALL_BITS).exp().sum().item() == pytest.approx(1.0)


def test_log_prob_is_summed_over_all_but_the_batch() -> None:
    logits, x = torch.randn(4, 2, 3, 5), torch.rand(4, 2, 3, 5).round()
    expected = torch.distributions.Bernoulli(logits=logits).log_prob(x).flatten(1).sum(1)
    torch.testing.assert_close(Bernoulli(logits).log_prob(x), expected)


def test_of_a_fraction_the_expectation_over_bits_is_given() -> None:
    x = torch.tensor([0.2, 0.9, 0.5])
    chance = torch.where(ALL_BITS == 1, x, 1 - x).prod(1)
    expected = (chance * over_all_bits(LOGITS).log_prob(ALL_BITS)).sum()
    torch.testing.assert_close(Bernoulli(LOGITS[None]).log_prob(x[None])[0], expected)


def test_samples_are_bits_of_the_right_frequency() -> None:
    many = Bernoulli(LOGITS.expand(40_000, 3))
    x = many.sample(torch.Generator().manual_seed(0))
    assert set(x.unique().tolist()) == {0.0, 1.0}
    assert ((x.mean(0) - many.mean[0]).abs() < 4 * 0.5 / math.sqrt(len(x))).all()
    assert torch.corrcoef(x.T).triu(1).abs().max() < 0.02
    assert torch.equal(x, many.sample(torch.Generator().manual_seed(0)))
    assert not torch.equal(x, many.sample(torch.Generator().manual_seed(1)))


@pytest.mark.parametrize("tau", [0.25, 1.0, 3.0])
def test_temperature_divides_the_ratios_of_log_probabilities(tau: float) -> None:
    warm = over_all_bits(LOGITS).log_prob(ALL_BITS)
    tempered = over_all_bits(LOGITS).tempered(tau).log_prob(ALL_BITS)
    torch.testing.assert_close(tempered - tempered[0], (warm - warm[0]) / tau)
    assert tempered.exp().sum().item() == pytest.approx(1.0)


def test_sure_bits_do_not_overflow() -> None:
    logits = torch.tensor([[200.0, -200.0]], requires_grad=True)
    right, wrong = (Bernoulli(logits).log_prob(torch.tensor([bits])) for bits in ([1.0, 0.0], [0.0, 1.0]))
    assert right.item() == 0.0
    assert wrong.item() == -400.0
    (gradient,) = torch.autograd.grad(wrong.sum(), logits)
    assert gradient.tolist() == [[-1.0, 1.0]]


def test_half_precision_is_not_carried_into_the_sums() -> None:
    logits, x = torch.randn(2, 500, generator=torch.Generator().manual_seed(0)).bfloat16(), torch.ones(2, 500)
    exact = torch.nn.functional.logsigmoid(logits.double()).sum(1)
    torch.testing.assert_close(Bernoulli(logits).log_prob(x).double(), exact, rtol=1e-5, atol=0)
    assert Bernoulli(logits).mean.dtype == torch.float32
