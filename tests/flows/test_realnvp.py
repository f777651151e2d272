"""Flows of vectors: densities that sum to one, ways back, what the first batch sets, contexts."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from genmodels.data import Moons
from genmodels.flows import RealNVP
from genmodels.metrics.grid_normalisation import grid_normalised
from genmodels.model import load
from genmodels.training import Optimizer, Shuffled, Update, fit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(**arguments: Any) -> RealNVP:
    """A RealNVP no part of which is still zero."""
    torch.manual_seed(0)
    defaults: dict[str, Any] = {"features": 2, "layers": 3, "width": 8}
    model = RealNVP(**defaults | arguments)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


@pytest.mark.parametrize("coupling", ["affine", "spline"])
def test_the_density_sums_to_one(coupling: str) -> None:
    model = small(coupling=coupling)
    low, high = torch.full((2,), -9.0), torch.full((2,), 9.0)
    density = grid_normalised(lambda x: model.log_prob(x).nats, low, high, cells=256)
    assert density.log_z == pytest.approx(0.0, abs=2e-3)


@pytest.mark.parametrize("coupling", ["affine", "spline"])
@pytest.mark.parametrize("features", [2, 3, 5])
def test_decode_is_the_inverse_of_encode(coupling: str, features: int) -> None:
    model = small(features=features, coupling=coupling)
    x = torch.randn(50, features, generator=seeded())
    torch.testing.assert_close(model.decode(model.encode(x)), x, rtol=0, atol=1e-4)
    torch.testing.assert_close(model.encode(model.decode(x)), x, rtol=0, atol=1e-4)


def test_every_number_is_changed_as_others_say() -> None:
    """With three couplings each latent depends on each feature."""
    model = small(features=4, layers=4)
    jacobian = torch.autograd.functional.jacobian(lambda x: model.encode(x[None])[0], torch.randn(4, generator=seeded()))
    assert (jacobian != 0).all()


def test_untrained_it_is_the_standard_normal() -> None:
    x = torch.randn(8, 2, generator=seeded())
    expected = -x.square().sum(1) / 2 - math.log(2 * math.pi)
    torch.testing.assert_close(RealNVP(layers=4, width=8).log_prob(x).nats, expected)


# ------------------------------------------------------------------------------------------------------ the first batch


def test_the_first_batch_is_made_standard_once() -> None:
    model = RealNVP(layers=2, width=8)
    x = 5 * torch.randn(64, 2, generator=seeded()) + 3
    model.log_prob(x)
    model.encode(x)
    assert not model.initialised
    model.loss(x)
    assert model.initialised
    z = model.encode(x)
    torch.testing.assert_close(z.mean(0), torch.zeros(2), rtol=0, atol=1e-4)
    torch.testing.assert_close(z.std(0, correction=0), torch.ones(2), rtol=0, atol=1e-4)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    model.loss(x + 100)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_saved_model_knows_that_it_was_initialised(tmp_path: Path) -> None:
    model = RealNVP(layers=2, width=8)
    x = 5 * torch.randn(64, 2, generator=seeded()) + 3
    model.loss(x)
    model.save(tmp_path)
    again = load(tmp_path).train()
    assert isinstance(again, RealNVP)
    assert again.initialised
    again.loss(x + 100)
    torch.testing.assert_close(again.encode(x), model.encode(x), rtol=0, atol=0)


def test_timing_the_precisions_does_not_initialise() -> None:
    """What `fit` tries out beforehand leaves no trace, so the first step sets what it would have set."""
    states = []
    for again in range(2):
        torch.manual_seed(0)
        model = RealNVP(layers=2, width=8)
        batches = Shuffled(4 * torch.randn(64, 2, generator=seeded()) - 1, 16)
        if again:  # as `_faster_precision` does
            before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
            model.loss(batches(1))
            model.load_state_dict(before)
        fit(model, model.updates(), batches, steps=3, precision="fp32", device="cpu", quiet=True)
        states.append(model.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_a_run_that_was_cut_short_ends_with_the_same_bits(tmp_path: Path) -> None:
    batches = Shuffled(4 * torch.randn(64, 2, generator=seeded()) - 1, 16)
    states = []
    for name, parts in (("whole", (4,)), ("resumed", (1, 4))):
        for steps in parts:
            torch.manual_seed(0)
            model = RealNVP(layers=2, width=8)
            update = Update("realnvp", model.loss, model.parameters(), Optimizer(lr=1e-2), ema=0.9)
            fit(model, [update], batches, steps=steps, folder=tmp_path / name, precision="fp32", device="cpu", quiet=True)
        states.append(model.state_dict())
    assert states[0]["initialised"]
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


# ------------------------------------------------------------------------------------------------ temperature, contexts


def test_temperature_scales_the_latents_by_its_root() -> None:
    model = small()
    warm, cold = (model.encode(model.sample(500, temperature=t, generator=seeded())) for t in (1.0, 0.25))
    torch.testing.assert_close(cold, warm / 2, rtol=0, atol=1e-4)


def labelled_moons(n: int) -> tuple[Tensor, Tensor]:
    """Points, and as their context the side of a line that they come from."""
    side = torch.arange(n) % 2
    x = torch.randn(n, 2, generator=seeded()) * 0.3 + 4.0 * side[:, None] - 2.0
    return x, torch.stack([side, 1 - side], 1).float()


def test_a_context_tells_which_of_two_clouds() -> None:
    torch.manual_seed(0)
    x, context = labelled_moons(512)
    model = RealNVP(layers=2, width=16, context=2)
    update = Update("realnvp", model.loss, model.parameters(), Optimizer(lr=2e-2, decay="linear"))
    batches = Shuffled(TensorDataset(x, context), 128)
    fit(model, [update], batches, steps=100, precision="fp32", device="cpu", quiet=True)
    told, mistaken = (model.log_prob(x, cond=c).nats.mean() for c in (context, 1 - context))
    assert told > mistaken + 1
    made = model.sample(200, cond=context[:200], generator=seeded())
    assert ((made.mean(1) > 0) == (context[:200, 0] == 1)).float().mean() > 0.9
    torch.testing.assert_close(model.reconstruct(x, context), x, rtol=0, atol=1e-4)
    assert model.interpolate(x[:3], x[3:6], 4, cond=context[:3]).shape == (3, 4, 2)


def test_a_context_is_asked_for_and_refused() -> None:
    conditional, plain, x = small(context=3), small(), torch.zeros(4, 2)
    for call in (conditional.encode, conditional.log_prob, conditional.decode, conditional.reconstruct):
        with pytest.raises(ValueError, match=r"cond: a context for each example is needed, \(4, 3\), not none"):
            call(x)
    with pytest.raises(ValueError, match=r"cond: .* not \(4, 2\)"):
        conditional.sample(4, cond=torch.zeros(4, 2))
    with pytest.raises(ValueError, match="not conditional"):
        plain.log_prob(x, cond=torch.zeros(4, 3))


@pytest.mark.parametrize(
    "arguments", [{"features": 1}, {"layers": 0}, {"width": 0}, {"depth": 0}, {"coupling": "cubic"}, {"context": -1}]
)
def test_arguments_it_cannot_use_are_named(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(arguments))):
        RealNVP(**arguments)


# ------------------------------------------------------------------------------------------------------------- training


def test_it_learns_the_moons() -> None:
    torch.manual_seed(0)
    moons = Moons(sd=0.1)
    model = RealNVP(layers=6, width=32)
    update = Update("realnvp", model.loss, model.parameters(), Optimizer(lr=1e-2, decay="linear"))
    fit(model, [update], Shuffled(moons.sample(5_000, 0), 256), steps=200, precision="fp32", device="cpu", quiet=True)
    test = moons.sample(1_000, 1)
    gap = (moons.log_prob(test) - model.log_prob(test).nats).mean().item()
    assert -0.02 < gap < 0.6  # a Gaussian of their covariance is 0.9 away


def test_it_trains_in_bfloat16() -> None:
    torch.manual_seed(0)
    model = RealNVP(layers=2, width=8)
    fitted = fit(
        model, model.updates(), Shuffled(Moons().sample(64, 0), 16), steps=3, precision="bf16", device="cpu", quiet=True
    )
    assert fitted.skipped == 0
    x = Moons().sample(20, 1)
    torch.testing.assert_close(model.reconstruct(x), x, rtol=0, atol=1e-4)
