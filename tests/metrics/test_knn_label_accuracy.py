"""The vote of the nearest neighbours, against one counted by hand."""

import pytest
import torch

from genmodels.metrics import neighbour_accuracy


def test_it_is_the_vote_counted_by_hand() -> None:
    generator = torch.Generator().manual_seed(0)
    known, z = torch.randn(60, 3, generator=generator), torch.randn(1203, 3, generator=generator)
    known_labels, labels = torch.randint(4, (60,), generator=generator), torch.randint(4, (1203,), generator=generator)
    for k in (1, 5):
        right = 0
        for code, label in zip(z, labels, strict=True):
            nearest = (known - code).square().sum(1).argsort()[:k]
            right += int(known_labels[nearest].bincount(minlength=4).argmax() == label)
        assert neighbour_accuracy(known, known_labels, z, labels, k) == pytest.approx(right / 1203)


def test_groups_that_lie_apart_are_told_apart_and_noise_is_not() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(1000) % 10
    z = torch.randn(1000, 2, generator=generator)
    apart = z + 20.0 * torch.stack([labels // 5, labels % 5], dim=1)
    assert neighbour_accuracy(apart[:500], labels[:500], apart[500:], labels[500:]) == 1.0
    assert neighbour_accuracy(z[:500], labels[:500], z[500:], labels[500:]) < 0.2


def test_shapes_that_do_not_fit_are_refused() -> None:
    z, labels = torch.zeros(5, 2), torch.zeros(5, dtype=torch.long)
    for bad in ((z, labels[:4], z, labels), (z, labels, z[:, :1], labels), (z, labels, z, labels[:4])):
        with pytest.raises(ValueError, match="these have the shapes"):
            neighbour_accuracy(*bad)
    for k in (0, 6):
        with pytest.raises(ValueError, match="5 known codes"):
            neighbour_accuracy(z, labels, z, labels, k)
