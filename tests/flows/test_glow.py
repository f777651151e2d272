"""Flows of images: maps in scales, ways back to the bit of a pixel, and bounds against the probabilities they bound."""

import itertools
import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from genmodels.distributions.bijectors import LUConvolution, Split
from genmodels.flows import Glow, MultiScaleRealNVP
from genmodels.flows.dequantisation import UniformDequantisation, VariationalDequantisation
from genmodels.flows.image_flow import ImageFlow
from genmodels.training import fit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(model: type[ImageFlow] = Glow, **arguments: Any) -> Any:
    """A flow of images no part of which is still zero."""
    torch.manual_seed(0)
    defaults: dict[str, Any] = {"shape": (1, 4, 4), "scales": 2, "steps": 2, "width": 4}
    built = model(**defaults | arguments)
    with torch.no_grad():
        for parameter in built.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return built


KINDS: list[tuple[type[ImageFlow], dict[str, Any]]] = [
    (Glow, {}),
    (Glow, {"coupling": "spline", "dequantisation": "uniform"}),
    (Glow, {"shape": (3, 4, 2), "scales": 1, "context": 2}),
    (MultiScaleRealNVP, {"dequantisation": "variational"}),
    (MultiScaleRealNVP, {"shape": (2, 4, 8), "coupling": "spline"}),
]
every_kind = pytest.mark.parametrize(("model", "arguments"), KINDS)


def contexts(model: Any, n: int) -> Tensor | None:
    return torch.randn(n, model.context, generator=seeded(9)) if model.context else None


@every_kind
def test_the_log_det_of_all_scales_is_that_of_the_jacobian(model: type[ImageFlow], arguments: dict[str, Any]) -> None:
    flow = small(model, **arguments).double()
    x = torch.rand(2, *flow.shape, generator=seeded()).double()
    cond = contexts(flow, 2)
    log_det = flow.bijector.log_det(x, cond)
    for row in range(2):
        told = None if cond is None else cond[row : row + 1]
        jacobian = torch.autograd.functional.jacobian(lambda a, told=told: flow.bijector(a[None], told)[0][0], x[row])
        expected = torch.linalg.slogdet(jacobian.view(flow.latent_size, flow.latent_size)).logabsdet
        torch.testing.assert_close(log_det[row], expected, rtol=0, atol=1e-6)


@every_kind
def test_an_image_comes_back(model: type[ImageFlow], arguments: dict[str, Any]) -> None:
    flow = small(model, **arguments)
    x = torch.randint(256, (5, *flow.shape), generator=seeded()) / 255
    cond = contexts(flow, 5)
    z = flow.encode(x, cond)
    assert z.shape == (5, math.prod(flow.shape))
    torch.testing.assert_close(flow.decode(z, cond), x, rtol=0, atol=1e-3)  # a quarter of a level


def test_the_halves_that_are_split_off_are_told_by_those_that_go_on() -> None:
    """The coupling before a split, and the split itself, stand at every scale but the last."""
    flow = small(shape=(1, 8, 8), scales=3)
    assert sum(isinstance(part, Split) for part in flow.modules()) == 2
    assert sum(isinstance(part, LUConvolution) for part in flow.modules()) == 6
    assert not any(isinstance(part, LUConvolution) for part in small(MultiScaleRealNVP).modules())


# -------------------------------------------------------------------------------------------------------- dequantisation


def all_images(levels: int) -> Tensor:
    """Every image of 2 x 2 pixels of so many levels."""
    values = [level / (levels - 1) for level in range(levels)]
    return torch.tensor(list(itertools.product(values, repeat=4))).view(-1, 1, 2, 2)


@pytest.mark.parametrize("dequantisation", ["uniform", "variational"])
def test_no_bound_is_above_and_many_draws_come_close(dequantisation: str) -> None:
    """P of all images sums to the mass within [0, 1]: at most one. With many draws the bound rises towards it."""
    flow = small(shape=(1, 2, 2), scales=1, levels=3, dequantisation=dequantisation)
    x = all_images(3)
    one, many = (flow.log_prob(x, samples=k, generator=seeded()).nats for k in (1, 100))
    corners = torch.rand(60_000, 4, generator=seeded(1)).view(-1, 1, 2, 2)
    with torch.no_grad():
        mass = flow.density(corners, None).exp().mean().item()  # of the unit cube, whose volume is 1
    assert many.exp().sum().item() == pytest.approx(mass, rel=0.1)
    assert one.mean() < many.mean()
    assert flow.log_prob(x).kind == "bound"


