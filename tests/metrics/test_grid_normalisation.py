"""Densities in the plane that are known, found again from their unnormalised logarithms."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from genmodels.data import GaussianGrid, Moons
from genmodels.metrics import grid_normalised, held_out_nats
from genmodels.metrics.grid_normalisation import GridNormalised

LOW, HIGH = torch.tensor([-6.0, -8.0]), torch.tensor([8.0, 7.0])


def bell(x: Tensor) -> Tensor:
    return -x.square().sum(1) / 2


def test_a_gaussian_with_a_covariance() -> None:
    covariance = torch.tensor([[1.0, 0.6], [0.6, 0.8]], dtype=torch.float64)
    precision = covariance.inverse()
    density = grid_normalised(lambda x: -((x @ precision) * x).sum(1) / 2 + 7.0, LOW.double(), HIGH.double())
    assert density.log_z == pytest.approx(7 + math.log(2 * math.pi) + 0.5 * covariance.logdet().item(), abs=1e-9)
    assert density.error < 1e-9
    x = torch.tensor([[0.3, -0.2]], dtype=torch.float64)
    gaussian = torch.distributions.MultivariateNormal(torch.zeros(2, dtype=torch.float64), covariance)
    assert density.log_prob(x).nats.item() == pytest.approx(gaussian.log_prob(x).item(), abs=1e-9)


def test_a_mixture_integrates_to_one() -> None:
    grid = GaussianGrid(side=3, sd=0.2)
    density = grid_normalised(grid.log_prob, -4 * torch.ones(2), 4 * torch.ones(2), cells=256)
    assert density.log_z == pytest.approx(0, abs=1e-5)


def test_moons_are_judged_as_by_their_own_density() -> None:
    moons = Moons(0.1)
    density = grid_normalised(
        lambda x: moons.log_prob(x) - 3.0, torch.tensor([-1.8, -1.3]), torch.tensor([2.8, 1.8]), cells=128
    )
    assert density.log_z == pytest.approx(-3, abs=1e-4)
    held_out = held_out_nats(density, moons.sample(4000, seed=1))
    assert held_out.kind == "exact"
    assert held_out.nats == pytest.approx(moons.entropy(), abs=4 * held_out.standard_error)


def test_blocks_leave_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = grid_normalised(bell, LOW, HIGH, cells=64)
    sizes = []

    def counted(x: Tensor) -> Tensor:
        sizes.append(len(x))
        return bell(x)

    monkeypatch.setattr("genmodels.metrics.grid_normalisation.BLOCK", 1000)
    assert grid_normalised(counted, LOW, HIGH, cells=64).log_z == whole.log_z
    assert max(sizes) == 1000
    assert sum(sizes) == 65**2


def test_an_energy_with_parameters_leaves_no_graph() -> None:
    slope = torch.nn.Parameter(torch.ones(2))
    density = grid_normalised(lambda x: bell(x * slope), LOW, HIGH)
    assert density.log_prob(torch.zeros(1, 2)).nats.requires_grad  # a caller may train on this
    assert not math.isnan(density.log_z)


def test_a_density_of_bounded_support_has_mass_nowhere_else() -> None:
    def disc(x: Tensor) -> Tensor:
        return torch.where(x.square().sum(1) < 1, 0.0, -math.inf)

    density = grid_normalised(disc, -2 * torch.ones(2), 2 * torch.ones(2), tolerance=0.01)
    assert density.log_z == pytest.approx(math.log(math.pi), abs=0.01)  # an edge costs accuracy
    assert density.log_prob(torch.tensor([[1.5, 0.0]])).nats.item() == -math.inf


def test_mass_at_the_border_is_refused() -> None:
    with pytest.raises(ValueError, match=r"mass stands at the border of the window \[-6, 1\] x \[-8, 7\]: widen"):
        grid_normalised(bell, LOW, torch.tensor([1.0, 7.0]))
    with pytest.raises(ValueError, match="widen the window"):
        grid_normalised(lambda x: torch.zeros(len(x)), LOW, HIGH)


def test_a_grid_too_coarse_for_the_density_is_refused() -> None:
    with pytest.raises(ValueError, match="half of 64 cells"):
        grid_normalised(lambda x: bell(x / 0.05), LOW, HIGH, cells=64)
    assert grid_normalised(lambda x: bell(x / 0.05), LOW, HIGH, cells=1024).log_z == pytest.approx(
        math.log(2 * math.pi * 0.05**2), abs=1e-4
    )


def test_points_outside_of_the_window_are_refused() -> None:
    density = grid_normalised(bell, LOW, HIGH)
    with pytest.raises(ValueError, match="1 of 2 points lie outside"):
        density.log_prob(torch.tensor([[0.0, 0.0], [0.0, 9.0]]))


@pytest.mark.parametrize(
    ("value", "message"), [(math.nan, "not a number"), (math.inf, "anywhere infinite"), (-math.inf, "nowhere")]
)
def test_what_is_no_density_is_refused(value: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        grid_normalised(lambda x: torch.full((len(x),), value), LOW, HIGH)


@pytest.mark.parametrize(
    ("low", "high", "cells"),
    [(HIGH, LOW, 64), (torch.zeros(3), torch.ones(3), 64), (LOW, HIGH, 63), (LOW, HIGH, 8)],
)
def test_no_window_and_no_grid(low: Tensor, high: Tensor, cells: int) -> None:
    with pytest.raises(ValueError, match=r"a window has|an even number"):
        grid_normalised(bell, low, high, cells)


def test_it_is_what_it_holds() -> None:
    density = grid_normalised(bell, LOW, HIGH)
    assert isinstance(density, GridNormalised)
    x = torch.tensor([[1.0, 1.0], [0.0, 0.0]])
    assert (density.log_prob(x).nats + density.log_z).tolist() == pytest.approx(bell(x).tolist())
