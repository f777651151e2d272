"""A flow that flows: its density, its way back, its estimated trace against the exact one, its gradients."""

import sys
from typing import Any

import pytest
import torch
from torch import nn

from genmodels.flows import FFJORD
from genmodels.flows.ffjord import NeuralODE, _estimate, _trace
from genmodels.metrics.grid_normalisation import grid_normalised
from genmodels.training import Optimizer, Update, fit

pytest.importorskip("torchdiffeq")


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(**arguments: Any) -> FFJORD:
    """An FFJORD no part of which is still zero."""
    torch.manual_seed(0)
    defaults: dict[str, Any] = {"features": 2, "width": 8, "depth": 2}
    model = FFJORD(**defaults | arguments)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("context", [0, 2])
def test_the_log_det_is_that_of_the_jacobian_and_there_is_a_way_back(context: int) -> None:
    flow = small(features=3, context=context).double()
    x = torch.randn(2, 3, generator=seeded()).double()
    cond = torch.randn(2, context, generator=seeded(1)) if context else None
    y, log_det = flow.bijector(x, cond)
    back, log_det_back = flow.bijector.inverse(y, cond)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-4)
    torch.testing.assert_close(log_det_back, -log_det, rtol=0, atol=1e-4)
    for row in range(2):
        told = None if cond is None else cond[row : row + 1]
        steps = 1e-3 * torch.eye(3).double()
        ends = [flow.bijector(x[row] + sign * steps, None if told is None else told.expand(3, -1))[0] for sign in (1, -1)]
        jacobian = ((ends[0] - ends[1]) / 2e-3).detach()
        torch.testing.assert_close(log_det[row].detach(), torch.linalg.slogdet(jacobian).logabsdet, rtol=0, atol=1e-4)


def test_the_density_sums_to_one() -> None:
    model = small(tolerance=1e-4)
    low, high = torch.full((2,), -9.0), torch.full((2,), 9.0)
    assert grid_normalised(lambda x: model.log_prob(x).nats, low, high, cells=64).log_z == pytest.approx(0.0, abs=2e-3)


def test_a_linear_equation_has_the_solution_of_the_book() -> None:
    """dz/dt = a z takes x to e^a x, by e^(a D) in volume."""

    class Linear(nn.Module):
        def forward(self, z: torch.Tensor) -> torch.Tensor:
            return 0.7 * z[:, :2] + 0.0 * self.unused

        def __init__(self) -> None:
            super().__init__()
            self.unused = nn.Parameter(torch.zeros(()))

    x = torch.randn(5, 2, generator=seeded())
    y, log_det = NeuralODE(Linear())(x)
    torch.testing.assert_close(y, x * torch.tensor(0.7).exp(), rtol=0, atol=1e-4)
    torch.testing.assert_close(log_det, torch.full((5,), 1.4), rtol=0, atol=1e-4)


# -------------------------------------------------------------------------------------------------------------- the trace


def test_hutchinson_is_unbiased() -> None:
    """Over all signs there are, the mean of the estimate is the exact trace; over one draw of them it is not."""
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    z = torch.randn(4, 3, generator=seeded(), dtype=torch.float64).requires_grad_()
    slope = network(z)
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0]).double()] * 3)
    estimates = torch.stack([_estimate(slope, z, e.expand(4, 3), False) for e in signs])
    exact = _trace(slope, z, False)
    jacobians = torch.stack([torch.autograd.functional.jacobian(network, row) for row in z.detach()])
    torch.testing.assert_close(exact, jacobians.diagonal(dim1=1, dim2=2).sum(1), rtol=0, atol=1e-12)
    torch.testing.assert_close(estimates.mean(0), exact, rtol=0, atol=1e-12)
    assert (estimates.std(0) > 1e-3).all()


def test_along_the_whole_way_too() -> None:
    model = small(trained=1e-5).double()
    x = torch.randn(3, 2, generator=seeded(), dtype=torch.float64)
    signs = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0]).double()] * 2)
    with torch.no_grad():
        estimates = torch.stack([model.ode.estimated(x, e.expand(3, 2)).log_det for e in signs])
        exact = model.ode.log_det(x)
    torch.testing.assert_close(estimates.mean(0), exact, rtol=0, atol=1e-3)


def test_the_adjoint_gradient_is_that_of_differences() -> None:
    model = small(trained=1e-6).double()
    x = torch.randn(4, 2, generator=seeded(), dtype=torch.float64)
    signs = torch.ones(4, 2, dtype=torch.float64)

    def value() -> torch.Tensor:
        end = model.ode.estimated(x, signs)
        return (end.points.square().sum(1) + end.log_det).sum()

    weight = next(model.ode.network.parameters())
    (gradient,) = torch.autograd.grad(value(), weight)
    with torch.no_grad():
        weight[0, 0] += 1e-3
        above = value()
        weight[0, 0] -= 2e-3
        below = value()
    assert gradient[0, 0].item() == pytest.approx(((above - below) / 2e-3).item(), abs=2e-3)


# -------------------------------------------------------------------------------------------------------------- the model


def test_it_learns_and_tells_how_often_it_was_asked() -> None:
    torch.manual_seed(0)
    model = FFJORD(width=16, depth=2, trained=1e-3)
    x = torch.randn(256, 2, generator=seeded())
    x = torch.where(x[:, :1] > 0, x + 3.0, x - 3.0)
    update = Update("ffjord", model.loss, model.parameters(), Optimizer(lr=2e-2))
    fitted = fit(model, [update], lambda step: x, steps=20, precision="fp32", device="cpu", quiet=True)
    assert fitted.figures["ffjord/evaluations"] >= 8
    independent = torch.distributions.Normal(x.mean(0), x.std(0)).log_prob(x).sum(1).mean()  # where it begins
    assert model.log_prob(x).nats.mean() > independent + 0.1
    torch.testing.assert_close(model.reconstruct(x), x, rtol=0, atol=1e-3)


def test_a_context_is_asked_for() -> None:
    model, x = small(context=1), torch.zeros(3, 2)
    with pytest.raises(ValueError, match=r"cond: a context for each example is needed, \(3, 1\)"):
        model.log_prob(x)
    assert model.sample(3, cond=torch.ones(3, 1), generator=seeded()).shape == (3, 2)
    assert not torch.allclose(model.encode(x, torch.ones(3, 1)), model.encode(x, -torch.ones(3, 1)))


@pytest.mark.parametrize("arguments", [{"features": 0}, {"width": 0}, {"depth": 0}, {"context": -1}, {"tolerance": 0.0}])
def test_arguments_it_cannot_use_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        FFJORD(**arguments)


def test_without_its_extra_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchdiffeq", None)
    with pytest.raises(ImportError, match=r'pip install "worldmodels\[book\]"'):
        FFJORD()