@pytest.mark.parametrize("pixel", [0.0, 1.0])
def test_noise_lies_within_a_level_and_its_density_is_its_own(pixel: float) -> None:
    torch.manual_seed(0)
    x = torch.full((20_000, 1, 2, 2), pixel)
    for q in (UniformDequantisation(), VariationalDequantisation((1, 2, 2), 4)):
        noise, log_q = q(x, seeded())
        assert noise.min() >= 0.0
        assert noise.max() <= 1.0
        assert noise.mean().item() == pytest.approx(0.5, abs=0.02)
        # E_q [1 / q] is the volume of what q covers, 1
        assert (-log_q).exp().mean().item() == pytest.approx(1.0, abs=0.1)


def test_levels_of_bytes_and_floats_are_the_same() -> None:
    flow = small()
    as_bytes = torch.arange(256, dtype=torch.uint8).view(16, 1, 4, 4)
    whole = flow._whole(as_bytes)
    assert torch.equal(whole.flatten(), torch.arange(256.0))
    assert torch.equal(flow._whole(as_bytes.float() / 255), whole)


# -------------------------------------------------------------------------------------------------------------- samples


def test_samples_are_at_levels_and_colder_ones_nearer_to_the_middle() -> None:
    flow = small(levels=5)
    warm = flow.sample(200, generator=seeded())
    assert set((4 * warm).unique().tolist()) == {0.0, 1.0, 2.0, 3.0, 4.0}
    cold, cool = (flow.sample(200, temperature=t, generator=seeded()) for t in (1e-6, 0.3))
    assert cold.std(0).mean() < cool.std(0).mean() < warm.std(0).mean()


def test_a_context_is_told_at_every_scale() -> None:
    torch.manual_seed(0)
    context = torch.eye(2)[torch.arange(64) % 2]
    x = context[:, :1, None, None].expand(-1, 1, 4, 4) * 0.5 + 0.1 * torch.rand(64, 1, 4, 4, generator=seeded())
    flow = Glow(shape=(1, 4, 4), scales=2, steps=1, width=8, context=2, lr=1e-2)
    flow.fit(TensorDataset(x, context), steps=60, batch_size=32, precision="fp32", device="cpu")
    told, mistaken = (flow.log_prob(x, cond=c, generator=seeded()).nats.mean() for c in (context, 1 - context))
    assert told > mistaken + 1
    with pytest.raises(ValueError, match="cond: a context for each example"):
        flow.sample(2)


# ------------------------------------------------------------------------------------------------------------- training


def test_the_first_batch_makes_every_actnorm_standard() -> None:
    torch.manual_seed(0)
    flow = Glow(shape=(1, 4, 4), width=4)
    x = 0.3 * torch.rand(256, 1, 4, 4, generator=seeded())
    flow.loss(x)
    z = flow.encode(x)
    assert z.mean(0).abs().mean() < 0.3
    assert z.std(0).mean().item() == pytest.approx(1.0, abs=0.2)


def test_it_trains_in_bfloat16_with_channels_last() -> None:
    torch.manual_seed(0)
    flow = Glow(shape=(1, 4, 4), width=4, steps=1)
    x = torch.rand(32, 1, 4, 4, generator=seeded())
    fitted = fit(flow, flow.updates(), lambda step: x, steps=3, precision="bf16", device="cpu", quiet=True)
    assert fitted.skipped == 0
    torch.testing.assert_close(flow.reconstruct(x), flow.examples(flow.points(x)), rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (4, 4)}, "shape: an image"),
        ({"scales": 3}, r"scales: sides of \(4, 4\) pixels cannot be halved 3 times"),
        ({"scales": 0}, "scales: at least 1"),
        ({"steps": 0}, "steps: at least 1"),
        ({"width": 0}, "width: at least 1"),
        ({"levels": 1}, "levels: at least 2"),
        ({"context": -1}, "context: at least 0"),
        ({"coupling": "cubic"}, "coupling is 'affine' or 'spline', not 'cubic'"),
        ({"dequantisation": "none"}, "dequantisation is 'uniform' or 'variational', not 'none'"),
    ],
)
def test_arguments_it_cannot_use_are_named(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Glow(**{"shape": (1, 4, 4), **arguments})


def test_pixels_outside_of_the_unit_interval_are_refused() -> None:
    with pytest.raises(ValueError, match=r"floats in \[0, 1\]"):
        small().log_prob(torch.full((1, 1, 4, 4), 1.5))
