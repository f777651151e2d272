"""Every bijector against autograd: the log-determinant it answers is that of the Jacobian, and there is a way back."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genmodels.distributions.bijectors import (
    ActNorm,
    Affine,
    AffineElements,
    Bijector,
    Compose,
    Coupling,
    Elements,
    Flatten,
    Invert,
    Logit,
    LUConvolution,
    Permutation,
    SplineElements,
    Split,
    Squeeze,
)

IMAGE = (4, 2, 2)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def coupling(elements: Elements, channels: int, kept: int, context: int = 0) -> Coupling:
    """Of vectors."""
    outputs = (channels - kept) * elements.numbers
    return Coupling(nn.Sequential(nn.Linear(kept + context, 8), nn.Tanh(), nn.Linear(8, outputs)), elements, kept)


def image_coupling(elements: Elements, context: int = 0) -> Coupling:
    """Of images of four channels."""
    return Coupling(nn.Conv2d(2 + context, 2 * elements.numbers, 3, padding=1), elements, 2)


@dataclass(frozen=True)
class Case:
    """A bijector, the shape of what it takes, the features of its context, and whether it takes [0, 1] alone."""

    name: str
    build: Callable[[], Bijector]
    shape: tuple[int, ...]
    context: int = 0
    unit: bool = False

    def stirred(self) -> Bijector:
        """In float64, with no parameter as it starts."""
        torch.manual_seed(0)
        bijector = self.build().double()
        for parameter in bijector.parameters():
            parameter.data += 0.3 * torch.randn(parameter.shape, generator=seeded(1)).double()
        return bijector

    def data(self, n: int = 3) -> tuple[Tensor, Tensor | None]:
        """Points and contexts."""
        draw = torch.rand if self.unit else torch.randn
        x = (1 if self.unit else 2) * draw(n, *self.shape, generator=seeded(2), dtype=torch.float64)
        return x, torch.randn(n, self.context, generator=seeded(3), dtype=torch.float64) if self.context else None


CASES = [
    Case("affine", lambda: Affine(scale=torch.tensor([2.0, -0.5, 3.0]), shift=1.0), (3,)),
    Case("affine, one number for all", lambda: Affine(scale=0.5, shift=torch.tensor(-1.0)), IMAGE),
    Case("actnorm", lambda: ActNorm(3), (3,)),
    Case("actnorm of images", lambda: ActNorm(4), IMAGE),
    Case("lu", lambda: LUConvolution(3), (3,)),
    Case("lu 1x1 convolution", lambda: LUConvolution(4), IMAGE),
    Case("logit", lambda: Logit(0.01), IMAGE, unit=True),
    Case("permutation", lambda: Permutation((2, 0, 1)), (3,)),
    Case("permutation of images", lambda: Permutation.reverse(4), IMAGE),
    Case("squeeze", Squeeze, (2, 2, 4)),
    Case("flatten", lambda: Flatten(IMAGE), IMAGE),
    Case("split", lambda: Split(Compose([ActNorm(2), Flatten((2, 2, 2))]), IMAGE), IMAGE),
    Case("affine coupling", lambda: coupling(AffineElements(), 3, 1), (3,)),
    Case("affine coupling of images", lambda: image_coupling(AffineElements()), IMAGE),
    Case("affine coupling with a context", lambda: coupling(AffineElements(), 3, 1, 2), (3,), 2),
    Case("spline coupling", lambda: coupling(SplineElements(5, 3.0), 3, 2), (3,)),
    Case("spline coupling of images", lambda: image_coupling(SplineElements(4)), IMAGE),
    Case("spline coupling of images with a context", lambda: image_coupling(SplineElements(4), 2), IMAGE, 2),
    Case("compose", lambda: Compose([ActNorm(3), LUConvolution(3), coupling(SplineElements(4), 3, 1)]), (3,)),
    Case("compose of nothing", lambda: Compose([]), (3,)),
    Case("invert", lambda: Invert(Compose([coupling(AffineElements(), 3, 1), LUConvolution(3)])), (3,)),
    Case(
        "two scales with a context",
        lambda: Compose([Squeeze(), image_coupling(AffineElements(), 1), Split(Flatten((2, 1, 2)), (4, 1, 2))]),
        (1, 2, 4),
        1,
    ),
]
every_case = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def slogdet(function: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """log |det| of the Jacobian of a function of single examples, by autograd: (B,)."""
    jacobians = [torch.autograd.functional.jacobian(lambda row: function(row[None])[0].flatten(), row) for row in x]
    return torch.stack([torch.linalg.slogdet(j.view(row.numel(), -1)).logabsdet for j, row in zip(jacobians, x, strict=True)])


@every_case
def test_the_log_det_is_that_of_the_jacobian(case: Case) -> None:
    bijector = case.stirred()
    x, context = case.data()
    y, log_det = bijector(x, context)
    back, log_det_back = bijector.inverse(y, context)
    assert log_det.shape == log_det_back.shape == (len(x),)
    assert torch.equal(bijector.log_det(x, context), log_det)
    for row in range(len(x)):
        told = None if context is None else context[row : row + 1]
        there = slogdet(lambda a, told=told: bijector(a, told)[0], x[row : row + 1])
        again = slogdet(lambda a, told=told: bijector.inverse(a, told)[0], y[row : row + 1])
        torch.testing.assert_close(log_det[row : row + 1], there, rtol=0, atol=1e-6)
        torch.testing.assert_close(log_det_back[row : row + 1], again, rtol=0, atol=1e-6)
    torch.testing.assert_close(back, x, rtol=0, atol=1e-8)


@every_case
def test_there_is_a_way_back_from_anywhere(case: Case) -> None:
    bijector = case.stirred()
    x, context = case.data()
    y = bijector(x, context)[0].detach()
    y = 3 * torch.randn(y.shape, generator=seeded(4)).double()
    back, log_det_back = bijector.inverse(y, context)
    there, log_det = bijector(back, context)
    torch.testing.assert_close(there, y, rtol=0, atol=1e-8)
    torch.testing.assert_close(log_det, -log_det_back, rtol=0, atol=1e-6)


@every_case
def test_in_float32_too(case: Case) -> None:
    bijector = case.stirred().float()
    x, context = case.data()
    x, context = x.float(), None if context is None else context.float()
    y, log_det = bijector(x, context)
    assert y.dtype == log_det.dtype == torch.float32
    torch.testing.assert_close(bijector.inverse(y, context)[0], x, rtol=0, atol=1e-3)  # stirred, slopes are steep


def test_a_density_made_by_bijectors_sums_to_one() -> None:
    torch.manual_seed(0)
    bijectors = [part for _ in range(2) for part in (coupling(AffineElements(1.0), 2, 1), Permutation.reverse(2), ActNorm(2))]
    flow = Compose([*bijectors, coupling(SplineElements(4, 3.0), 2, 1)]).double()
    axis = torch.linspace(-12, 12, 401, dtype=torch.float64)
    with torch.no_grad():
        z, log_det = flow(torch.cartesian_prod(axis, axis))
    log_p = -z.square().sum(1) / 2 - math.log(2 * math.pi) + log_det
    assert log_p.exp().sum().item() * 0.06**2 == pytest.approx(1.0, abs=1e-3)


# --------------------------------------------------------------------------------------------------------------- linear


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5)])
def test_actnorm_makes_the_first_batch_standard(shape: tuple[int, ...]) -> None:
    scale = torch.tensor([0.1, 1.0, 30.0]).view(-1, *[1] * (len(shape) - 1))
    x = scale * torch.randn(64, *shape, generator=seeded()) + 7.0
    norm = ActNorm(3)
    y = norm.initialise(x)
    torch.testing.assert_close(norm(x)[0], y)
    each = y.transpose(0, 1).flatten(1)
    torch.testing.assert_close(each.mean(1), torch.zeros(3), rtol=0, atol=1e-4)
    torch.testing.assert_close(each.var(1, correction=0), torch.ones(3), rtol=1e-4, atol=0)


def test_actnorm_of_a_constant_channel_is_finite() -> None:
    assert ActNorm(2).initialise(torch.ones(8, 2)).isfinite().all()


def test_each_bijector_is_initialised_by_what_reaches_it() -> None:
    """Also behind a split, and by what those before it make of the batch once they are initialised."""
    norms = [ActNorm(4), ActNorm(4), ActNorm(2)]
    deeper = Compose([norms[2], Flatten((2, 2, 2))])
    flow = Compose([norms[0], Affine(5.0, 1.0), norms[1], Split(deeper, IMAGE)])
    x = 3 * torch.randn(32, *IMAGE, generator=seeded()) - 2
    y = flow.initialise(x)
    torch.testing.assert_close(y, flow(x)[0])
    torch.testing.assert_close(norms[1].log_scale.exp(), torch.full((4,), 0.2))
    torch.testing.assert_close(norms[2].log_scale.exp(), torch.ones(2))


def test_an_lu_convolution_starts_as_a_rotation() -> None:
    torch.manual_seed(0)
    rotation = LUConvolution(5)
    matrix = rotation(torch.eye(5))[0].detach()
    torch.testing.assert_close(matrix @ matrix.T, torch.eye(5), rtol=0, atol=1e-5)
    torch.testing.assert_close(rotation.log_det(torch.zeros(1, 5)), torch.zeros(1), rtol=0, atol=1e-5)
    assert not torch.allclose(matrix, matrix.tril())


def test_an_lu_convolution_keeps_its_precision_under_autocast() -> None:
    convolution, x = LUConvolution(4), torch.randn(2, *IMAGE, generator=seeded())
    with torch.autocast("cpu", torch.bfloat16):
        y, _ = convolution(x)
    torch.testing.assert_close(y, convolution(x)[0], rtol=0, atol=0)


# ---------------------------------------------------------------------------------------------------------- arrangement


def test_a_squeeze_puts_blocks_into_channels() -> None:
    x = torch.arange(16.0).view(1, 1, 4, 4)
    y, log_det = Squeeze()(x)
    assert y.shape == (1, 4, 2, 2)
    assert y[0, :, 0, 1].tolist() == [2.0, 3.0, 6.0, 7.0]  # the block at the upper right
    assert log_det.tolist() == [0.0]


def test_a_split_keeps_the_second_half() -> None:
    x = torch.randn(2, *IMAGE, generator=seeded())
    y, log_det = Split(Compose([Affine(2.0), Flatten((2, 2, 2))]), IMAGE)(x)
    assert torch.equal(y, torch.cat([2 * x[:, :2].flatten(1), x[:, 2:].flatten(1)], 1))
    torch.testing.assert_close(log_det, torch.full((2,), 8 * math.log(2)))


# ------------------------------------------------------------------------------------------------------------- elements


@pytest.mark.parametrize("elements", [AffineElements(), SplineElements(8, 5.0)], ids=["affine", "spline"])
def test_zeros_are_the_identity(elements: Elements) -> None:
    x = torch.linspace(-6, 6, 101)
    y, log_slope = elements.forward(x, torch.zeros(101, elements.numbers))
    torch.testing.assert_close(y, x, rtol=0, atol=1e-5)
    torch.testing.assert_close(log_slope, torch.zeros(101), rtol=0, atol=1e-5)


def test_a_spline_is_the_identity_outside_its_box_and_smooth_within() -> None:
    spline = SplineElements(bins=6, bound=2.0)
    raw = torch.randn(spline.numbers, generator=seeded()).double()
    x = torch.linspace(-3, 3, 60_001, dtype=torch.float64)
    y, log_slope = spline.forward(x, raw.expand(len(x), -1))
    outside = x.abs() >= 2.0
    assert torch.equal(y[outside], x[outside])
    assert (log_slope[outside] == 0).all()
    assert (y.diff() > 0).all()
    slope = log_slope.exp()
    torch.testing.assert_close(y.diff() / x.diff(), (slope[1:] + slope[:-1]) / 2, rtol=1e-3, atol=0)
    assert log_slope.diff().abs().max() < 0.02  # continuous at the knots and at the ends of the box
    assert slope.min() < 0.8 < 1.2 < slope.max()


def test_log_slopes_of_an_affine_coupling_are_bounded() -> None:
    raw = torch.tensor([[1e6, 0.0], [-1e6, 0.0]])
    _, log_slope = AffineElements(reach=2.0).forward(torch.ones(2), raw)
    torch.testing.assert_close(log_slope, torch.tensor([2.0, -2.0]))


# ------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: Affine(0.0), "scale"),
        (lambda: Logit(0.0), "margin"),
        (lambda: Logit(0.5), "margin"),
        (lambda: Affine(torch.tensor([1.0, math.inf])), "scale"),
        (lambda: Permutation((0, 0)), "order"),
        (lambda: Split(Compose([]), (3, 2, 2)), "shape"),
        (lambda: Coupling(nn.Identity(), AffineElements(), 0), "kept"),
        (lambda: AffineElements(0.0), "reach"),
        (lambda: SplineElements(1), "bins"),
        (lambda: SplineElements(8, -1.0), "bound"),
        (lambda: Squeeze()(torch.zeros(1, 1, 3, 4)), "even sides"),
    ],
)
def test_what_cannot_be_inverted_is_refused(build: Callable[[], Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build()
