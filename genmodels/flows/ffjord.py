"""FFJORD: data carried to noise by an ordinary differential equation (Grathwohl et al. 2019, arXiv 1810.01367).

    dz/dt = f(z, t),  z(0) = x        log p(x) = log N(z(1); 0, 1) + integral_0^1 tr(df/dz) dt

There is a way back whatever f is: the same equation from 1 to 0. The trace is exact where densities are asked for, by a
derivative for each dimension. In training it is estimated by one, with e of random signs (Hutchinson 1990),

    tr(J) = E [e^T J e]

the same e all along the way. Gradients are those of the adjoint equation (Chen et al. 2018, arXiv 1806.07366), solved backward
in time: no step of the solver is kept. How often f is asked for is up to the solver, and tells how bent the paths are.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import NamedTuple

import torch
from torch import Tensor, nn

from genmodels.distributions.bijectors import ActNorm, Bijector, Compose
from genmodels.flows.conditioners import dense
from genmodels.flows.flow import Flow, standard_normal
from genmodels.model import LogProb
from genmodels.training import Optimizer, Update


class Carried(NamedTuple):
    """Where points were carried to, the log-determinants of that, and how often the equation was evaluated."""

    points: Tensor
    log_det: Tensor
    evaluations: int


class NeuralODE(Bijector):
    """y = z(1) where dz/dt = f(z, t, context) and z(0) = x, for vectors (B, features).

    Arguments:
        network: f, (B, features + 1 + context) -> (B, features), the time after the numbers of z.
        tolerance: of the solver, absolute and relative, where densities and points are asked for.
        trained: the same in training.
    """

    def __init__(self, network: nn.Module, tolerance: float = 1e-6, trained: float = 1e-4) -> None:
        super().__init__()
        for name, value in (("tolerance", tolerance), ("trained", trained)):
            if not 0.0 < value < 1.0:
                raise ValueError(f"{name}: of a solver, between 0 and 1, not {value}")
        self.network, self.tolerance, self.trained = network, tolerance, trained

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.carried(x, context)[:2]

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return self.carried(y, context, back=True)[:2]

    def carried(self, x: Tensor, context: Tensor | None = None, back: bool = False) -> Carried:
        """Along the equation or back, with the exact trace."""
        return self._solve(_Field(self.network, context, None), x, (1.0, 0.0) if back else (0.0, 1.0), self.tolerance)

    def estimated(self, x: Tensor, signs: Tensor, context: Tensor | None = None) -> Carried:
        """Along the equation, with the trace estimated by random signs (B, features), at the tolerance of training."""
        return self._solve(_Field(self.network, context, signs), x, (0.0, 1.0), self.trained)

    def _solve(self, field: _Field, x: Tensor, span: tuple[float, float], tolerance: float) -> Carried:
        if not len(x):  # and so no error by which a solver chooses its steps
            return Carried(x, torch.zeros_like(x[:, 0]), 0)
        times = torch.tensor(span, device=x.device, dtype=x.dtype)
        with torch.autocast(x.device.type, enabled=False):  # a solver would take rounding for curvature
            points, log_det = torchdiffeq().odeint_adjoint(
                field,
                (x, torch.zeros_like(x[:, 0])),
                times,
                rtol=tolerance,
                atol=tolerance,
                method="dopri5",
                adjoint_options={"norm": "seminorm"},  # the steps need not resolve the gradients (Kidger et al. 2021)
            )
        return Carried(points[-1], log_det[-1], field.evaluations)


class FFJORD(Flow):
    """An FFJORD of vectors; it needs the extra `book`.

        flow = FFJORD(features=2)
        flow.fit(Moons().sample(20_000, seed=0), minutes=5)
        flow.log_prob(x).nats                                       # exact, to the solver's tolerance

    Arguments:
        features: the numbers of an example.
        width: units of the hidden layers of f.
        depth: how many such layers.
        tolerance: of the solver, absolute and relative, where densities and points are asked for.
        trained: the same in training.
        context: features of a context, 0 for none. With one the data are pairs (examples, contexts).
        lr: the learning rate at its height.
    """

    def __init__(
        self,
        features: int = 2,
        width: int = 64,
        depth: int = 3,
        tolerance: float = 1e-6,
        trained: float = 1e-4,
        context: int = 0,
        lr: float = 3e-3,
    ) -> None:
        torchdiffeq()
        for name, value, least in (
            ("features", features, 1),
            ("width", width, 1),
            ("depth", depth, 1),
            ("context", context, 0),
        ):
            if value < least:
                raise ValueError(f"{name}: at least {least}, not {value}")
        norm, ode = ActNorm(features), NeuralODE(dense(features + 1 + context, features, width, depth), tolerance, trained)
        super().__init__(Compose([norm, ode]), (features,), context)
        self.norm, self.ode, self.lr = norm, ode, lr

    def loss(self, batch: Tensor | tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """An estimate of -log p(x), or of -log p(x | context), without bias, in nats, mean over the batch."""
        x, cond = self.pair(batch)
        x, context = self.points(x), self.contexts(cond, len(x))
        self.prepare(x, context)
        start, log_det = self.norm(x)
        signs = torch.randint(0, 2, start.shape, device=start.device).to(start.dtype) * 2 - 1
        end = self.ode.estimated(start, signs, context)
        nats = -(standard_normal(end.points) + log_det + end.log_det).mean()
        return nats, {"evaluations": torch.tensor(float(end.evaluations))}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        optimizer = Optimizer(lr=self.lr, warmup=50, decay="cosine")
        return [Update("ffjord", self.loss, self.parameters(), optimizer, clip=10.0, ema=0.99)]

    @torch.no_grad()
    def log_prob(
        self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None, cond: Tensor | None = None
    ) -> LogProb:
        """log p(x), or log p(x | cond), exact to the solver's tolerance."""
        x = self.points(x)
        return LogProb(self.density(x, self.contexts(cond, len(x))), "exact")


