"""Attention against the formula written out, and what a place may see."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.nn import Attention, Past, Transformer, attention_weights, rotated, sinusoidal, sinusoidal_2d
from genmodels.nn.attention import gather


def written_out(attention: Attention, x: Tensor, s: Tensor) -> Tensor:
    """softmax(q k' / sqrt(d)) v, head by head and place by place."""
    size = attention.query.out_features // attention.heads
    q, kv = attention.query(x), attention.key_value(s)
    gathered = []
    for head in range(attention.heads):
        group = head // (attention.heads // attention.groups)
        queries = q[..., head * size : (head + 1) * size]
        keys = kv[..., group * size : (group + 1) * size]
        values = kv[..., (attention.groups + group) * size : (attention.groups + group + 1) * size]
        if attention.rotary:
            queries, keys = rotated(queries), rotated(keys)
        scores = queries @ keys.mT / math.sqrt(size)
        if attention.causal:
            scores = scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf)
        gathered.append(scores.softmax(-1) @ values)
    return attention.out(torch.cat(gathered, -1))


@pytest.mark.parametrize("how", [{}, {"causal": True}, {"rotary": True}, {"groups": 2, "causal": True, "rotary": True}])
def test_it_is_the_formula(how: dict[str, Any]) -> None:
    torch.manual_seed(0)
    attention, x = Attention(16, 4, **how), torch.randn(2, 5, 16)
    torch.testing.assert_close(attention(x)[0], written_out(attention, x, x))


def test_across_two_sequences_it_is_the_formula_too() -> None:
    torch.manual_seed(0)
    attention, x, s = Attention(16, 4, context=6), torch.randn(2, 5, 16), torch.randn(2, 3, 6)
    out, past = attention(x, s)
    torch.testing.assert_close(out, written_out(attention, x, s))
    assert past.length == 3
    torch.testing.assert_close(attention(x[:, 4:], s, past=past)[0], out[:, 4:])  # the context is not looked at again


