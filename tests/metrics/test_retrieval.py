"""Recall among candidates, against ranks counted by hand."""

import math

import pytest
import torch
from torch import Tensor

from genmodels.metrics import recall_at


def at(*degrees: float) -> Tensor:
    """Embeddings in the plane, of various lengths, for only directions count."""
    angles = torch.tensor(degrees).deg2rad()
    return torch.arange(1.0, len(degrees) + 1)[:, None] * torch.stack([angles.cos(), angles.sin()], dim=1)


def test_ranks_counted_by_hand_in_both_directions() -> None:
    pictures, texts = at(0, 40, 50), at(10, 80, 20)
    # picture 0: 10 20 80 -> rank 1; picture 1: 20 10 80 -> rank 3; picture 2: 20 and 80, 30 degrees off each, 10 -> rank 1 or 2
    assert [recall_at(pictures, texts, k, among=3) for k in (1, 2, 3)] == pytest.approx([1.5 / 3, 2 / 3, 1.0])
    # text 0: 0 40 50 -> rank 1; text 1: 50 40 0 -> rank 2; text 2: 0 and 40, 50 -> rank 3
    assert [recall_at(texts, pictures, k, among=3) for k in (1, 2, 3)] == pytest.approx([1 / 3, 2 / 3, 1.0])


def test_candidates_are_those_of_the_block_and_what_fills_none_is_left_out() -> None:
    """Each item's twin in the other block does no harm, until both blocks are one; the fifth pair is wrong, and not asked."""
    queries, items = at(0, 90, 0, 90, 45), at(0, 90, 0, 90, 225)
    assert recall_at(queries, items, among=2) == 1.0
    assert recall_at(queries, items, among=4) == 0.5  # a coin decides between twins
    assert recall_at(queries, items, among=5) == pytest.approx((4 * 0.5 + 0) / 5)


@pytest.mark.parametrize(("k", "among"), [(1, 100), (5, 100), (3, 4)])
def test_embeddings_that_collapsed_are_worth_chance(k: int, among: int) -> None:
    generator = torch.Generator().manual_seed(0)
    embeddings, noise = torch.randn(2, 200, 8, generator=generator)
    for one_point in (torch.zeros(200, 8), torch.ones(200, 8) + 1e-7 * noise):  # which is rounding, and no difference
        assert recall_at(embeddings, one_point, k, among) == pytest.approx(k / among)
        assert recall_at(one_point, embeddings, k, among) == pytest.approx(k / among, abs=0.01)


def test_ties_are_the_mean_over_orders() -> None:
    """For the first three queries one item is nearer and three are equal, their own among them: places 2, 3 and 4 alike."""
    queries, items = at(0, 0, 0, 0), at(30, 30, 30, 10)
    first_three = [min(max((k - 1) / 3, 0), 1) for k in (1, 2, 3, 4)]
    expected = [(3 * share + 1) / 4 for share in first_three]
    assert [recall_at(queries, items, k, among=4) for k in (1, 2, 3, 4)] == pytest.approx(expected)


def test_noise_is_worth_chance_and_a_rotation_changes_nothing() -> None:
    generator = torch.Generator().manual_seed(0)
    queries, items = torch.randn(2, 5000, 16, generator=generator)
    chance = recall_at(queries, items, k=10, among=100)
    assert abs(chance - 0.1) < 4 * math.sqrt(0.1 * 0.9 / 5000)
    near = queries + items
    turn = torch.linalg.qr(torch.randn(16, 16, generator=generator)).Q
    assert recall_at(near @ turn, queries @ turn) == pytest.approx(recall_at(near, queries), abs=1e-3)
    assert recall_at(near, queries) > 0.5


def test_what_cannot_be_ranked_is_refused() -> None:
    x = torch.ones(10, 3)
    for queries, items in ((x, x[:9]), (x, x[:, :2]), (x[0], x[0])):
        with pytest.raises(ValueError, match="each query"):
            recall_at(queries, items, among=5)
    for k, among in ((0, 5), (6, 5), (1, 11)):
        with pytest.raises(ValueError, match="with 10 pairs"):
            recall_at(x, x, k, among)
    with pytest.raises(ValueError, match="not finite"):
        recall_at(x, torch.full((10, 3), torch.nan), among=5)
