"""Direct preference optimisation, by hand and by what it is the solution of."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels.language import GPT
from genmodels.language.alignment import DPO, Answers, answer_nats
from genmodels.training import fit

SHAPE: dict[str, Any] = {"tokens": 4, "width": 8, "layers": 1, "heads": 2, "length": 6}


def some_gpt() -> GPT:
    torch.manual_seed(0)
    gpt = GPT(**SHAPE)
    with torch.no_grad():
        for parameter in gpt.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return gpt


@torch.no_grad()
def fixed(gpt: GPT, p: list[float]) -> None:
    """Every token by itself, with these probabilities: what the stack reads no longer matters."""
    gpt.stack.norm.weight.zero_()
    gpt.stack.norm.bias.copy_(F.one_hot(torch.tensor(0), gpt.stack.norm.bias.shape[0]).float())
    gpt.vectors.weight[:, 0] = torch.tensor(p).log()


def some_pairs() -> tuple[Tensor, Tensor, Tensor]:
    tokens = torch.randint(4, (6, 2, 5), generator=torch.Generator().manual_seed(1))
    return tokens, torch.full((6, 2), 2), torch.tensor([[3, 5], [5, 4], [4, 4]]).repeat(2, 1)


def one_token(better: int, worse: int) -> tuple[Tensor, Tensor, Tensor]:
    """A pair of answers of one token to one prompt."""
    return torch.tensor([[[1, better], [1, worse]]]), torch.tensor([[1, 1]]), torch.tensor([[2, 2]])


@pytest.mark.parametrize("beta", [0.01, 0.5, 3.0])
def test_where_the_policy_is_the_reference_the_loss_is_ln_2(beta: float) -> None:
    loss, figures = DPO.of(some_gpt(), beta=beta).loss(some_pairs())
    assert loss.item() == pytest.approx(math.log(2), abs=1e-6)
    assert figures["ahead"].item() == pytest.approx(0, abs=1e-6)


def test_there_its_gradient_is_half_beta_times_that_of_the_difference_in_nats() -> None:
    dpo = DPO.of(some_gpt(), beta=0.7)
    parameters = list(dpo.policy.parameters())
    found = torch.autograd.grad(dpo.loss(some_pairs())[0], parameters)
    nats = answer_nats(dpo.policy, Answers(*some_pairs()).flat()).sum(1).view(-1, 2)
    expected = torch.autograd.grad(-0.35 * (nats[:, 0] - nats[:, 1]).mean(), parameters)
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b, atol=1e-6, rtol=1e-4)


def test_two_tokens_by_hand() -> None:
    """p = (.8, .2), p_ref = (.5, .5), beta = 1/2: ahead by 1/2 log 4 = log 2, and so a loss of log 3/2 and a slope of -1/6."""
    dpo = DPO(**{**SHAPE, "tokens": 2}, beta=0.5)
    fixed(dpo.policy, [0.8, 0.2])
    fixed(dpo.reference, [0.5, 0.5])
    loss, figures = dpo.loss(one_token(better=0, worse=1))
    assert figures["ahead"].item() == pytest.approx(math.log(2), rel=1e-5)
    assert loss.item() == pytest.approx(math.log(1.5), rel=1e-5)
    (slope,) = torch.autograd.grad(loss, dpo.policy.vectors.weight)
    torch.testing.assert_close(slope[:, 0], torch.tensor([-1 / 6, 1 / 6]), atol=1e-6, rtol=1e-5)
    assert dpo.loss(one_token(better=1, worse=0))[0].item() == pytest.approx(math.log(3), rel=1e-5)


def test_it_finds_the_policy_that_is_best_for_the_reward_behind_the_preferences() -> None:
    """Token 1 is preferred to 0 three times in four, so it is worth log 3 more, and p / p_ref is exp(worth / beta) / Z."""
    dpo = DPO.of(some_gpt(), beta=0.5, lr=3e-2)
    parts = zip(*[one_token(1, 0)] * 3, one_token(0, 1), strict=True)
    batch = tuple(torch.cat(part) for part in parts)
    fit(dpo, dpo.updates(), lambda step: batch, steps=110, precision="fp32", device="cpu", quiet=True)
    both = Answers(torch.tensor([[1, 1], [1, 0]]), torch.tensor([1, 1]), torch.tensor([2, 2]))
    gained = (answer_nats(dpo.policy, both) - answer_nats(dpo.reference, both)).sum(1)
    assert (gained[0] - gained[1]).item() == pytest.approx(math.log(3) / 0.5, abs=0.03)


def test_the_reference_stays_where_it_is() -> None:
    gpt = some_gpt()
    dpo = DPO.of(gpt, lr=1e-2)
    fit(dpo, dpo.updates(), lambda step: some_pairs(), steps=3, precision="fp32", device="cpu", quiet=True)
    for kept, moved, first in zip(dpo.reference.parameters(), dpo.policy.parameters(), gpt.parameters(), strict=True):
        assert torch.equal(kept, first)
        assert not torch.equal(moved, first)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="beta is above 0, not 0"):
        DPO(**SHAPE, beta=0.0)
    x, begins, ends = some_pairs()
    with pytest.raises(ValueError, match=r"are \(B, 2, T\), \(B, 2\) and \(B, 2\), not \(6, 1, 5\)"):
        DPO(**SHAPE).loss((x[:, :1], begins[:, :1], ends[:, :1]))
