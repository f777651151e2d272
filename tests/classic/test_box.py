"""The bounding box is the most likely box, and its density is exact."""

import math
from fractions import Fraction
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from genmodels.classic import Box


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def points(n: int, features: int = 3) -> Tensor:
    return torch.randn(n, features, generator=seeded()) * torch.tensor([0.01, 1.0, 500.0])[:features]


def fitted(data: Tensor) -> Box:
    box = Box(shape=data.shape[1:])
    box.fit(data)
    return box


def test_the_estimate_is_the_bounding_box() -> None:
    data = points(200)
    box = fitted(data)
    for d in range(3):
        assert box.low[d].item() == min(data[:, d].tolist())
        assert box.high[d].item() == max(data[:, d].tolist())


def test_the_log_density_is_that_of_exact_arithmetic() -> None:
    """Sides as fractions, their product without rounding; only the logarithm is rounded."""
    data = points(200)
    volume = Fraction(1)
    for column in data.T.tolist():
        volume *= Fraction(max(column)) - Fraction(min(column))
    log_volume = math.log(volume.numerator) - math.log(volume.denominator)
    assert fitted(data).log_prob(data).nats.tolist() == pytest.approx([-log_volume] * 200, abs=1e-9)


def test_many_dimensions_neither_overflow_nor_underflow() -> None:
    for side in (1e-6, 1e6):
        nats = fitted(torch.tensor([[0.0], [side]]).expand(2, 784).contiguous()).log_prob(torch.zeros(1, 784)).nats
        assert nats.item() == pytest.approx(-784 * math.log(torch.tensor(side).double().item()), rel=1e-9)


def test_outside_is_impossible_and_the_border_is_inside() -> None:
    box = fitted(torch.tensor([[0.0, 0.0], [2.0, 4.0]]))
    x = torch.tensor([[0.0, 0.0], [2.0, 4.0], [1.0, 4.0], [1.0, 4.000001], [-1e-30, 1.0], [math.nan, 1.0]])
    assert box.log_prob(x).nats.tolist() == pytest.approx([-math.log(8)] * 3 + [-math.inf] * 3)


def test_the_density_integrates_to_one() -> None:
    box = fitted(points(20, 2))
    span = [torch.linspace(-5, 5, 2001), torch.linspace(-5, 5, 2001)]
    cells = torch.cartesian_prod(*span) * torch.tensor([0.01, 1.0])
    area = (0.01 * 10 / 2000) * (10 / 2000)
    assert box.log_prob(cells).nats.exp().sum().item() * area == pytest.approx(1.0, abs=0.01)


def test_no_other_box_makes_the_data_more_likely() -> None:
    data = points(50)
    box = fitted(data)
    best = box.log_prob(data).nats.sum().item()
    for seed in range(50):
        other = Box(shape=(3,))
        other.load_state_dict(box.state_dict())
        change = 0.1 * (box.high - box.low) * torch.randn(2, 3, generator=seeded(seed), dtype=torch.float64)
        other.low += change[0]
        other.high += change[1]
        assert other.log_prob(data).nats.sum().item() < best


def test_samples_are_uniform_in_the_box() -> None:
    data = points(100, 2)
    box = fitted(data)
    made = box.sample(20_000, generator=seeded())
    assert made.dtype == torch.float32
    assert torch.isfinite(box.log_prob(made).nats).all()  # none is outside
    shares = (made - box.low) / (box.high - box.low)
    for column in shares.T:
        counts = torch.histc(column.float(), 10, 0.0, 1.0)
        assert (counts - 2000).abs().max() < 5 * math.sqrt(2000)
    assert torch.corrcoef(shares.T)[0, 1].abs() < 0.03
    assert torch.equal(box.sample(5, temperature=0.1, generator=seeded()), box.sample(5, generator=seeded()))


def test_a_new_point_falls_outside_as_often_as_order_statistics_say() -> None:
    """Of n + 1 points, each is the least or the greatest with probability 2 / (n + 1)."""
    outside = torch.tensor(0.0)
    for seed in range(400):
        data = torch.rand(20, 1, generator=seeded(seed))
        outside += fitted(data[:19]).log_prob(data[19:]).nats.isinf().sum()
    assert outside.item() / 400 == pytest.approx(2 / 20, abs=4 * math.sqrt(0.1 * 0.9 / 400))


def test_what_has_no_box_is_refused() -> None:
    with pytest.raises(ValueError, match="1 of 2 dimensions never varied"):
        fitted(torch.tensor([[0.0, 3.0], [1.0, 3.0]])).log_prob(torch.zeros(1, 2))
    for bad in (math.nan, math.inf):
        with pytest.raises(ValueError, match="not finite"):
            fitted(torch.tensor([[0.0, 1.0], [1.0, bad]]))


def test_boxes_of_more_data_contain_those_of_less() -> None:
    boxes = [fitted(points(100)[:n]) for n in (10, 30, 100)]
    for small, large in pairwise(boxes):
        assert (large.low <= small.low).all()
        assert (large.high >= small.high).all()
