"""Texts from a model that tells, token by token, what may come next.

    logits, state = model.begin(prompt)              logits (B, V) of the token that follows upon prompts (B, T)
    logits, state = model.advance(token, state)      one token (B,) later

The state is whatever spares the model the reading of all before it: an LSTM's cells, a transformer's keys and values.

    softmax(logits / temperature)                    surer below 1, wilder above
    top-k                                            the k most probable tokens (Fan et al. 2018)
    top-p                                            the fewest tokens that have the mass p together (Holtzman et al. 2020)
    repetition penalty r                             of what was said: logit / r if positive, else logit r (Keskar et al. 2019)
    beam search                                      the K texts with the highest log p / n^alpha, n their tokens

A token is drawn with noise that is a function of (seed, row, step): a text does not depend on those beside it.
"""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor

from genmodels.distributions import Categorical
from genmodels.sampling import counter_noise

FREE = -1  # in a prefix, where any token may stand


class TokenModel(Protocol):
    """What a decoder asks of a model. A state has a row for each of B texts."""

    def begin(self, prompt: Tensor, /) -> tuple[Tensor, Any]:
        """The logits (B, V) of what follows upon prompts (B, T), which may be empty, and the state after them."""

    def advance(self, token: Tensor, state: Any, /) -> tuple[Tensor, Any]:
        """The logits (B, V) of what follows upon one token more (B,), and the state after it."""

    def pick(self, state: Any, rows: Tensor, /) -> Any:
        """The state of the texts at `rows` (B',), any of them left out or repeated."""


# --------------------------------------------------------------------------------------------------------------- logits


def likeliest(logits: Tensor, k: int) -> Tensor:
    """The k highest of the logits (..., V); the others become -inf.

    >>> likeliest(torch.tensor([1.0, 3.0, 2.0]), 2)
    tensor([-inf, 3., 2.])
    """
    highest, places = logits.topk(min(k, logits.shape[-1]), dim=-1)
    return torch.full_like(logits, -torch.inf).scatter(-1, places, highest)


def nucleus(logits: Tensor, p: float) -> Tensor:
    """The fewest of the logits (..., V), from the highest down, that have at least the mass p; the others become -inf.

    >>> nucleus(torch.tensor([0.2, 0.5, 0.3]).log(), 0.7).exp()
    tensor([0.0000, 0.5000, 0.3000])
    """
    highest, places = logits.sort(dim=-1, descending=True)
    mass = highest.softmax(-1)
    beyond = mass.cumsum(-1) - mass >= p  # what stands above it has mass enough
    beyond[..., 0] = False
    return torch.empty_like(logits).scatter(-1, places, highest.masked_fill(beyond, -torch.inf))


def penalised(logits: Tensor, said: Tensor, penalty: float) -> Tensor:
    """Logits (..., V) that are lower, where a penalty is above 1, for the tokens that were `said` (..., V).

    >>> penalised(torch.tensor([2.0, -2.0, 2.0]), torch.tensor([True, True, False]), 2.0)
    tensor([ 1., -4.,  2.])
    """
    return torch.where(said, torch.where(logits > 0, logits / penalty, logits * penalty), logits)


# -------------------------------------------------------------------------------------------------------- token by token


@torch.no_grad()
def generate(
    model: TokenModel,
    prompt: Tensor,
    length: int,
    *,
    temperature: float = 1.0,
    top_k: int = 0,
    top_p: float = 1.0,
    repetition_penalty: float = 1.0,
    prefix: Tensor | None = None,
    end: int | None = None,
    seed: int = 0,
    rows: Tensor | None = None,
) -> Tensor:
    """What follows upon prompts (B, T): texts (B, length), the prompts left out.

    Arguments:
        model: see `TokenModel`.
        prompt: int64, may be empty: (B, 0).
        length: tokens of a text.
        temperature: 0 is greedy: the most probable token each time.
        top_k: so many tokens may be drawn, all for 0.
        top_p: the most probable ones with this mass may be drawn, all for 1.
        repetition_penalty: against tokens of the prompt and of the text so far; 1 is none.
        prefix: (P,) or (B, P), the tokens with which a text begins, `FREE` where it is free. With prompts of different lengths,
            what some have more than the others goes here.
        end: the token that ends a text, and fills it from there on.
        seed: of the noise.
        rows: (B,), the number of each text in the noise, by default 0 to B - 1: text 3 alone is text 3 of a larger batch.
    """
    _check(prompt, length)
    if not temperature >= 0.0:
        raise ValueError(f"temperature is at least 0, not {temperature}")
    if top_k < 0 or not 0.0 < top_p <= 1.0:
        raise ValueError(f"top_k is at least 0 and top_p in (0, 1], not {top_k} and {top_p}")
    if not repetition_penalty > 0.0:
        raise ValueError(f"repetition_penalty is above 0, not {repetition_penalty}")
    rows = torch.arange(len(prompt), device=prompt.device) if rows is None else rows
    forced = _forced(prefix, prompt, length)
    logits, state = model.begin(prompt)
    said = torch.zeros(logits.shape, dtype=torch.bool, device=logits.device).scatter(1, prompt, True)
    ended = torch.zeros_like(prompt[:, :1], dtype=torch.bool).any(1)  # (B,)
    tokens: list[Tensor] = []
    while True:
        step = len(tokens)
        logits = penalised(logits.float(), said, repetition_penalty)
        if temperature == 0.0:
            token = logits.argmax(-1)
        else:
            logits = Categorical(logits).tempered(temperature).logits
            logits = likeliest(logits, top_k) if top_k else logits
            logits = nucleus(logits, top_p) if top_p < 1.0 else logits
            token = Categorical(logits).draw(counter_noise.uniform(seed, rows, step, 1)[:, 0])
        token = torch.where(forced[:, step] == FREE, token, forced[:, step])
        if end is not None:
            token = token.masked_fill(ended, end)
            ended = token == end
        tokens.append(token)
        if len(tokens) == length or ended.all():
            return _filled(torch.stack(tokens, 1), length, end)
        said = said.scatter(1, token[:, None], True)
        logits, state = model.advance(token, state)


