"""Held-out likelihoods, and the likelihoods of models that only count, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genmodels.metrics import held_out_nats, histogram_nats, naive_bayes_nats, pixel_nats
from genmodels.model import LogProb


class Normal:
    """A standard normal with an exact density; it counts its calls."""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        self.batches.append(len(x))
        return LogProb(-0.5 * (x**2 + math.log(2 * math.pi)).flatten(1).sum(1), "exact")


class Noisy:
    """A bound that is the mean of its draws."""

    def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        return LogProb(-torch.rand(samples, len(x), generator=generator).mean(0), "bound")


def test_the_mean_is_over_examples_and_the_sum_over_dimensions() -> None:
    x = torch.randn(250, 3, 4, generator=torch.Generator().manual_seed(0))
    model = Normal()
    held_out = held_out_nats(model, x, batch=100)
    per_example = 0.5 * (x.double() ** 2 + math.log(2 * math.pi)).sum((1, 2))
    assert model.batches == [100, 100, 50]
    assert held_out.nats == pytest.approx(per_example.mean().item(), rel=1e-6)
    assert held_out.standard_error == pytest.approx(per_example.std().item() / math.sqrt(250), rel=1e-5)
    assert held_out.bits_per_dim == pytest.approx(held_out.nats / 12 / math.log(2))
    assert (held_out.kind, held_out.dimensions) == ("exact", 12)


def test_draws_come_from_the_seed_and_are_as_many_as_asked_for() -> None:
    x = torch.zeros(2000, 1)
    one, again, other = (held_out_nats(Noisy(), x, seed=seed) for seed in (0, 0, 1))
    assert one == again != other
    many = held_out_nats(Noisy(), x, samples=100)
    assert many.samples == 100
    assert many.standard_error == pytest.approx(one.standard_error / 10, rel=0.1)


def test_one_example_is_refused() -> None:
    with pytest.raises(ValueError, match="two examples"):
        held_out_nats(Normal(), torch.zeros(1, 2))


def test_a_log_prob_that_is_not_one_number_per_example_is_refused() -> None:
    class PerPixel:
        def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
            return LogProb(-x, "exact")

    with pytest.raises(ValueError, match="one number for each example"):
        held_out_nats(PerPixel(), torch.zeros(5, 2))


def test_pixel_floor_by_hand() -> None:
    train = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 0.0]])  # smoothed frequencies 3/5 and 1/5
    test = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    expected = -(math.log(3 / 5) + math.log(4 / 5) + math.log(2 / 5) + math.log(1 / 5)) / 2
    assert pixel_nats(train, test) == pytest.approx(expected)


def test_naive_bayes_floor_by_hand() -> None:
    train, labels = torch.tensor([[1.0], [1.0], [0.0]]), torch.tensor([4, 4, 7])  # p(x=1|4) = 3/4, p(x=1|7) = 1/3
    p_one = 2 / 3 * 3 / 4 + 1 / 3 * 1 / 3
    assert naive_bayes_nats(train, labels, torch.tensor([[1.0]])) == pytest.approx(-math.log(p_one))
    assert naive_bayes_nats(train, labels, torch.tensor([[0.0]])) == pytest.approx(-math.log(1 - p_one))


def test_histogram_floor_by_hand() -> None:
    train = torch.tensor([[0, 7], [0, 8]], dtype=torch.uint8)
    test = torch.tensor([[0, 7], [255, 7]], dtype=torch.uint8)
    expected = -(math.log(3 / 258) + 2 * math.log(2 / 258) + math.log(1 / 258)) / 2
    assert histogram_nats(train, test) == pytest.approx(expected)