def gathered(attention: Attention, weights: Tensor, s: Tensor) -> Tensor:
    """What weights (B, heads, T, S) gather from s, which is all that there is."""
    values = attention.key_value(s).chunk(2, -1)[1].unflatten(-1, (attention.groups, -1)).transpose(1, 2)
    values = values.repeat_interleave(attention.heads // attention.groups, 1)
    return attention.out((weights @ values).transpose(1, 2).flatten(2))


@pytest.mark.parametrize("how", [{}, {"causal": True}, {"rotary": True}, {"groups": 2, "causal": True, "rotary": True}])
@pytest.mark.parametrize("padded", [False, True])
def test_its_weights_gather_what_it_gathers(how: dict[str, Any], padded: bool) -> None:
    torch.manual_seed(0)
    attention, x = Attention(16, 4, **how), torch.randn(2, 5, 16)
    seen = torch.tensor([[True, True, True, False, False], [True] * 5]) if padded else None
    weights = attention.weights(x, seen=seen)
    assert weights.shape == (2, 4, 5, 5)
    torch.testing.assert_close(weights.sum(-1), torch.ones(2, 4, 5))
    torch.testing.assert_close(gathered(attention, weights, x), attention(x, seen=seen)[0])
    if how.get("causal"):
        assert not weights.triu(1).any()
    if padded:
        assert not weights[0, ..., 3:].any()


def test_its_weights_know_the_past_and_the_context() -> None:
    torch.manual_seed(0)
    attention, x = Attention(16, 4, causal=True, rotary=True), torch.randn(2, 7, 16)
    _, past = attention(x[:, :4])
    torch.testing.assert_close(attention.weights(x[:, 4:], past=past), attention.weights(x)[:, :, 4:])
    across, s = Attention(16, 4, context=6), torch.randn(2, 3, 6)
    out, past = across(x, s)
    weights = across.weights(x, s, past=past)
    assert weights.shape == (2, 4, 7, 3)
    torch.testing.assert_close(gathered(across, weights, s), out)


def test_weights_are_told_of_every_layer_while_someone_asks() -> None:
    torch.manual_seed(0)
    stack, x, context = Transformer(16, 2, 4, 9, causal=True, context=5), torch.randn(2, 6, 16), torch.randn(2, 3, 5)
    before = stack(x, context)[0]
    with attention_weights(stack) as weights:
        assert torch.equal(stack(x, context)[0], before)
    assert {name: tuple(each.shape) for name, each in weights.items()} == {
        "blocks.0.attention": (2, 4, 6, 6),
        "blocks.0.across": (2, 4, 6, 3),
        "blocks.1.attention": (2, 4, 6, 6),
        "blocks.1.across": (2, 4, 6, 3),
    }
    kept = weights["blocks.0.attention"]
    torch.testing.assert_close(kept, stack.blocks[0].attention.weights(stack.blocks[0].norms[0](x + stack.places[:6])))
    stack(x + 1, context)
    assert weights["blocks.0.attention"] is kept, "nobody asks any more"
    assert not any(module._forward_pre_hooks for module in stack.modules())
    with pytest.raises(RuntimeError, match="within"), attention_weights(stack):
        raise RuntimeError("within")
    assert not any(module._forward_pre_hooks for module in stack.modules())


@pytest.mark.parametrize("rotary", [False, True])
def test_what_comes_later_changes_no_bit_before(rotary: bool) -> None:
    torch.manual_seed(0)
    attention, x = Attention(16, 4, causal=True, rotary=rotary), torch.randn(2, 9, 16)
    y = x.clone()
    y[:, 6:] += 1
    assert torch.equal(attention(x)[0][:, :6], attention(y)[0][:, :6])
    assert not torch.allclose(attention(x)[0][:, 6], attention(y)[0][:, 6])


@pytest.mark.parametrize("how", [{}, {"rotary": True}, {"groups": 1}])
def test_step_by_step_is_the_same_as_at_once(how: dict[str, Any]) -> None:
    torch.manual_seed(0)
    attention, x = Attention(16, 4, causal=True, **how), torch.randn(2, 7, 16)
    whole, past, told = attention(x)[0], None, []
    for part in x.split([3, 1, 1, 2], 1):
        out, past = attention(part, past=past)
        told.append(out)
    torch.testing.assert_close(torch.cat(told, 1), whole)
    assert past is not None
    assert past.keys.shape == (2, attention.groups, 7, 4)


@pytest.mark.parametrize("causal", [False, True])
def test_padding_is_not_gathered_from(causal: bool) -> None:
    torch.manual_seed(0)
    attention, x = Attention(16, 4, causal=causal), torch.randn(2, 4, 16)
    padded = torch.cat([x, 9 * torch.randn(2, 3, 16)], 1)
    seen = torch.arange(7).expand(2, 7) < 4
    torch.testing.assert_close(attention(padded, seen=seen)[0][:, :4], attention(x)[0])


def test_rows_of_a_past_are_picked() -> None:
    past = Past(torch.arange(6.0).view(3, 1, 2, 1), -torch.arange(6.0).view(3, 1, 2, 1))
    picked = past.pick(torch.tensor([2, 0, 2]))
    assert picked.keys.flatten().tolist() == [4, 5, 0, 1, 4, 5]
    assert picked.length == 2


def test_a_rotary_score_depends_on_the_distance_alone() -> None:
    torch.manual_seed(0)
    q, k = torch.randn(2, 8, dtype=torch.float64)
    queries, keys = (rotated(x.expand(12, 8).float()).double() for x in (q, k))
    scores = queries @ keys.T
    for apart in range(-5, 6):
        diagonal = scores.diagonal(apart)
        torch.testing.assert_close(diagonal, diagonal[:1].expand_as(diagonal), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(queries.norm(dim=1), q.norm().expand(12), atol=1e-5, rtol=1e-5)  # turned, not stretched
    torch.testing.assert_close(rotated(q.expand(3, 8), first=4), rotated(q.expand(7, 8))[4:])


def test_sines_of_places() -> None:
    told = sinusoidal(50, 8)
    assert told.shape == (50, 8)
    assert torch.pdist(told).min() > 0.5  # no two places are alike
    torch.testing.assert_close(told.square().sum(1), torch.full((50,), 4.0))
    plane = sinusoidal_2d(4, 6, 8)
    assert plane.shape == (4, 6, 8)
    assert torch.pdist(plane.flatten(0, 1)).min() > 0.5
    torch.testing.assert_close(plane[:, 2, :4], sinusoidal(4, 4))
    torch.testing.assert_close(plane[3, :, 4:], sinusoidal(6, 4))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 10, "heads": 4}, "heads: 4 have to divide the width 10"),
        ({"width": 16, "heads": 4, "groups": 3}, "groups, 3, have to divide"),
        ({"width": 12, "heads": 4, "rotary": True}, "rotary: positions turn pairs of numbers, and a head has 3"),
        ({"width": 16, "heads": 4, "context": 3, "causal": True}, "context: what stands in another sequence"),
    ],
)
def test_what_cannot_be_built_says_why(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Attention(**arguments)


@pytest.mark.parametrize("groups", [4, 2])
@pytest.mark.parametrize("kind", ["causal", "all", "padded"])
def test_in_bf16_it_is_written_out_for_training_and_says_the_same(groups: int, kind: str) -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(2, heads, 7, 8, generator=generator) for heads in (4, groups, groups))
    mask = torch.tensor([[True] * 7, [True] * 5 + [False] * 2])[:, None, None] if kind == "padded" else None
    upward = torch.randn(2, 4, 7, 8, generator=generator)
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        parts = [part.to(dtype).requires_grad_() for part in (q, k, v)]
        out = gather(*parts, mask, kind == "causal", 0.0)
        assert out.dtype == dtype
        found.append([out, *torch.autograd.grad(out, parts, upward.to(dtype))])
    for exact, coarse in zip(*found, strict=True):
        torch.testing.assert_close(coarse.float(), exact, rtol=0.02, atol=0.03)
