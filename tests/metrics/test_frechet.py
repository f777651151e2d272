"""Distances between feature clouds, against closed forms and double loops."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genmodels.metrics import frechet_distance, kernel_distance, relative_frechet


def cloud(n: int, d: int, seed: int) -> Tensor:
    return torch.randn(n, d, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def with_moments(mean: Tensor, root: Tensor, n: int, seed: int) -> Tensor:
    """Points whose sample mean is `mean` and whose sample covariance is `root.T @ root`, both exactly."""
    q = torch.linalg.qr(cloud(n, len(mean), seed) - cloud(n, len(mean), seed).mean(0)).Q
    return math.sqrt(n - 1) * q @ root + mean


def test_frechet_of_diagonal_gaussians_is_the_closed_form() -> None:
    mean_a, mean_b = cloud(2, 6, seed=0)
    sd_a, sd_b = torch.tensor([[1.0, 2, 3, 0.5, 0.1, 4], [2.0, 2, 1, 0.7, 0.3, 1]], dtype=torch.float64)
    a = with_moments(mean_a, sd_a.diag(), 500, seed=1)
    b = with_moments(mean_b, sd_b.diag(), 300, seed=2)
    expected = ((mean_a - mean_b) ** 2).sum() + ((sd_a - sd_b) ** 2).sum()
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-10)


def test_frechet_of_correlated_gaussians_is_the_trace_of_the_matrix_root() -> None:
    root_a, root_b = cloud(4, 4, seed=3), cloud(4, 4, seed=4)
    a, b = with_moments(torch.zeros(4), root_a, 100, seed=5), with_moments(torch.zeros(4), root_b, 100, seed=6)
    c_a, c_b = root_a.T @ root_a, root_b.T @ root_b
    eigenvalues = torch.linalg.eigvals(c_a @ c_b)  # real and positive, though their matrix is not symmetric
    expected = c_a.trace() + c_b.trace() - 2 * eigenvalues.real.sqrt().sum()
    assert frechet_distance(a, b) == pytest.approx(expected.item(), rel=1e-9)


def test_frechet_of_identical_sets_is_zero_also_where_the_covariance_is_singular() -> None:
    flat = cloud(200, 3, seed=7) @ cloud(3, 10, seed=8)
    assert frechet_distance(flat, flat) == pytest.approx(0, abs=1e-9)
    few = cloud(5, 10, seed=9)
    assert frechet_distance(few, few) == pytest.approx(0, abs=1e-9)


def test_frechet_between_nearly_singular_covariances() -> None:
    sd_a = torch.tensor([1.0, 1e-5, 0.0], dtype=torch.float64)
    sd_b = torch.tensor([1.0, 0.0, 1e-5], dtype=torch.float64)
    zero = torch.zeros(3, dtype=torch.float64)
    a, b = with_moments(zero, sd_a.diag(), 100, seed=1), with_moments(zero, sd_b.diag(), 100, seed=2)
    assert frechet_distance(a, b) == pytest.approx(2e-10, rel=1e-3)


def test_frechet_is_symmetric_and_does_not_change_under_rotation() -> None:
    a, b = cloud(300, 8, seed=1) @ cloud(8, 8, seed=2), cloud(200, 8, seed=3) + 1
    rotation = torch.linalg.qr(cloud(8, 8, seed=4)).Q
    distance = frechet_distance(a, b)
    assert frechet_distance(b, a) == pytest.approx(distance, rel=1e-10)
    assert frechet_distance(a @ rotation + 5, b @ rotation + 5) == pytest.approx(distance, rel=1e-9)


def test_kernel_distance_is_the_double_loop() -> None:
    a, b = cloud(7, 3, seed=1), cloud(5, 3, seed=2) + 0.5

    def k(x: Tensor, y: Tensor) -> float:
        return (float(x @ y) / 3 + 1) ** 3

    within_a = sum(k(x, y) for i, x in enumerate(a) for j, y in enumerate(a) if i != j) / (7 * 6)
    within_b = sum(k(x, y) for i, x in enumerate(b) for j, y in enumerate(b) if i != j) / (5 * 4)
    across = sum(k(x, y) for x in a for y in b) / 35
    assert kernel_distance(a, b) == pytest.approx(within_a + within_b - 2 * across, rel=1e-10)


def test_kernel_distance_is_zero_on_average_for_equal_distributions() -> None:
    estimates = torch.tensor([kernel_distance(cloud(50, 4, seed), cloud(50, 4, 1000 + seed)) for seed in range(200)])
    assert abs(estimates.mean()) < 3 * estimates.std() / math.sqrt(200)
    assert (estimates < 0).any()
    assert kernel_distance(cloud(50, 4, 0), cloud(50, 4, 1) + 1) > 20 * estimates.std()


def test_kernel_distance_does_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = cloud(25, 3, seed=1), cloud(31, 3, seed=2)
    whole = kernel_distance(a, b)
    monkeypatch.setattr("genmodels.metrics.frechet.BLOCK", 4)
    assert kernel_distance(a, b) == pytest.approx(whole, rel=1e-9)


def test_relative_frechet_is_zero_for_training_data_and_one_for_the_trivial_generator() -> None:
    assert relative_frechet(model=0.3, floor=0.3, trivial=8.0) == 0
    assert relative_frechet(model=8.0, floor=0.3, trivial=8.0) == 1
    with pytest.raises(ValueError, match="farther from the data"):
        relative_frechet(model=1.0, floor=2.0, trivial=2.0)


@pytest.mark.parametrize("distance", [frechet_distance, kernel_distance])
@pytest.mark.parametrize(
    ("a", "b", "reason"),
    [
        (torch.zeros(4), torch.zeros(4, 2), "the first are"),
        (torch.zeros(4, 2), torch.zeros(1, 2), "the second are"),
        (torch.zeros(4, 2), torch.zeros(4, 3), "cannot be compared"),
        (torch.zeros(4, 2), torch.full((4, 2), torch.nan), "not finite"),
    ],
)
def test_features_that_cannot_be_compared_are_refused(distance, a: Tensor, b: Tensor, reason: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=reason):
        distance(a, b)
