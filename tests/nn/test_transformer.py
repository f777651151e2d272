"""Stacks of blocks: what they see, what they keep, how they begin."""

from typing import Any

import pytest
import torch

from genmodels.nn import Transformer


def stack(**how: Any) -> Transformer:
    torch.manual_seed(0)
    made = Transformer(16, 2, 4, 12, **how).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary", "none"])
def test_step_by_step_is_the_same_as_at_once(positions: Any) -> None:
    made, x = stack(positions=positions, causal=True), torch.randn(2, 9, 16)
    whole, memory, told = made(x)[0], None, []
    for part in x.split([4, 1, 3, 1], 1):
        out, memory = made(part, memory=memory)
        told.append(out)
    torch.testing.assert_close(torch.cat(told, 1), whole, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("positions", ["learned", "sinusoidal", "rotary"])
def test_the_order_matters_and_without_positions_it_does_not(positions: Any) -> None:
    x = torch.randn(1, 6, 16)
    made, blind = stack(positions=positions), stack(positions="none")
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    torch.testing.assert_close(blind(x[:, order])[0], blind(x)[0][:, order], atol=1e-5, rtol=1e-5)
    assert not torch.allclose(made(x[:, order])[0], made(x)[0][:, order], atol=1e-3)


def test_a_context_is_attended_to_and_kept() -> None:
    made, x, context = stack(causal=True, context=5), torch.randn(2, 6, 16), torch.randn(2, 3, 5)
    whole, _ = made(x, context)
    assert not torch.allclose(whole, made(x, context + 1)[0], atol=1e-3)
    first, memory = made(x[:, :4], context)
    later, memory = made(x[:, 4:], context, memory=memory)
    torch.testing.assert_close(torch.cat([first, later], 1), whole, atol=1e-5, rtol=1e-5)
    assert [past.length for past in memory.context] == [3, 3]
    padded = torch.cat([context, 9 * torch.ones(2, 2, 5)], 1)
    seen = torch.arange(5).expand(2, 5) < 3
    torch.testing.assert_close(made(x, padded, context_seen=seen)[0], whole, atol=1e-5, rtol=1e-5)
    with pytest.raises(ValueError, match="context: these blocks attend to another sequence"):
        made(x)


def test_rows_of_a_memory_are_picked() -> None:
    made, x = stack(causal=True), torch.randn(3, 5, 16)
    rows = torch.tensor([2, 2, 0])
    _, memory = made(x[:, :4])
    torch.testing.assert_close(made(x[rows, 4:], memory=memory.pick(rows))[0], made(x)[0][rows, 4:], atol=1e-5, rtol=1e-5)


def test_a_stack_begins_with_small_sums() -> None:
    torch.manual_seed(0)
    made = Transformer(64, 8, 4, 16)
    assert made.blocks[0].narrow.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    assert made.blocks[7].attention.out.weight.std().item() == pytest.approx(0.02 / 4, rel=0.05)
    assert made.blocks[3].widen.weight.std().item() == pytest.approx(0.02, rel=0.05)


def test_too_many_places_and_unknown_positions_are_named() -> None:
    with pytest.raises(ValueError, match="length: 13 places, and this stack knows 12"):
        stack()(torch.randn(1, 13, 16))
    assert stack(positions="rotary")(torch.randn(1, 30, 16))[0].shape == (1, 30, 16)
    with pytest.raises(ValueError, match="positions: one of learned, sinusoidal, rotary, none, not 'absolute'"):
        stack(positions="absolute")
