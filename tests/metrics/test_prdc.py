"""Precision, recall, density and coverage, against loops and on planted cases."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genmodels.metrics import PRDC, precision_recall
from genmodels.metrics.prdc import neighbour_distance


def cloud(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def by_loops(real: Tensor, made: Tensor, k: int) -> PRDC:
    def distance(x: Tensor, y: Tensor) -> float:
        return float((x - y).square().sum().sqrt())

    def radii(points: Tensor) -> list[float]:
        return [sorted(distance(x, y) for j, y in enumerate(points) if j != i)[k - 1] for i, x in enumerate(points)]

    real_radii, made_radii = radii(real), radii(made)
    real_balls = [[distance(x, y) <= r for x, r in zip(real, real_radii, strict=True)] for y in made]
    made_balls = [[distance(x, y) <= r for x, r in zip(made, made_radii, strict=True)] for y in real]
    return PRDC(
        precision=sum(any(balls) for balls in real_balls) / len(made),
        recall=sum(any(balls) for balls in made_balls) / len(real),
        density=sum(sum(balls) for balls in real_balls) / (k * len(made)),
        coverage=sum(any(ball) for ball in zip(*real_balls, strict=True)) / len(real),
    )


@pytest.mark.parametrize("k", [1, 3])
def test_prdc_is_the_loop_also_across_blocks(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("genmodels.metrics.prdc.BLOCK", 7)
    real, made = cloud(30, 2, seed=1), 0.8 * cloud(22, 2, seed=2) + 0.5
    assert precision_recall(real, made, k) == pytest.approx(by_loops(real, made, k), rel=1e-12)


def test_a_point_is_not_its_own_neighbour_but_its_duplicate_is() -> None:
    points = torch.tensor([[0.1], [0.1], [1.1], [3.1]], dtype=torch.float64)
    assert neighbour_distance(points, 1).tolist() == pytest.approx([0, 0, 1, 2])
    assert neighbour_distance(points, 1)[0] == 0


def test_identical_sets_score_one_also_when_all_points_are_equal() -> None:
    x = cloud(50, 4, seed=1)
    assert precision_recall(x, x)[:2] == (1, 1)
    equal = x[:1].expand(10, 4)
    assert precision_recall(equal, equal)[:2] == (1, 1)


def test_disjoint_sets_score_zero() -> None:
    assert precision_recall(cloud(50, 4, seed=1), cloud(50, 4, seed=2) + 100) == (0, 0, 0, 0)


def test_a_dropped_mode_costs_recall_and_not_precision() -> None:
    left, right = cloud(200, 2, seed=1), cloud(200, 2, seed=2) + 50
    score = precision_recall(torch.cat([left, right]), cloud(400, 2, seed=3))
    assert score.precision > 0.9
    assert 0.4 < score.recall <= 0.5
    assert score.coverage <= 0.5


def test_samples_beside_the_data_cost_precision_and_not_recall() -> None:
    score = precision_recall(cloud(200, 2, seed=1), torch.cat([cloud(200, 2, seed=2), cloud(200, 2, seed=3) + 50]))
    assert 0.4 < score.precision <= 0.5
    assert score.recall > 0.9


def test_density_and_coverage_of_equal_distributions() -> None:
    score = precision_recall(cloud(500, 8, seed=1), cloud(500, 8, seed=2), k=5)
    assert score.density == pytest.approx(1, abs=0.1)
    assert score.coverage == pytest.approx(1 - 0.5**5, abs=0.03)  # Naeem et al., equation 6, for equal numbers


@pytest.mark.parametrize("k", [0, 4])
def test_k_must_leave_a_neighbour(k: int) -> None:
    with pytest.raises(ValueError, match="k is"):
        precision_recall(cloud(4, 2, seed=1), cloud(9, 2, seed=2), k)
