"""A transformer that reads one text and writes another (Raffel et al. 2020, arXiv 1910.10683; Vaswani et al. 2017).

    H = encoder(E s)                                    each place of the source s sees all of it
    h = decoder(start, E y_1, E y_2, ...; H)            each place sees those before it, and asks H for what it needs
    p(y | s) = prod_t p(y_t | y_<t, s),                 p(y_t | y_<t, s) = softmax(E h_{t-1})

E is one matrix: the vectors of the tokens of either text, which also reads them off. Without attention the decoder is told one
vector, the mean of H, however long the source is (as in Cho et al. 2014, arXiv 1406.1078): what that costs shows what attention
is for. Places are told by rotation within each stack where the paper adds a learned number for each distance.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.batches import Texts, checked_tokens, padded_tokens
from genmodels.model import LogProb, Model
from genmodels.nn import Memory, Positions, Transformer
from genmodels.training import Optimizer, Update


class Written(NamedTuple):
    """A text so far: what it is about, and what the decoder keeps of both."""

    context: Tensor
    """(B, S, width), the source as it was read"""
    seen: Tensor | None
    """(B, S) of bool, which of its places are real"""
    memory: Memory


class T5(Model):
    """A T5 of tokens. It is trained on pairs (source, target), see `genmodels.data.Pairs`.

    A few lines train one on pairs of texts of yours:

        from genmodels.data import Pairs, Vocabulary
        from genmodels.language import T5
        vocabulary = Vocabulary.of([*sources, *targets], end=True)
        read, written = ([vocabulary.encode(text, end=True) for text in texts] for texts in (sources, targets))
        t5 = T5(tokens=len(vocabulary))
        t5.fit(Pairs(read, written), minutes=10, folder="my/t5")

    then `generate(t5.reading(source), prompt, length, end=vocabulary.end)` with an empty prompt for each source; or
    `beam_search`.

    Arguments:
        tokens: how many different ones there are, in sources and targets together.
        width: the numbers of a place.
        layers, heads: blocks of the encoder and as many of the decoder, and heads of attention in each.
        length: the most tokens of a text, where places are learned or told by sines.
        positions: "learned", "rotary", "sinusoidal" or "none".
        attention: whether the decoder attends to all places of the source, or is told their mean only.
        dropout: of what each part adds, and of attention's weights.
        lr: the learning rate at its height.
    """

    cannot: ClassVar[dict[str, str]] = {
        "sample": "it writes about a source: use generate(t5.reading(source), ...) of genmodels.sampling",
        "log_prob": "it tells a text given another: use t5.reading(source).log_prob(target)",
    }

    def __init__(
        self,
        tokens: int = 65,
        width: int = 256,
        layers: int = 4,
        heads: int = 8,
        length: int = 256,
        positions: Positions = "rotary",
        attention: bool = True,
        dropout: float = 0.0,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        if tokens < 1 or length < 1:
            raise ValueError(f"tokens, length: at least one token and one place, not {tokens} and {length}")
        self.tokens, self.attention, self.lr = tokens, attention, lr
        self.vectors = nn.Embedding(tokens, width)
        nn.init.normal_(self.vectors.weight, std=0.02)
        self.start = nn.Parameter(0.02 * torch.randn(width))
        self.encoder = Transformer(width, layers, heads, length, positions, dropout=dropout)
        self.decoder = Transformer(width, layers, heads, length + 1, positions, causal=True, context=width, dropout=dropout)

    @torch.no_grad()
    def reading(self, source: Texts) -> Reading:
        """Sources (B, S), or (sources, lengths), as read: a `TokenModel` of what is written about them."""
        return Reading(self, self._read(source))

    def scan(self, source: Texts, target: Texts) -> Tensor:
        """The logits of each token of the target, given those before it and the source: (B, T, tokens)."""
        return self._scan(self._read(source), padded_tokens(target, self.tokens)[0])

    def loss(self, pair: tuple[Texts, Texts]) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the log-probability of a token of the target in nats, mean over all real ones; how many are told right."""
        source, target = pair
        y, real = padded_tokens(target, self.tokens)
        logits, true = self._scan(self._read(source), y)[real].float(), y[real]
        return F.cross_entropy(logits, true), {"accuracy": (logits.argmax(-1) == true).float().mean()}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        optimizer = Optimizer(lr=self.lr, betas=(0.9, 0.99), weight_decay=0.1, warmup=100, decay="cosine")
        return [Update("t5", self.loss, self.parameters(), optimizer, clip=1.0, weight=self._told)]

    def _told(self, pair: tuple[Texts, Texts]) -> Tensor:
        """How many tokens of a batch's targets are real."""
        return padded_tokens(pair[1], self.tokens)[1].sum()

    def _read(self, source: Texts) -> Written:
        """The source behind the encoder, before anything is written."""
        x, seen = padded_tokens(source, self.tokens)
        context, _ = self.encoder(self.vectors(x), seen=seen)
        if self.attention:
            return Written(context, seen, Memory())
        share = seen.to(context) / seen.sum(1, keepdim=True)
        return Written(torch.einsum("bs,bsw->bw", share, context)[:, None], None, Memory())

    def _scan(self, state: Written, target: Tensor) -> Tensor:
        return self._write(self._embed(target[:, :-1]), state)[0]

    def _write(self, x: Tensor, state: Written) -> tuple[Tensor, Written]:
        """The logits behind each of some vectors more (B, T, width), and the state after them."""
        if len(x) != len(state.context):
            raise ValueError(f"each source has one text that is written about it; {len(state.context)} sources, {len(x)} texts")
        h, memory = self.decoder(x, state.context, context_seen=state.seen, memory=state.memory)
        return F.linear(h, self.vectors.weight), state._replace(memory=memory)

    def _embed(self, tokens: Tensor) -> Tensor:
        """The start, and the tokens' vectors: (B, 1 + T, width)."""
        return torch.cat([self.start.expand(len(tokens), 1, -1), self.vectors(tokens)], 1)


class Reading:
    """Sources that have been read: what a decoder asks of a model that writes about them, and the density of what it may write.

    Arguments:
        model: which has read them.
        state: in which nothing is written yet.
    """

    def __init__(self, model: T5, state: Written) -> None:
        self.model, self.state = model, state

    def begin(self, prompt: Tensor) -> tuple[Tensor, Written]:
        """The logits (B, tokens) of what follows upon prompts (B, T), one for each source, and the state; T may be 0."""
        logits, state = self.model._write(self.model._embed(checked_tokens(prompt, self.model.tokens)), self.state)
        return logits[:, -1], state

    def advance(self, token: Tensor, state: Written) -> tuple[Tensor, Written]:
        """The logits of what follows upon one token more (B,), and the state after it."""
        logits, state = self.model._write(self.model.vectors(token[:, None]), state)
        return logits[:, -1], state

    def pick(self, state: Written, rows: Tensor) -> Written:
        """The state of the texts at `rows`."""
        seen = None if state.seen is None else state.seen[rows]
        return Written(state.context[rows], seen, state.memory.pick(rows))

    @torch.no_grad()
    def token_nats(self, target: Texts) -> Tensor:
        """log p(y_t | y_<t, source) of each token of a target for each source: (B, T), and 0 where there is padding."""
        y, real = padded_tokens(target, self.model.tokens)
        nats = self.model._scan(self.state, y).float().log_softmax(-1).gather(-1, y[..., None])[..., 0]
        return nats.where(real, 0.0)

    def log_prob(self, target: Texts) -> LogProb:
        """log p(target | source) for each source, summed over the target's tokens, which is exact."""
        return LogProb(self.token_nats(target).double().sum(1).float(), "exact")
