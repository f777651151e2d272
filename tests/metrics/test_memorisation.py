"""Distances to the training set, by hand; copies, fresh draws and noise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genmodels.metrics import memorisation
from genmodels.metrics.memorisation import nearest_distance


def cloud(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed))


def test_nearest_distances_are_the_loops_also_across_blocks() -> None:
    x, known = cloud(150, 3, seed=1).double(), cloud(70, 3, seed=2).double()
    expected = torch.stack([torch.stack([(row - k).square().sum().sqrt() for k in known]).min() for row in x])
    assert torch.allclose(nearest_distance(x, known), expected, rtol=1e-12)


def test_a_copy_is_at_distance_zero_however_far_from_the_origin() -> None:
    known = 1000.0 + cloud(500, 16, seed=1)
    assert nearest_distance(known[:100], known).max() == 0


def test_figures_by_hand() -> None:
    train = torch.tensor([[0.0], [10.0]])
    held_out = torch.tensor([[1.0], [13.0], [6.0]])  # at 1, 3 and 4; the first percentile lies at 1.04
    made = torch.tensor([[1.0], [8.0], [4.5], [5.0]])  # at 1, 2, 4.5 and 5
    assert memorisation(made, held_out, train) == pytest.approx((3.25 / 3.0, 0.25))


def test_copies_score_zero_fresh_draws_one_and_noise_more() -> None:
    train, held_out, fresh = cloud(2000, 8, seed=1), cloud(1000, 8, seed=2), cloud(1000, 8, seed=3)
    assert memorisation(train[:1000], held_out, train) == (0.0, 1.0)
    ratio, near = memorisation(fresh, held_out, train)
    assert ratio == pytest.approx(1, abs=0.04)
    assert near == pytest.approx(0.01, abs=0.01)
    assert memorisation(5 * fresh, held_out, train).ratio > 3


def test_a_median_does_not_see_a_few_copies_but_the_share_does() -> None:
    train, held_out, made = cloud(2000, 8, seed=1), cloud(1000, 8, seed=2), cloud(1000, 8, seed=3)
    made[:200] = train[:200]
    ratio, near = memorisation(made, held_out, train)
    assert ratio > 0.9
    assert near == pytest.approx(0.2, abs=0.02)


def test_held_out_examples_that_were_trained_on_are_refused() -> None:
    train = cloud(100, 2, seed=1)
    with pytest.raises(ValueError, match="hold out others"):
        memorisation(cloud(50, 2, seed=2), train[:50], train)
    with pytest.raises(ValueError, match="dimensions"):
        memorisation(cloud(50, 3, seed=2), train[:50], train)
