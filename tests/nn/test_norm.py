"""Norms of positions and of groups, by hand and against the plain path."""

import pytest
import torch
from torch import nn

from genmodels.nn import GroupNorm, PixelNorm


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


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_groups_are_normed_alike_however_the_channels_lie(dtype: torch.dtype) -> None:
    norm = GroupNorm(2, 8).to(dtype)
    nn.init.normal_(norm.weight)
    planes = torch.randn(3, 8, 5, 5, dtype=dtype)
    last = planes.contiguous(memory_format=torch.channels_last)
    found = norm(last)
    assert found.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(found, nn.GroupNorm.forward(norm, planes), atol=0.05, rtol=0.02)
    slopes = [torch.autograd.grad(norm(x.requires_grad_()).square().sum(), x)[0] for x in (planes, last)]
    torch.testing.assert_close(slopes[1], slopes[0])
