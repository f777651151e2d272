"""Noise by place: the same bits in any batch, and numbers that look random along rows, steps, columns and bits."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genmodels.sampling.counter_noise import gaussian, normal, uniform

ROWS = torch.arange(4000)


def correlation(a: Tensor, b: Tensor) -> float:
    return torch.corrcoef(torch.stack([a.flatten().double(), b.flatten().double()]))[0, 1].item()


# ----------------------------------------------------------------------------------------------- a function of the place


@pytest.mark.parametrize("draw", [uniform, normal])
def test_a_row_does_not_know_its_batch(draw: Callable[[int, Tensor, int, int], Tensor]) -> None:
    whole = draw(3, ROWS, 7, 33)
    order = torch.randperm(len(ROWS), generator=torch.Generator().manual_seed(0))
    assert torch.equal(draw(3, ROWS[order], 7, 33), whole[order])
    for size in (1, 3, 17):
        assert torch.equal(torch.cat([draw(3, part, 7, 33) for part in ROWS[:102].split(size)]), whole[:102])
    assert torch.equal(draw(3, ROWS, 7, 5), whole[:, :5])


def test_each_row_may_be_at_a_step_of_its_own() -> None:
    steps = torch.arange(5)
    together = uniform(0, torch.full((5,), 9), steps, 4)
    alone = [uniform(0, torch.tensor([9]), step, 4) for step in range(5)]
    assert torch.equal(together, torch.cat(alone))


def by_hand(seed: int, row: int, step: int, column: int) -> float:
    """The definition in whole numbers."""

    def mix64(x: int) -> int:
        x = (x + 0x9E3779B97F4A7C15) % 2**64
        x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9 % 2**64
        x = (x ^ x >> 27) * 0x94D049BB133111EB % 2**64
        return x ^ x >> 31

    def mix32(x: int) -> int:
        x = (x ^ x >> 16) * 0x7FEB352D % 2**32
        x = (x ^ x >> 15) * 0x846CA68B % 2**32
        return x ^ x >> 16

    key = mix64((mix64((mix64(seed % 2**64) + row) % 2**64) + step) % 2**64)
    bits = mix32(mix32((key + column * 0x9E3779B9) % 2**32) ^ key >> 32)
    return ((bits >> 9) + 0.5) / 2**23


@pytest.mark.parametrize("seed", [0, 12, -1, 2**64 - 5])
def test_numbers_by_hand(seed: int) -> None:
    rows, columns = [0, 3, 2**40 + 1, -2], range(5)
    drawn = uniform(seed, torch.tensor(rows), 9, 5).tolist()
    assert drawn == [[by_hand(seed, row, 9, column) for column in columns] for row in rows]


def test_what_was_drawn_once_is_drawn_for_ever() -> None:
    """A change here would change every dream."""
    drawn = (uniform(1, torch.tensor([2, 3]), 4, 2).double() * 2**24).long().tolist()
    assert drawn == [[12334469, 16694313], [8775747, 10810719]]


def test_seed_row_step_and_column_all_matter() -> None:
    base = uniform(0, ROWS, 0, 8)
    for other in (uniform(1, ROWS, 0, 8), uniform(0, ROWS + 1_000_000, 0, 8), uniform(0, ROWS, 1, 8), base.roll(1, 1)):
        assert (other == base).float().mean().item() < 1e-3
    assert not torch.equal(uniform(2**40, ROWS, 0, 8), base)  # high bits of each count as well
    assert not torch.equal(uniform(0, ROWS + 2**40, 0, 8), base)
    assert not torch.equal(uniform(0, ROWS, 2**40, 8), base)
    assert torch.equal(uniform(2**64 - 1, ROWS, -1, 8), uniform(-1, ROWS, -1, 8))


def test_rows_do_not_collide() -> None:
    """Three columns hold 69 bits: no two of 400,000 rows should agree in all of them."""
    rows = torch.cat([torch.arange(200_000), (1 << 32) + torch.arange(200_000)])
    drawn = (uniform(5, rows, 11, 3).double() * 2**24).long()
    assert len(torch.unique(drawn, dim=0)) == len(rows)


# ------------------------------------------------------------------------------------------------------ how it is spread


def test_numbers_are_uniform_and_strictly_inside() -> None:
    u = uniform(0, torch.arange(50_000), 3, 40).flatten()
    assert u.dtype == torch.float32
    assert 0.0 < u.min().item() < 1e-5
    assert 1.0 - 1e-5 < u.max().item() < 1.0
    n = len(u)
    for power in (1, 2, 3, 4):
        error = math.sqrt((1 / (2 * power + 1) - 1 / (power + 1) ** 2) / n)
        assert u.double().pow(power).mean().item() == pytest.approx(1 / (power + 1), abs=4 * error)
    ranks = u.double().sort().values
    assert (ranks - (torch.arange(n) + 0.5) / n).abs().max().item() < 1.95 / math.sqrt(n)  # Kolmogorov's at 0.1 %


def test_every_bit_is_fair_and_none_follows_another() -> None:
    bits = (uniform(1, torch.arange(50_000), 3, 8).double() * 2**23).long().flatten()
    each = torch.stack([bits >> place & 1 for place in range(23)]).double()
    n = each.shape[1]
    assert (each.mean(1) - 0.5).abs().max().item() < 5 * 0.5 / math.sqrt(n)
    between = torch.corrcoef(each) - torch.eye(23)
    assert between.abs().max().item() < 5.5 / math.sqrt(n)


@pytest.mark.parametrize("by", [1, 2, 64, 1 << 20, 1 << 32])
def test_neighbours_are_strangers(by: int) -> None:
    bound = 4.5 / math.sqrt(8 * len(ROWS))
    base = uniform(7, ROWS, 100, 8)
    for other in (uniform(7, ROWS + by, 100, 8), uniform(7, ROWS, 100 + by, 8), uniform(7 + by, ROWS, 100, 8)):
        assert abs(correlation(base, other)) < bound
        assert abs(correlation((base - 0.5).abs(), (other - 0.5).abs())) < bound


def test_columns_are_strangers() -> None:
    u = uniform(0, torch.arange(20_000), 0, 64)
    between = torch.corrcoef(u.T.double()) - torch.eye(64)
    assert between.abs().max().item() < 5.5 / math.sqrt(20_000)


def test_pairs_fill_the_square() -> None:
    """Of 64 x 64 cells, along columns, rows and steps, each gets its share: chi-square."""
    u = uniform(0, torch.arange(100_001), 0, 8)
    later = uniform(0, torch.arange(100_001), 1, 8)
    for a, b in ((u[:, ::2], u[:, 1::2]), (u[1:], u[:-1]), (u, later)):
        cell = (64 * a).long() * 64 + (64 * b).long()
        counts = torch.bincount(cell.flatten(), minlength=4096).double()
        share = counts.sum() / 4096
        chi = ((counts - share).square() / share).sum().item()
        assert abs(chi - 4095) < 4.5 * math.sqrt(2 * 4095)


def test_gaussian_numbers_are_gaussian() -> None:
    x = normal(0, torch.arange(40_000), 5, 32).double().flatten()
    n = len(x)
    assert abs(x.mean().item()) < 4 / math.sqrt(n)
    assert x.square().mean().item() == pytest.approx(1.0, abs=4 * math.sqrt(2 / n))
    assert x.pow(3).mean().item() == pytest.approx(0.0, abs=4 * math.sqrt(15 / n))
    assert x.pow(4).mean().item() == pytest.approx(3.0, abs=4 * math.sqrt(96 / n))
    ranks = torch.special.ndtr(x).sort().values
    assert (ranks - (torch.arange(n) + 0.5) / n).abs().max().item() < 1.95 / math.sqrt(n)


def test_the_outermost_numbers_are_finite() -> None:
    ends = torch.tensor([2.0**-24, 0.5, 1.0 - 2.0**-24])
    assert gaussian(ends).tolist() == pytest.approx([-5.29, 0.0, 5.29], abs=0.03)


# ------------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("rows", [torch.arange(3, dtype=torch.int32), torch.zeros(3), torch.zeros(2, 2, dtype=torch.int64)])
def test_rows_of_another_kind_are_refused(rows: Tensor) -> None:
    with pytest.raises(ValueError, match=r"rows is \(B,\) of int64"):
        uniform(0, rows, 0, 1)
