"""Answers: which tokens they are, how probable, and how they are written; and the loss that looks at nothing else."""

import math
from typing import Any

import pytest
import torch

from genmodels.data import Answered
from genmodels.language import GPT
from genmodels.language.alignment import Answers, answer_nats, best_of_n, best_of_n_nats, supervised, write
from genmodels.training import Shuffled, fit

END = 0


def small(**how: Any) -> GPT:
    torch.manual_seed(0)
    made = GPT(**{"tokens": 5, "width": 16, "layers": 1, "heads": 2, "length": 8, **how}).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return made


def batch() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two prompts of two and of three tokens, with answers of three and of one."""
    tokens = torch.tensor([[1, 2, 3, 4, END], [1, 1, 1, END, END]])
    return tokens, torch.tensor([2, 3]), torch.tensor([5, 4])


def test_an_answer_is_what_stands_between_its_begin_and_its_end() -> None:
    answers = Answers(*batch())
    assert answers.written.tolist() == [[False, False, True, True, True], [False, False, False, True, False]]
    pairs = Answers(*(part[None] for part in answers))
    assert pairs.written.shape == (1, 2, 5)
    assert torch.equal(pairs.flat().written, answers.written)


def test_nats_are_those_of_the_gpt_on_the_answer_and_nothing_elsewhere() -> None:
    gpt, answers = small(), Answers(*batch())
    nats, all_of_them = answer_nats(gpt, answers), gpt.token_nats(answers.tokens)
    torch.testing.assert_close(nats, all_of_them * answers.written)
    assert nats.requires_grad


def test_the_supervised_loss_is_the_mean_over_tokens_of_answers() -> None:
    gpt = small()
    loss, _ = supervised(gpt).loss(batch())
    nats = gpt.token_nats(batch()[0])
    assert loss.item() == pytest.approx(-(nats[0, 2:].sum() + nats[1, 3]).item() / 4, rel=1e-5)
    changed = batch()[0].clone()
    changed[1, 4] = 3  # beyond the end
    assert supervised(gpt).loss((changed, *batch()[1:]))[0].item() == pytest.approx(loss.item(), rel=1e-6)


def test_a_pretrained_gpt_learns_to_answer_and_not_to_ask() -> None:
    """It has read that 1 follows upon 2 and 2 upon 1; the answer to either is to be 3, and the prompts are not learned."""
    torch.manual_seed(0)
    gpt = GPT(tokens=5, width=16, layers=1, heads=2, length=8, lr=1e-2)
    how: dict[str, Any] = {"precision": "fp32", "device": "cpu", "quiet": True}
    fit(gpt, gpt.updates(), Shuffled(torch.tensor([[1, 2] * 4, [2, 1] * 4]), 2), steps=60, **how)
    prompts = [torch.tensor([1, 2]), torch.tensor([2, 1])]
    asked_before = gpt.log_prob(torch.stack(prompts)).nats
    letters = Answered(prompts, [torch.tensor([3, END])] * 2)
    fit(gpt, [supervised(gpt, lr=3e-2)], Shuffled(letters, 2), steps=80, **how)
    x, begins, ends = letters[torch.arange(2)]
    assert answer_nats(gpt, Answers(x, begins, ends)).sum(1).min().exp().item() > 0.9
    assert gpt.log_prob(torch.stack(prompts)).nats.sum() < asked_before.sum() + 0.1  # asking has become no more probable


def test_answers_follow_upon_prompts_of_any_length_and_stop_at_the_end() -> None:
    gpt = small()
    prompts, begins = torch.tensor([[1, 2, 3], [4, 0, 0], [2, 2, 0]]).repeat(20, 1), torch.tensor([3, 1, 2]).repeat(20)
    answers = write(gpt, prompts, begins, end=END, seed=3)
    assert answers.tokens.shape == (60, 8)
    for x, prompt, begin, end in zip(answers.tokens, prompts, begins.tolist(), answers.ends.tolist(), strict=True):
        assert torch.equal(x[:begin], prompt[:begin])
        said = x[begin:end].tolist()
        assert END not in said[:-1]
        assert end == 8 or said[-1] == END
        assert (x[end:] == END).all()
    assert answers.ends.min() < 8
    assert torch.equal(answers.tokens, write(gpt, prompts, begins, end=END, seed=3).tokens)
    assert not torch.equal(answers.tokens, write(gpt, prompts, begins, end=END, seed=4).tokens)


def test_answers_are_as_frequent_as_they_are_probable() -> None:
    gpt = small(length=3)
    n = 4_000
    answers = write(gpt, torch.tensor([[1, 2]]).expand(n, -1), torch.full((n,), 2), end=END, seed=0)
    p = answer_nats(gpt, Answers(torch.tensor([[1, 2, x] for x in range(5)]), torch.full((5,), 2), torch.full((5,), 3)))
    shares = torch.bincount(answers.tokens[:, 2], minlength=5) / n
    torch.testing.assert_close(shares, p.sum(1).exp().detach(), atol=0.03, rtol=0)


def test_the_best_of_n_is_the_mean_over_all_subsets() -> None:
    generator = torch.Generator().manual_seed(0)
    reward, worth = torch.randn(3, 7, generator=generator), torch.randn(3, 7, generator=generator)
    for n in (1, 3, 7):
        subsets = torch.combinations(torch.arange(7), n)
        chosen = reward[:, subsets].argmax(-1, keepdim=True)
        every = worth[:, subsets].gather(-1, chosen).mean((1, 2))
        torch.testing.assert_close(best_of_n(reward, worth, n), every)
    with pytest.raises(ValueError, match="n is from 1 to the 7 answers there are, not 8"):
        best_of_n(reward, worth, 8)


def test_the_best_of_n_is_so_far_away() -> None:
    """Of a continuum of texts with uniform ranks u the best of n has the density n u^(n - 1): the KL by a Riemann sum."""
    u = (torch.arange(200_000, dtype=torch.float64) + 0.5) / 200_000
    density = 8 * u**7
    assert best_of_n_nats(8) == pytest.approx((density * density.log()).mean().item(), abs=1e-6)
    assert best_of_n_nats(1) == 0.0
    assert best_of_n_nats(2) == pytest.approx(math.log(2) - 0.5)


def test_bad_input_is_named() -> None:
    gpt, (x, begins, ends) = small(), batch()
    update = supervised(gpt)
    with pytest.raises(
        ValueError, match=r"tokens, begins and ends are \(B, T\), \(B,\) and \(B,\), not \(2, 5\), \(1,\), \(2,\)"
    ):
        update.loss((x, begins[:1], ends))
    with pytest.raises(ValueError, match="an answer has at least one token, and ends within its text"):
        update.loss((x, ends, ends))
    with pytest.raises(ValueError, match="these texts have 10 tokens, and the GPT has 8 in sight"):
        update.loss((x.repeat(1, 2), begins, ends))
    with pytest.raises(ValueError, match="prompts of 8 tokens leave no room for an answer in 8"):
        write(gpt, torch.ones(1, 8, dtype=torch.int64), torch.tensor([8]), end=END)
