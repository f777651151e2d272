"""A linear layer that autocast does not narrow: told exactly, corrected roughly."""

import pytest
import torch
from torch import nn

from genmodels.nn import ExactLinear


def pair() -> tuple[ExactLinear, nn.Linear]:
    torch.manual_seed(0)
    exact, plain = ExactLinear(40, 7), nn.Linear(40, 7)
    plain.load_state_dict(exact.state_dict())
    return exact, plain


@pytest.mark.parametrize("shape", [(5, 40), (2, 3, 40), (40,)])
def test_without_autocast_it_is_a_linear_layer(shape: tuple[int, ...]) -> None:
    exact, plain = pair()
    x = torch.randn(shape)
    assert torch.equal(exact(x), plain(x))


@pytest.mark.parametrize("shape", [(50, 40), (5, 10, 40), (40,)])
@pytest.mark.parametrize("kind", [torch.float32, torch.bfloat16])
def test_under_autocast_it_is_exact_and_its_gradients_nearly(shape: tuple[int, ...], kind: torch.dtype) -> None:
    exact, plain = pair()
    x = torch.randn(shape).to(kind)
    ours, theirs = x.clone().requires_grad_(), x.float().requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        y = exact(ours)
    known = plain(theirs)
    assert y.dtype == torch.float32
    assert torch.equal(y, known)
    above = torch.randn_like(known)
    y.backward(above)
    known.backward(above)
    assert ours.grad is not None
    assert ours.grad.dtype == kind
    pairs = [(ours.grad.float(), theirs.grad), (exact.weight.grad, plain.weight.grad), (exact.bias.grad, plain.bias.grad)]
    for a, b in pairs:
        assert a is not None
        assert b is not None
        assert (a - b).norm() < 0.01 * b.norm()


def test_without_bias_and_where_only_some_is_learned() -> None:
    layer, x = ExactLinear(40, 7, bias=False), torch.randn(5, 40)
    with torch.autocast("cpu", torch.bfloat16):
        layer(x).sum().backward()
    assert layer.weight.grad is not None
    layer.requires_grad_(False)
    x.requires_grad_()
    with torch.autocast("cpu", torch.bfloat16):
        layer(x).sum().backward()
    torch.testing.assert_close(x.grad, layer.weight.sum(0).expand(5, -1), rtol=0.02, atol=0.01)
