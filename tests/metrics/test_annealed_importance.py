"""Annealed importance sampling against normalisers known in closed form and by enumeration."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels.metrics import Normaliser, annealed_importance, geometric, metropolis


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def standard(x: Tensor) -> Tensor:
    return -0.5 * (x.square() + math.log(2 * math.pi)).sum(1)


def narrow(x: Tensor) -> Tensor:
    """N((1, 1, 1), 0.5^2 I) times exp(4)."""
    return standard((x - 1.0) / 0.5) + 4.0


NARROW = 4.0 + 3 * math.log(0.5)
ANNEALED = geometric(standard, narrow)


def anneal(chains: int, steps: int, seed: int, size: float = 0.7) -> Normaliser:
    noise = generator(seed)
    start = torch.randn(chains, 3, generator=noise)
    return annealed_importance(ANNEALED, metropolis(ANNEALED, size), start, torch.linspace(0, 1, steps + 1), noise)


def test_a_gaussian_within_its_errors_which_are_small() -> None:
    found = anneal(chains=500, steps=200, seed=1)
    assert found.log_z == pytest.approx(NARROW, abs=3 * found.error)
    assert found.error < 0.05
    assert 200 < found.effective <= 500


def test_errors_are_as_large_as_the_estimates_scatter() -> None:
    found = [anneal(chains=200, steps=50, seed=seed) for seed in range(40)]
    scatter = torch.tensor([one.log_z for one in found]).std().item()
    assert scatter == pytest.approx(sum(one.error for one in found) / 40, rel=0.35)


def test_few_chains_err_low_while_the_mean_of_z_is_right() -> None:
    log_z = torch.tensor([anneal(chains=10, steps=3, seed=seed).log_z for seed in range(1000)], dtype=torch.float64)
    assert log_z.mean() < NARROW - 0.1
    ratio = (log_z - NARROW).exp()
    assert ratio.mean().item() == pytest.approx(1, abs=4 * ratio.std().item() / math.sqrt(1000))


def test_more_steps_make_weights_more_equal() -> None:
    effective = [anneal(chains=200, steps=steps, seed=1).effective for steps in (1, 10, 100)]
    assert effective[0] < effective[1] < effective[2]


def test_one_step_is_importance_sampling() -> None:
    start = torch.randn(100, 3, generator=generator(1))
    found = annealed_importance(ANNEALED, never_called, start, torch.tensor([0.0, 1.0]), generator(2), log_z_start=5.0)
    w = (narrow(start) - standard(start)).exp().double()
    assert found.log_z == pytest.approx(5 + w.mean().log().item(), rel=1e-6)
    assert found.error == pytest.approx((w.std() / w.mean() / 10).item(), rel=1e-5)
    assert found.effective == pytest.approx((w.sum() ** 2 / (w**2).sum()).item(), rel=1e-5)


def never_called(x: Tensor, b: float, noise: torch.Generator) -> Tensor:
    raise AssertionError("draws from f_0 need no move")


def test_equal_densities_have_equal_weights() -> None:
    log_f = geometric(standard, standard)
    found = annealed_importance(log_f, metropolis(log_f, 1.0), torch.zeros(8, 3), torch.linspace(0, 1, 6), generator(1))
    assert found[:3] == pytest.approx((0.0, 0.0, 8.0), abs=1e-5)


def test_the_generator_decides_and_nothing_else_is_touched() -> None:
    torch.manual_seed(1)
    before = torch.get_rng_state()
    first = anneal(chains=20, steps=20, seed=1)
    assert torch.equal(torch.get_rng_state(), before)
    assert anneal(chains=20, steps=20, seed=1)[:3] == first[:3] != anneal(chains=20, steps=20, seed=2)[:3]


def test_metropolis_keeps_its_target() -> None:
    x = torch.full((4000, 3), 3.0)
    x = metropolis(ANNEALED, size=0.6, moves=100)(x, 1.0, generator(1))
    assert x.mean(0).tolist() == pytest.approx([1.0] * 3, abs=0.05)
    assert x.std(0).tolist() == pytest.approx([0.5] * 3, abs=0.05)


def test_a_transition_may_follow_gradients() -> None:
    scale = torch.nn.Parameter(torch.tensor(2.0))
    log_f = geometric(standard, lambda x: standard(scale * x))

    def langevin(x: Tensor, b: float, noise: torch.Generator) -> Tensor:
        x = x.requires_grad_()
        slope = torch.autograd.grad(log_f(x, b).sum(), x)[0]
        return x + 0.005 * slope + 0.1 * torch.randn(x.shape, generator=noise)

    found = annealed_importance(
        log_f, langevin, torch.randn(400, 3, generator=generator(1)), torch.linspace(0, 1, 101), generator(2)
    )
    assert found.log_z == pytest.approx(-3 * math.log(2.0), abs=3 * found.error + 0.03)  # steps of finite length leave a little


class RBM(NamedTuple):
    """exp(v W h + a v + c h) over bits v and h, the bits h summed out."""

    weights: Tensor
    visible: Tensor
    hidden: Tensor

    def log_f(self, v: Tensor, b: float) -> Tensor:
        """At b = 0 the visible bits are coins as `visible` has them, and the hidden ones fair."""
        return v @ self.visible + F.softplus(b * (v @ self.weights + self.hidden)).sum(1)

    def gibbs(self, v: Tensor, b: float, noise: torch.Generator) -> Tensor:
        h = torch.sigmoid(b * (v @ self.weights + self.hidden)).bernoulli(generator=noise)
        return torch.sigmoid(self.visible + b * h @ self.weights.T).bernoulli(generator=noise)

    def log_z_by_enumeration(self) -> float:
        h = torch.tensor(list(itertools.product([0.0, 1.0], repeat=len(self.hidden))), dtype=torch.float64)
        return (h @ self.hidden + F.softplus(self.visible + h @ self.weights.T).sum(1)).logsumexp(0).item()


@pytest.mark.parametrize("strength", [0.5, 1.5])
def test_a_boltzmann_machine_as_by_enumeration(strength: float) -> None:
    noise = generator(1)
    parts = (torch.randn(shape, generator=noise, dtype=torch.float64) for shape in ((20, 10), (20,), (10,)))
    rbm = RBM(*(strength * part for part in parts))
    start = rbm.visible.sigmoid().expand(500, -1).bernoulli(generator=noise)
    log_z_start = 10 * math.log(2) + F.softplus(rbm.visible).sum().item()
    found = annealed_importance(rbm.log_f, rbm.gibbs, start, torch.linspace(0, 1, 501), noise, log_z_start)
    assert found.log_z == pytest.approx(rbm.log_z_by_enumeration(), abs=0.1)


@pytest.mark.parametrize(
    "betas", [[0.0], [0.1, 1.0], [0.0, 0.9], [0.0, 0.5, 0.5, 1.0], [0.0, 0.6, 0.4, 1.0], [0.0, math.nan, 1.0]]
)
def test_betas_that_do_not_rise_from_0_to_1_are_refused(betas: list[float]) -> None:
    with pytest.raises(ValueError, match="rise from 0 to 1"):
        annealed_importance(ANNEALED, metropolis(ANNEALED, 1.0), torch.zeros(5, 3), torch.tensor(betas), generator(1))


def test_one_chain_and_a_target_without_support_are_refused() -> None:
    betas = torch.linspace(0, 1, 3)
    with pytest.raises(ValueError, match="two chains"):
        annealed_importance(ANNEALED, metropolis(ANNEALED, 1.0), torch.zeros(1, 3), betas, generator(1))
    half = geometric(standard, lambda x: torch.where(x[:, 0] > 0, 0.0, -math.inf))
    with pytest.raises(ValueError, match="cover the target"):
        annealed_importance(half, metropolis(half, 1.0), torch.zeros(5, 3), betas, generator(1))