class _Field(nn.Module):
    """The equation of (z, log-determinant), as the solver asks for it; the trace exact, or estimated by signs (B, features)."""

    def __init__(self, network: nn.Module, context: Tensor | None, signs: Tensor | None) -> None:
        super().__init__()
        self.network, self.context, self.signs = network, context, signs
        self.evaluations = 0

    def forward(self, t: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        self.evaluations += 1
        differentiated = torch.is_grad_enabled()  # by the adjoint equation
        with torch.enable_grad():
            z = state[0] if differentiated else state[0].detach()
            z = z if z.requires_grad else z.requires_grad_()
            told = [z, t.expand(len(z), 1)] + ([] if self.context is None else [self.context.to(z.dtype)])
            slope = self.network(torch.cat(told, 1))
            trace = _trace(slope, z, differentiated) if self.signs is None else _estimate(slope, z, self.signs, differentiated)
        return slope, trace


def _trace(slope: Tensor, z: Tensor, differentiated: bool) -> Tensor:
    """tr(d slope / dz), exact: (B, D), (B, D) -> (B,)."""
    total = torch.zeros_like(z[:, 0])
    for place in range(z.shape[1]):
        (row,) = torch.autograd.grad(slope[:, place].sum(), z, create_graph=differentiated, retain_graph=True)
        total = total + row[:, place]
    return total


def _estimate(slope: Tensor, z: Tensor, signs: Tensor, differentiated: bool) -> Tensor:
    """e^T (d slope / dz) e, whose expectation over e is the trace: (B,)."""
    (product,) = torch.autograd.grad(slope, z, signs, create_graph=differentiated, retain_graph=True)
    return (product * signs).sum(1)


def torchdiffeq() -> ModuleType:
    """The solvers, or an ImportError that says how to get them."""
    try:
        return importlib.import_module("torchdiffeq")
    except ImportError as error:
        raise ImportError('FFJORD needs torchdiffeq, which is not installed: pip install "worldmodels[book]"') from error