# ----------------------------------------------------------------------------------------------------------------- beams


class Beams(NamedTuple):
    """The best texts that a search has found for each of B prompts, the best first."""

    tokens: Tensor
    """(B, K, length)"""
    log_prob: Tensor
    """(B, K) log p of each in nats, its end included; -inf where there are no more texts"""
    score: Tensor
    """(B, K) log p / n^alpha"""


@torch.no_grad()
def beam_search(
    model: TokenModel,
    prompt: Tensor,
    length: int,
    *,
    beams: int = 4,
    length_penalty: float = 0.0,
    prefix: Tensor | None = None,
    end: int | None = None,
) -> Beams:
    """The K texts after prompts (B, T) that score highest, as far as a search that keeps K of them at each step can tell.

    Arguments:
        model, prompt, length, prefix, end: as of `generate`. The tokens of a prefix count in log p, those of a prompt do not.
        beams: K. As many as there are texts, and the search is exhaustive.
        length_penalty: alpha in log p / n^alpha: 0 ranks by log p, which favours short texts, 1 by its mean over tokens.
    """
    _check(prompt, length)
    if beams < 1:
        raise ValueError(f"beams is at least 1, not {beams}")
    forced = _forced(prefix, prompt, length)
    logits, state = model.begin(prompt)
    batch, symbols = logits.shape
    first_of_each = torch.arange(batch, device=logits.device)[:, None] * beams  # (B, 1), its first row among B K
    of_prompt = torch.arange(batch, device=logits.device).repeat_interleave(beams)
    logits, state = logits[of_prompt], model.pick(state, of_prompt)
    tokens = prompt.new_empty(batch, beams, 0)
    log_prob = logits.new_full((batch, beams), -torch.inf, dtype=torch.float64)
    log_prob[:, 0] = 0.0  # one text, the empty one
    ended = torch.zeros_like(log_prob, dtype=torch.bool)
    n = torch.zeros_like(log_prob)
    nothing_more = torch.full((symbols,), -torch.inf, dtype=torch.float64, device=logits.device)
    if end is not None:
        nothing_more[end] = 0.0
    while True:
        nats = logits.double().log_softmax(-1).view(batch, beams, symbols)
        must = forced[:, None, tokens.shape[2], None]
        others = (must != FREE) & (torch.arange(symbols, device=logits.device) != must)
        nats = torch.where(ended[..., None], nothing_more, nats.masked_fill(others, -torch.inf))
        total = log_prob[..., None] + nats  # (B, K, V)
        n = n + ~ended
        score, chosen = (total / n[..., None] ** length_penalty).flatten(1).topk(beams)
        parent, token = chosen // symbols, chosen % symbols
        tokens = torch.cat([tokens.gather(1, parent[..., None].expand_as(tokens)), token[..., None]], -1)
        log_prob, n, ended = total.flatten(1).gather(1, chosen), n.gather(1, parent), ended.gather(1, parent)
        if end is not None:
            ended = ended | (token == end)
        if tokens.shape[2] == length or ended.all():
            return Beams(_filled(tokens, length, end), log_prob.float(), score.float())
        logits, state = model.advance(token.flatten(), model.pick(state, (first_of_each + parent).flatten()))


def _check(prompt: Tensor, length: int) -> None:
    if prompt.ndim != 2 or prompt.dtype != torch.int64:
        raise ValueError(f"prompt is (B, T) of int64, not {tuple(prompt.shape)} of {prompt.dtype}")
    if length < 1:
        raise ValueError(f"length is at least 1, not {length}")


def _forced(prefix: Tensor | None, prompt: Tensor, length: int) -> Tensor:
    """The tokens that must stand at each step, or `FREE`: (B, length)."""
    forced = prompt.new_full((len(prompt), length), FREE)
    if prefix is not None:
        if prefix.shape[-1] > length or prefix.shape not in (prefix.shape[-1:], (len(prompt), prefix.shape[-1])):
            raise ValueError(f"prefix is (P,) or ({len(prompt)}, P) with P at most {length}, not {tuple(prefix.shape)}")
        forced[:, : prefix.shape[-1]] = prefix
    return forced


def _filled(tokens: Tensor, length: int, end: int | None) -> Tensor:
    """Texts (..., T) brought to their full length by ends."""
    missing = length - tokens.shape[-1]
    return torch.nn.functional.pad(tokens, (0, missing), value=0 if end is None else end)
