"""Deep energies: their chains, their buffer, and what they learn."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.energy import EnergyModel
from genmodels.metrics import grid_normalised
from genmodels.training import Hook, Shuffled, fit

PLANE = {"shape": (2,), "width": 32, "chains": 256, "step": 0.02, "noise": None, "clip": None, "penalty": 1e-3}


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plane(**arguments: Any) -> EnergyModel:
    torch.manual_seed(0)
    return EnergyModel(**{**PLANE, **arguments})  # type: ignore[arg-type]


def train(model: EnergyModel, data: Tensor, steps: int, **arguments: Any) -> None:
    fit(model, model.updates(), Shuffled(data, 64), steps=steps, precision="fp32", device="cpu", quiet=True, **arguments)


def flattened(model: EnergyModel) -> EnergyModel:
    """The same with an energy of zero everywhere."""
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
    return model


def test_without_an_energy_it_is_the_density_where_chains_begin() -> None:
    """A standard normal one for vectors, which is normalised; in the cube of images, a uniform one."""
    model = flattened(plane(length=100))
    edge = torch.tensor([8.0, 8.0])
    assert grid_normalised(model.log_f, -edge, edge).log_z == pytest.approx(0.0, abs=1e-4)
    samples = model.sample(2000, generator=seeded())
    torch.testing.assert_close(samples.std(0), torch.ones(2), rtol=0, atol=0.07)
    images = flattened(EnergyModel(shape=(1, 8, 8), width=4, chains=2))
    assert images.log_f(torch.rand(3, 1, 8, 8)).tolist() == [0.0] * 3


def test_the_loss_is_the_gap_of_energies_and_the_penalty() -> None:
    model = plane(restart=0.0, blur=0.0, penalty=0.5).train()
    data = torch.randn(32, 2, generator=seeded())
    torch.manual_seed(1)
    loss, figures = model.loss(data)
    torch.manual_seed(1)
    rows = torch.randperm(256)[:32]
    low, high = model.energy(data), model.energy(model.replay[rows])  # to where the chains have gone
    torch.testing.assert_close(figures["difference"], low.mean() - high.mean())
    torch.testing.assert_close(loss, low.mean() - high.mean() + 0.5 * (low.square().mean() + high.square().mean()))


def test_no_gradient_goes_through_the_chains() -> None:
    """What the samples are is not for the weights to change: only what they cost."""
    model = plane()
    assert not model._continued(16).requires_grad
    with torch.no_grad():
        assert torch.isfinite(model.walk(torch.zeros(3, 2), 2)).all()
    assert all(parameter.grad is None for parameter in model.parameters())


def test_chains_go_on_where_they_were_left_and_some_begin_anew() -> None:
    model = plane(restart=0.25, steps=1, step=1e-8)
    with torch.no_grad():
        model.replay.fill_(50.0)  # far from where any chain begins
    model.train().loss(torch.zeros(128, 2))
    moved = (model.replay < 25.0).all(1).float().mean().item()
    assert moved == pytest.approx(0.25 / 2, abs=0.06)  # a quarter of the half that a batch moves
    before = model.replay.clone()
    model.eval().loss(torch.zeros(128, 2))
    assert torch.equal(model.replay, before)


def test_by_metropolis_rule_chains_keep_the_density_and_change_modes() -> None:
    """The energy is 0 right of the middle and log 3 left of it, and all chains begin at the left: a quarter stays."""
    model = plane(restart=1.0, metropolis=True, steps=1, step=1e-8, chains=2000).train()
    model.energy = lambda x: math.log(3.0) * (x[:, 0] < 0).float() + 0.0 * x[:, 0]  # type: ignore[method-assign]
    with torch.no_grad():
        model.replay.copy_(torch.tensor([-1.0, 0.0]))
    torch.manual_seed(0)
    for _ in range(10):
        model._continued(2000)
    assert (model.replay[:, 0] < 0).float().mean().item() == pytest.approx(0.25, abs=0.04)


def test_the_buffer_is_saved_and_a_run_that_was_cut_short_ends_with_the_same_bits(tmp_path: Path) -> None:
    data = torch.randn(128, 2, generator=seeded())
    whole = plane(steps=2)
    train(whole, data, 12)

    def cut(step: int) -> None:
        if step == 6:
            raise RuntimeError("cut")

    saves = Hook(5, lambda step: {"score": 0.0}, score="score")
    with pytest.raises(RuntimeError, match="cut"):
        train(plane(steps=2), data, 12, folder=tmp_path, hooks=[saves, Hook(1, cut)])
    resumed = plane(steps=2)
    train(resumed, data, 12, folder=tmp_path, hooks=[saves])
    for name, tensor in whole.state_dict().items():
        assert torch.equal(tensor, resumed.state_dict()[name]), name
    whole.save(tmp_path / "model")
    assert torch.equal(EnergyModel.load(tmp_path / "model").replay, whole.replay)


def test_half_precision_of_the_loop_leaves_chains_in_full() -> None:
    model = EnergyModel(shape=(1, 8, 8), width=4, chains=16, steps=2).train()
    with torch.autocast("cpu", torch.bfloat16):
        loss, _ = model.loss(torch.rand(8, 1, 8, 8))
    assert loss.dtype == model.replay.dtype == torch.float32
    assert model.replay.min() >= 0.0
    assert model.replay.max() <= 1.0


def test_it_learns_a_density() -> None:
    """Two Gaussians: nats by a grid, and samples at both."""
    data = 0.4 * torch.randn(2000, 2, generator=seeded()) + torch.tensor([1.0, 0.0]) * (
        1 - 2 * (torch.arange(2000)[:, None] % 2)
    )
    model = plane(steps=5, length=300, lr=3e-3, restart=1.0, metropolis=True)
    train(model, data, 150)
    edge = torch.tensor([6.0, 6.0])
    nats = -grid_normalised(model.log_f, -edge, edge).log_prob(data).nats.mean().item()
    exact = math.log(2 * math.pi * math.e * 0.16) + math.log(2)  # the modes hardly overlap
    assert nats < exact + 0.15
    samples = model.sample(500, generator=seeded())
    assert 0.3 < (samples[:, 0] > 0).float().mean() < 0.7
    assert samples[:, 0].abs().mean().item() == pytest.approx(1.0, abs=0.15)


def test_what_is_not_normalised_keeps_no_best_checkpoint() -> None:
    model = plane()
    assert model.log_prob(torch.zeros(1, 2)).kind == "unnormalised"
    assert model.validation(torch.zeros(4, 2), 2) is None


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"chains": 0}, "chains are at least 1, not 0"),
        ({"restart": 1.5}, r"restart is a share in \[0, 1\], not 1.5"),
        ({"steps": 0}, "steps and length are at least 1, not 0 and 200"),
    ],
)
def test_what_cannot_be_built_says_why(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plane(**wrong)
