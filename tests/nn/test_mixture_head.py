"""The head of mixtures: its floor, and what autocast may not touch."""

import math

import pytest
import torch

from genmodels.distributions import GaussianMixture
from genmodels.nn import MixtureHead


def test_it_gives_a_mixture_for_each_dimension() -> None:
    head = MixtureHead(6, 4, 3)
    assert [tuple(part.shape) for part in head(torch.randn(2, 5, 6))] == [(2, 5, 4, 3)] * 3
    assert GaussianMixture(*head(torch.randn(7, 6))).sample().shape == (7, 4)


def test_dimensions_and_components_are_not_confused() -> None:
    """Each output moves one number: its own kind, its own dimension, its own component."""
    head = MixtureHead(1, 4, 3)
    before = head(torch.zeros(1, 1))
    seen = set()
    for output in range(36):
        with torch.no_grad():
            head.linear.bias[output] += 1.0
            after = head(torch.zeros(1, 1))
            head.linear.bias[output] -= 1.0
        moved = [(kind, *place) for kind in range(3) for place in (after[kind] - before[kind] > 0.5).nonzero()[:, 1:].tolist()]
        assert len(moved) == 1
        seen.add(moved[0])
    assert len(seen) == 36


@pytest.mark.parametrize("floor", [0.0, 0.01, 0.5])
def test_deviations_stay_above_their_floor(floor: float) -> None:
    head = MixtureHead(1, 1, 1, floor)
    with torch.no_grad():
        head.linear.weight.zero_()
        for raw in (-50.0, -2.0, 3.0):
            head.linear.bias[2] = raw
            sd = head(torch.zeros(1, 1))[2].exp().item()
            assert sd == pytest.approx(floor + math.exp(raw), rel=1e-5)


@pytest.mark.parametrize("floor", [0.0, 0.1])
def test_a_deviation_at_its_floor_can_rise_again(floor: float) -> None:
    head = MixtureHead(1, 1, 1, floor)
    with torch.no_grad():
        head.linear.bias[2] = -6.0
    parts = head(torch.zeros(1, 1))
    loss = -GaussianMixture(*parts).log_prob(torch.tensor([[5.0]])).sum()
    (gradient,) = torch.autograd.grad(loss, head.linear.bias)
    assert torch.isfinite(gradient).all()
    assert gradient[2].item() < -1.0


def test_it_computes_in_float32_under_autocast() -> None:
    head, h = MixtureHead(6, 4, 3), torch.randn(2, 6)
    with torch.autocast("cpu", torch.bfloat16):
        inside = head(h)
    for a, b in zip(inside, head(h), strict=True):
        assert torch.equal(a, b)


def test_a_floor_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="floor: the least deviation is at least 0, not -1"):
        MixtureHead(1, 1, 1, floor=-1.0)
