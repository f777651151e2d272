"""Norms of positions and of groups, by hand and against the plain path."""

import pytest
import torch
from torch import nn

from genmodels.nn import GroupNormSiLU, PixelNorm


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


@pytest.mark.parametrize(("channels", "side"), [(8, 5), (48, 3), (8, 1)])
@pytest.mark.parametrize("told", [False, True])
def test_the_compiled_norm_is_the_plain_one(channels: int, side: int, told: bool) -> None:
    """Of bfloat16 with the channels last, against float32: values, and the gradients of all that goes in."""
    pytest.importorskip("numba")
    norm, images = GroupNormSiLU(4, channels), 9
    nn.init.normal_(norm.weight)
    nn.init.normal_(norm.bias)
    x = (3.0 + 2.0 * torch.randn(images, channels, side, side)).bfloat16().contiguous(memory_format=torch.channels_last)
    vector = [torch.randn(images, channels).requires_grad_() for _ in range(2)] if told else []
    above = torch.randn_like(x)
    found: list[list[torch.Tensor]] = []
    for given in (x.detach().requires_grad_(), x.float().contiguous().requires_grad_()):
        y = norm(given, *vector)
        inputs = [given, norm.weight, norm.bias, *vector]
        found.append([y.float(), *(slope.float() for slope in torch.autograd.grad(y, inputs, above.to(y.dtype)))])
        assert y.dtype == given.dtype
    for ours, plain in zip(*found, strict=True):
        torch.testing.assert_close(ours, plain, rtol=2e-2, atol=1e-2 * plain.abs().max().item())
