"""Pixel norm, by hand."""

import pytest
import torch

from genmodels.nn import PixelNorm


def test_each_position_has_unit_mean_square_whatever_its_size() -> None:
    x = torch.randn(3, 8, 4, 4) * torch.tensor([1e-2, 1.0, 1e3]).view(3, 1, 1, 1)
    y = PixelNorm()(x)
    torch.testing.assert_close(y.square().mean(1), torch.ones(3, 4, 4), rtol=1e-3, atol=0)
    ratio = y / x  # every channel of a position is divided by the same number
    torch.testing.assert_close(ratio, ratio[:, :1].expand_as(ratio))


def test_nothing_stays_nothing_with_a_finite_gradient() -> None:
    x = torch.zeros(1, 4, requires_grad=True)
    y = PixelNorm()(x)
    assert y.abs().max().item() == 0.0
    (gradient,) = torch.autograd.grad(y.sum(), x)
    assert gradient.abs().max().item() == pytest.approx(1e4)
