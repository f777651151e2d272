"""What a text is worth, learned from pairs."""

import math
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from genmodels.language import GPT
from genmodels.language.alignment import Answers, RewardModel
from genmodels.training import Shuffled, fit

SHAPE: dict[str, Any] = {"tokens": 5, "width": 16, "layers": 1, "heads": 2, "length": 8}


def small(**how: Any) -> RewardModel:
    torch.manual_seed(0)
    return RewardModel(**{**SHAPE, **how}).eval()


def texts(n: int, length: int = 6) -> Answers:
    tokens = torch.randint(1, 5, (n, length), generator=torch.Generator().manual_seed(0))
    return Answers(tokens, torch.full((n,), 2), 3 + torch.arange(n) % (length - 2))


def as_pairs(answers: Answers) -> tuple[Tensor, Tensor, Tensor]:
    tokens, begins, ends = answers
    return tokens.view(-1, 2, tokens.shape[1]), begins.view(-1, 2), ends.view(-1, 2)


def test_what_stands_after_the_end_changes_nothing() -> None:
    reward, answers = small(), texts(8)
    told = reward(answers)
    longer = torch.cat([torch.where(answers.written | (torch.arange(6) < 2), answers.tokens, 0), torch.ones(8, 2).long()], 1)
    torch.testing.assert_close(reward(answers._replace(tokens=longer)), told, atol=1e-5, rtol=1e-5)
    alone = torch.cat([reward(Answers(x[None, :end], b[None], end[None])) for x, b, end in zip(*answers, strict=True)])
    torch.testing.assert_close(alone, told, atol=1e-5, rtol=1e-5)


def test_every_token_up_to_the_end_may_change_it() -> None:
    reward, answers = small(), texts(1)._replace(ends=torch.tensor([5]))
    told = reward(answers)
    for place in range(6):
        other = answers.tokens.clone()
        other[0, place] = other[0, place] % 4 + 1
        assert torch.equal(reward(answers._replace(tokens=other)), told) == (place == 5)


def test_the_loss_is_that_of_bradley_and_terry() -> None:
    reward, answers = small(), texts(8)
    better, worse = reward(answers)[0::2], reward(answers)[1::2]
    loss, figures = reward.loss(as_pairs(answers))
    torch.testing.assert_close(loss, -torch.sigmoid(better - worse).log().mean())
    assert figures["accuracy"].item() == (better > worse).float().mean().item()
    with torch.no_grad():
        reward.worth.weight.zero_()
    assert reward.loss(as_pairs(answers))[0].item() == pytest.approx(math.log(2))


def test_it_begins_as_the_gpt_reads() -> None:
    torch.manual_seed(1)
    gpt = GPT(**SHAPE, dropout=0.5)
    reward = RewardModel.of(gpt, lr=1e-3)
    assert all(torch.equal(a, b) for a, b in zip(gpt.parameters(), reward.gpt.parameters(), strict=True))
    assert reward.lr == 1e-3
    assert reward.gpt.vectors.weight is not gpt.vectors.weight


def test_centred_it_has_mean_0_and_deviation_1_and_the_same_loss() -> None:
    reward, answers = small(), texts(64)
    before = reward.loss(as_pairs(answers))[0]
    reward.centre(answers)
    told = reward(answers)
    assert told.mean().item() == pytest.approx(0.0, abs=1e-5)
    assert told.std().item() == pytest.approx(1.0, abs=1e-5)
    assert torch.equal(reward.loss(as_pairs(answers))[0], before)


def test_it_learns_what_is_preferred() -> None:
    """The text with more fours in its answer."""
    tokens = torch.randint(1, 5, (600, 6), generator=torch.Generator().manual_seed(1))
    fours = (tokens[:, 2:] == 4).sum(1).view(-1, 2)
    pairs = torch.arange(600).view(-1, 2)
    pairs = torch.where((fours[:, :1] > fours[:, 1:]), pairs, pairs.flip(1))[fours[:, 0] != fours[:, 1]]
    x = tokens[pairs]
    begins, ends = torch.full(pairs.shape, 2), torch.full(pairs.shape, 6)
    data = TensorDataset(x[:150], begins[:150], ends[:150])
    reward = small(lr=2e-2)
    fit(reward, reward.updates(), Shuffled(data, 16), steps=80, precision="fp32", device="cpu", quiet=True)
    assert reward.loss((x[150:], begins[150:], ends[150:]))[1]["accuracy"].item() > 0.95


def test_bad_input_is_named() -> None:
    reward, answers = small(), texts(4)
    with pytest.raises(ValueError, match=r"are \(B, 2, T\), \(B, 2\) and \(B, 2\), not \(4, 6\), \(4,\), \(4,\)"):
        reward.loss(tuple(answers))
    with pytest.raises(ValueError, match=r"are \(B, T\), \(B,\) and \(B,\), not \(2, 2, 6\)"):
        reward(Answers(*as_pairs(answers)))
    with pytest.raises(AttributeError, match=r"RewardModel has no sample\(\): it judges texts"):
        reward.sample(1)
