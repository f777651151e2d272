"""Score matching against scores and traces that are known."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.energy import NCSN, denoising, sliced, sliced_trace
from genmodels.training import Shuffled, fit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def plane(**arguments: Any) -> NCSN:
    torch.manual_seed(0)
    return NCSN(**{"shape": (2,), "width": 64, "largest": 4.0, "least": 0.05, "levels": 12, **arguments})


def curved(x: Tensor) -> Tensor:
    """A field whose derivative is no symmetric matrix."""
    return torch.stack([x[:, 0] ** 2 * x[:, 1], x[:, 1].sin() + x[:, 2], x[:, 0] * x[:, 2] ** 3], 1)


def test_along_all_directions_of_signs_the_mean_is_the_trace() -> None:
    """Off the diagonal the signs cancel exactly."""
    x = torch.randn(1, 3, generator=seeded())
    signs = torch.tensor(list(itertools.product([-1.0, 1.0], repeat=3)))
    along, slope = sliced_trace(curved, x.expand(8, 3), signs)
    (jacobian,) = torch.autograd.functional.jacobian(lambda y: curved(y[None]), x[0])
    assert along.mean().item() == pytest.approx(jacobian.trace().item(), rel=1e-5)
    assert along.std() > 0.1
    torch.testing.assert_close(slope[0], curved(x)[0])


@pytest.mark.parametrize("sd", [0.3, 2.0])
def test_the_analytic_score_of_smoothed_data_is_where_denoising_is_least(sd: float) -> None:
    """Of N(0, 1.5^2), among the slopes -c x: c = 1 / (1.5^2 + sd^2)."""
    x, level = 1.5 * torch.randn(100_000, 1, generator=seeded()), torch.full((100_000,), sd)
    c = 1 / (1.5**2 + sd**2)

    def loss(factor: float) -> float:
        torch.manual_seed(1)
        return denoising(lambda y, _: -factor * c * y, x, level).mean().item()

    low, least, high = loss(0.9), loss(1.0), loss(1.1)
    assert least < min(low, high)
    assert low - least == pytest.approx(high - least, rel=0.2)  # a parabola with its vertex there
    assert least == pytest.approx(0.5 * 1.5**2 * c, rel=0.02)


@pytest.mark.parametrize("sd", [0.3, 1.0])
def test_denoising_and_sliced_losses_differ_by_a_constant(sd: float) -> None:
    """E |e|^2 / 2 = 1 in the plane, whatever the slope."""
    x, level = torch.randn(200_000, 2, generator=seeded()), torch.full((200_000,), sd)
    for slope in (lambda y, _: -0.7 * y, lambda y, _: (0.5 * y).sin() - y):
        torch.manual_seed(1)
        gap = denoising(slope, x, level).mean() - sliced(slope, x, level).mean()
        assert gap.item() == pytest.approx(1.0, abs=0.02)


def test_losses_are_summed_over_dimensions_and_one_for_each_example() -> None:
    x = torch.zeros(5, 1, 4, 4)
    for objective in (denoising, sliced):
        torch.manual_seed(1)
        assert objective(lambda y, _: -y, x, torch.ones(5)).shape == (5,)
    torch.manual_seed(1)
    told = denoising(lambda y, _: 0.0 * y, torch.zeros(20_000, 1, 4, 4), torch.ones(20_000)).mean().item()
    assert told == pytest.approx(8.0, rel=0.01)  # of 16 numbers, each with a half


def test_a_new_network_takes_data_for_gaussian() -> None:
    model = plane()
    with torch.no_grad():
        model.net.net[-1].bias.zero_()  # type: ignore[index, operator, union-attr]
    x, sd = torch.randn(3, 2, generator=seeded()), torch.tensor([0.1, 1.0, 4.0])
    torch.testing.assert_close(model.score(x, sd), -x / (1 + sd.square()[:, None]))
    samples = model.sample(1000, generator=seeded())
    torch.testing.assert_close(samples.std(0), torch.ones(2), rtol=0.2, atol=0)  # levels are left before all is at rest


@pytest.mark.parametrize("objective", ["denoising", "sliced"])
def test_it_learns_the_score_of_a_mixture(objective: Any) -> None:
    """1/2 N(-1, 0.3^2 I) + 1/2 N(1, 0.3^2 I), smoothed by the noise."""
    data = 0.3 * torch.randn(2000, 2, generator=seeded()) + 1 - 2.0 * (torch.arange(2000)[:, None] % 2)
    model = plane(objective=objective, lr=5e-3, levels=8)
    fit(model, model.updates(), Shuffled(data, 128), steps=200, precision="fp32", device="cpu", quiet=True)
    x, sd = data[:500].requires_grad_(), torch.full((500,), 0.25)
    log_p = torch.logsumexp(torch.stack([-(x - m).square().sum(1) / (2 * (0.09 + 0.0625)) for m in (-1, 1)]), 0)
    (exact,) = torch.autograd.grad(log_p.sum(), x)
    with torch.no_grad():
        assert torch.cosine_similarity(model.score(x, sd), exact).mean() > 0.9
    samples = model.sample(500, generator=seeded())
    assert 0.3 < (samples.sum(1) > 0).float().mean() < 0.7
    assert samples.abs().mean().item() == pytest.approx(1.0, abs=0.15)


def test_the_way_of_samples_is_shown_in_their_own_range() -> None:
    torch.manual_seed(0)
    model = NCSN(shape=(1, 8, 8), width=8, levels=3, steps=1)
    way: list[Tensor] = []
    samples = model.sample(2, generator=seeded(), way=way)
    assert len(way) == 5
    assert torch.equal(way[-1], samples)
    assert all(0 <= level.min() <= level.max() <= 1 for level in way)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"objective": "exact"}, "objective is one of denoising, sliced, not 'exact'"),
        ({"least": 5.0}, "least is above 0 and below largest, with 2 levels or more, not 5.0, 4.0, 12"),
        ({"levels": 1}, "least is above 0 and below largest, with 2 levels"),
        ({"steps": 0}, "steps are at least 1, not 0"),
        ({"step": 2.0}, "step lies between 0 and 2, not 2.0"),
        ({"shape": (1, 6, 8)}, "shape: the sides of an image are multiples of 4, not 6 and 8"),
    ],
)
def test_what_cannot_be_built_says_why(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plane(**wrong)
