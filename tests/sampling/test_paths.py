"""Lines and arcs go from one end to the other, the one evenly in space, the other evenly in angle."""

import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genmodels.sampling import lerp, slerp


def units(n: int, d: int, seed: int = 0) -> Tensor:
    return torch.nn.functional.normalize(torch.randn(n, d, generator=torch.Generator().manual_seed(seed)), dim=1)


def test_a_line_has_exact_ends_and_even_steps() -> None:
    a, b = 3 * units(4, 5), -2 * units(4, 5, seed=1)
    path = lerp(a, b, 6)
    assert torch.equal(path[:, 0], a)
    assert torch.equal(path[:, -1], b)
    for i in range(6):
        torch.testing.assert_close(path[:, i], a + i / 5 * (b - a))


@pytest.mark.parametrize("d", [2, 3, 64])
def test_an_arc_between_unit_vectors_stays_on_the_sphere_and_turns_evenly(d: int) -> None:
    a, b = units(7, d), units(7, d, seed=1)
    path = slerp(a, b, 9)
    torch.testing.assert_close(path.norm(dim=-1), torch.ones(7, 9))
    torch.testing.assert_close(path[:, 0], a)
    torch.testing.assert_close(path[:, -1], b)
    angle = torch.acos((a * b).sum(1).double())
    for i in range(9):
        torch.testing.assert_close((a * path[:, i]).sum(1).double(), torch.cos(i / 8 * angle), rtol=0, atol=1e-5)
    # in the plane of both: nothing is left of it beside a and b
    plane = torch.linalg.qr(torch.stack([a, b], dim=2)).Q
    torch.testing.assert_close(path @ plane @ plane.mT, path)


def test_the_middle_of_a_line_is_too_short_and_that_of_an_arc_is_not() -> None:
    a, b = 10 * units(50, 100), 10 * units(50, 100, seed=1)
    assert lerp(a, b, 3)[:, 1].norm(dim=1).max() < 9
    torch.testing.assert_close(slerp(a, b, 3)[:, 1].norm(dim=1), torch.full((50,), 10.0))


def test_an_arc_between_vectors_of_any_length_by_hand() -> None:
    a, b = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 6.0]])
    (path,) = slerp(a, b, 4)
    by_hand = [[2 * math.cos(i * math.pi / 6), 6 * math.sin(i * math.pi / 6)] for i in range(4)]
    torch.testing.assert_close(path, torch.tensor(by_hand))


@pytest.mark.parametrize("factor", [1.0, 2.0, -1.0, -0.5])
@pytest.mark.parametrize("d", [2, 64, 1000])
def test_where_no_arc_is_defined_there_is_a_line(factor: float, d: int) -> None:
    a = 3 * units(20, d)
    torch.testing.assert_close(slerp(a, factor * a, 5), lerp(a, factor * a, 5), rtol=0, atol=1e-2)
    assert torch.isfinite(slerp(a, torch.zeros_like(a), 5)).all()
    assert torch.equal(slerp(torch.zeros(2, d), torch.zeros(2, d), 3), torch.zeros(2, 3, d))


def test_nearly_parallel_and_nearly_opposite_vectors() -> None:
    for angle in (1e-6, 1e-4, 5e-3, math.pi - 5e-3, math.pi - 1e-4):
        a, b = torch.tensor([[1.0, 0.0]]), torch.tensor([[math.cos(angle), math.sin(angle)]])
        path = slerp(a, b, 5)
        assert torch.isfinite(path).all()
        assert path.norm(dim=-1).max() < 1.01
        torch.testing.assert_close(path[:, [0, -1]], torch.stack([a, b], 1), rtol=0, atol=1e-4)


@pytest.mark.parametrize("path", [lerp, slerp])
def test_rows_go_their_ways_by_themselves(path: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    a, b = units(5, 3), units(5, 3, seed=1)
    alone = torch.cat([path(a[i : i + 1], b[i : i + 1], 4) for i in range(5)])
    torch.testing.assert_close(path(a, b, 4), alone)
    torch.testing.assert_close(path(b, a, 4), alone.flip(1))
    assert torch.equal(path(a, b, 1)[:, 0], a)
