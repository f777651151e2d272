"""Against sums over all the values there are."""

import math

import pytest
import torch

from genmodels.distributions import Categorical

SHARES = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.7, 0.1, 0.1, 0.1]])


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_log_prob_by_hand() -> None:
    told = Categorical(SHARES.log()[None] + 5.0).log_prob(torch.tensor([[2, 0]]))
    assert told.item() == pytest.approx(math.log(0.3) + math.log(0.7))


def test_whole_numbers_may_be_floats() -> None:
    some = Categorical(torch.randn(3, 5, 4, generator=seeded()))
    x = torch.randint(4, (3, 5), generator=seeded(1))
    assert torch.equal(some.log_prob(x), some.log_prob(x.float()))
    torch.testing.assert_close(some.nats_per_dim(x).sum(1), some.log_prob(x))


def test_probabilities_of_all_values_sum_to_one() -> None:
    logits = 3.0 * torch.randn(1, 1, 256, generator=seeded())
    everything = Categorical(logits.expand(256, 1, 256)).log_prob(torch.arange(256)[:, None])
    assert everything.exp().sum().item() == pytest.approx(1.0, abs=1e-5)


def test_the_mean_is_the_expected_number() -> None:
    assert Categorical(SHARES.log()).mean.tolist() == pytest.approx([0.2 + 0.6 + 1.2, 0.1 + 0.2 + 0.3])


def test_a_number_uniform_in_0_1_finds_its_value() -> None:
    first = Categorical(SHARES[:1].log().expand(6, 4))
    assert first.draw(torch.tensor([0.0, 0.09, 0.11, 0.31, 0.61, 1.0 - 2**-24])).tolist() == [0, 0, 1, 2, 3, 3]


def test_what_is_impossible_is_never_drawn() -> None:
    logits = torch.tensor([-math.inf, 0.0, -math.inf]).expand(3, 3)
    assert Categorical(logits).draw(torch.tensor([0.0, 0.5, 1.0 - 2**-24])).tolist() == [1, 1, 1]


def test_samples_have_the_right_frequencies() -> None:
    many = Categorical(SHARES.log().expand(40_000, 2, 4))
    x = many.sample(seeded())
    for place in range(2):
        shares = torch.bincount(x[:, place], minlength=4) / len(x)
        assert ((shares - SHARES[place]).abs() < 4 * 0.5 / math.sqrt(len(x))).all()
    assert torch.equal(x, many.sample(seeded()))
    assert not torch.equal(x, many.sample(seeded(1)))


@pytest.mark.parametrize("tau", [0.25, 1.0, 3.0])
def test_temperature_raises_probabilities_to_a_power(tau: float) -> None:
    expected = SHARES ** (1 / tau)
    told = Categorical(SHARES.log()).tempered(tau).logits.softmax(-1)
    torch.testing.assert_close(told, expected / expected.sum(1, keepdim=True))


@pytest.mark.parametrize("tau", [1e-6, 1e-30])
def test_at_no_temperature_the_likeliest_is_drawn(tau: float) -> None:
    some = Categorical(20.0 * torch.randn(50, 3, 7, generator=seeded()))
    assert torch.equal(some.tempered(tau).sample(seeded()), some.logits.argmax(-1))


@pytest.mark.parametrize("tau", [0.0, -1.0, math.nan])
def test_temperatures_that_are_none_are_refused(tau: float) -> None:
    with pytest.raises(ValueError, match="a temperature is above 0"):
        Categorical(SHARES).tempered(tau)


def test_it_is_float32_also_of_halves() -> None:
    some = Categorical(torch.randn(2, 500, 4, generator=seeded()).bfloat16())
    assert some.log_prob(torch.zeros(2, 500)).dtype == some.mean.dtype == torch.float32
