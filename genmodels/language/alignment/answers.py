"""Texts of which a part is the answer: what a GPT writes upon a prompt, and how probable it finds it.

    log p(answer | prompt) = sum_{begin <= t < end} log p(x_t | x_<t)

The token that ends an answer belongs to it, so that where to stop is learned too; the padding after it belongs to nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from genmodels.batches import checked_tokens
from genmodels.distributions import Categorical
from genmodels.language.gpt import GPT
from genmodels.sampling import generate
from genmodels.sampling.decoding import FREE

SHAPE = ("tokens", "width", "layers", "heads", "length", "positions", "groups")  # the arguments that make a GPT's parameters


class Answers(NamedTuple):
    """B texts, each a prompt and its answer. Pairs have an axis more: (B, 2, T) and (B, 2)."""

    tokens: Tensor
    """(B, T) prompt, answer, padding"""
    begins: Tensor
    """(B,) where the answer begins: the length of the prompt"""
    ends: Tensor
    """(B,) where it ends: the length of both together"""

    @property
    def written(self) -> Tensor:
        """Whether each token belongs to the answer, (B, T) of bool."""
        place = torch.arange(self.tokens.shape[-1], device=self.tokens.device)
        return (self.begins[..., None] <= place) & (place < self.ends[..., None])

    def flat(self) -> Answers:
        """Pairs as so many texts: the better and the worse of the first, of the second, ..."""
        return Answers(self.tokens.flatten(0, -2), self.begins.flatten(), self.ends.flatten())


def checked_answers(batch: Any, length: int, pairs: bool = False) -> Answers:
    """A batch (tokens, begins, ends) as `Answers`, or with `pairs` as pairs of them, if it is what it should be.

    >>> checked_answers((torch.zeros(1, 9), torch.tensor([2]), torch.tensor([9])), length=8)
    Traceback (most recent call last):
    ValueError: these texts have 9 tokens, and the GPT has 8 in sight: give it a greater length, or shorten them
    """
    answers = Answers(*batch)
    tokens, begins, ends = answers
    if tokens.ndim != 2 + pairs or not tokens.shape[:-1] == begins.shape == ends.shape or (pairs and tokens.shape[1] != 2):
        what = "(B, 2, T), (B, 2) and (B, 2)" if pairs else "(B, T), (B,) and (B,)"
        raise ValueError(f"tokens, begins and ends are {what}, not {', '.join(str(tuple(part.shape)) for part in answers)}")
    if tokens.shape[-1] > length:
        raise ValueError(
            f"these texts have {tokens.shape[-1]} tokens, and the GPT has {length} in sight: "
            "give it a greater length, or shorten them"
        )
    if not ((begins >= 0) & (begins < ends) & (ends <= tokens.shape[-1])).all():
        raise ValueError("begins, ends: an answer has at least one token, and ends within its text")
    return answers


def answer_nats(gpt: GPT, answers: Answers) -> Tensor:
    """log p(x_t | x_<t) of each token of the answers, 0 at all others: (B, T). With gradients."""
    nats = Categorical(gpt.scan(answers.tokens)).nats_per_dim(answers.tokens)
    return nats.masked_fill(~answers.written, 0.0)


def places(gpt: GPT, tokens: Tensor) -> Tensor:
    """The places of a GPT's stack over texts (B, T): (B, 1 + T, width), of which number t has read t tokens."""
    h, _ = gpt.stack(gpt.embed(checked_tokens(tokens, gpt.tokens)))
    return h


@torch.no_grad()
def write(gpt: GPT, prompts: Tensor, begins: Tensor, *, end: int, temperature: float = 1.0, seed: int = 0) -> Answers:
    """Answers to prompts (B, P) of lengths `begins` (B,), each up to the token `end`, or to the most that the GPT has in sight.

    What stands in a prompt's row beyond its length does not count.
    """
    if prompts.shape[1] >= gpt.length:
        raise ValueError(f"prompts of {prompts.shape[1]} tokens leave no room for an answer in {gpt.length}")
    common = int(begins.min())  # what some prompts have more than the shortest is forced
    more = torch.arange(common, prompts.shape[1], device=prompts.device) < begins[:, None]
    prefix = torch.where(more, prompts[:, common:], FREE)
    first = prompts[:, :common]
    said = generate(gpt, first, gpt.length - common, temperature=temperature, prefix=prefix, end=end, seed=seed)
    tokens = torch.cat([first, said], 1)
    place = torch.arange(tokens.shape[1], device=tokens.device)
    before = (tokens != end) | (place < begins[:, None])  # no end yet
    return Answers(tokens, begins, (before.long().cumprod(1).sum(1) + 1).clamp(max=tokens.shape[1]))


def shape_of(gpt: GPT) -> dict[str, Any]:
    """The arguments with which another GPT has parameters of the same shapes."""
    return {name: gpt.arguments[name] for name in SHAPE}
