"""A transformer that reads a text and says of each token which kind it is, given all the others.

    p(kind_t | x) = softmax(W h_t + b),        h = stack(E x)

It finds what is asked for in a text: names, answers, whatever was marked in the texts that it learned from. `runs` are the
stretches that it found.
"""

from __future__ import annotations

from itertools import groupby
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.batches import Texts, padded_tokens
from genmodels.model import Model
from genmodels.nn import Positions, Transformer
from genmodels.training import Optimizer, Update


class Tagger(Model):
    """A reader of tokens. It is trained on pairs (text, kinds), as `genmodels.data.Pairs` gives them, of the same lengths.

    Arguments:
        tokens: how many different ones there are.
        kinds: how many kinds there are.
        width: the numbers of a place.
        layers, heads: blocks, and heads of attention in each.
        length: the most tokens of a text, where places are learned or told by sines.
        positions: "learned", "rotary", "sinusoidal" or "none".
        dropout: of what each part adds, and of attention's weights.
        lr: the learning rate at its height.
    """

    cannot: ClassVar[dict[str, str]] = {
        "sample": "it says what stands in a text, and writes none: use a GPT",
        "log_prob": "it tells the kinds of tokens, not the tokens: use a GPT",
    }

    def __init__(
        self,
        tokens: int = 65,
        kinds: int = 2,
        width: int = 128,
        layers: int = 3,
        heads: int = 4,
        length: int = 256,
        positions: Positions = "rotary",
        dropout: float = 0.0,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        if kinds < 2:
            raise ValueError(f"kinds: tokens differ by at least 2, not {kinds}")
        self.tokens, self.kinds, self.lr = tokens, kinds, lr
        self.vectors = nn.Embedding(tokens, width)
        nn.init.normal_(self.vectors.weight, std=0.02)
        self.stack = Transformer(width, layers, heads, length, positions, dropout=dropout)
        self.kind = nn.Linear(width, kinds)

    def scan(self, text: Texts) -> Tensor:
        """The logits of each token's kind: texts (B, T), or (texts, lengths), to (B, T, kinds)."""
        x, seen = padded_tokens(text, self.tokens)
        return self.kind(self.stack(self.vectors(x), seen=seen)[0])

    @torch.no_grad()
    def tag(self, text: Texts) -> Tensor:
        """The most probable kind of each token (B, T), and 0 where there is padding."""
        return self.scan(text).argmax(-1).where(padded_tokens(text, self.tokens)[1], 0)

    def loss(self, pair: tuple[Texts, Texts]) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the log-probability of a token's kind in nats, mean over all real ones; how many are told right."""
        text, kinds = pair
        true, real = padded_tokens(kinds, self.kinds)
        logits = self.scan(text)
        if logits.shape[:2] != true.shape:
            raise ValueError(f"each token has one kind; texts of {tuple(logits.shape[:2])} tokens, kinds {tuple(true.shape)}")
        logits, true = logits[real].float(), true[real]
        return F.cross_entropy(logits, true), {"accuracy": (logits.argmax(-1) == true).float().mean()}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        optimizer = Optimizer(lr=self.lr, betas=(0.9, 0.99), weight_decay=0.1, warmup=100, decay="cosine")
        return [Update("tagger", self.loss, self.parameters(), optimizer, clip=1.0, weight=self._told)]

    def _told(self, pair: tuple[Texts, Texts]) -> Tensor:
        """How many tokens of a batch are real."""
        return padded_tokens(pair[0], self.tokens)[1].sum()


def runs(kinds: Tensor) -> list[tuple[int, int]]:
    """The stretches of one text (T,) whose kind is not 0: where each begins, and where it has ended.

    >>> runs(torch.tensor([0, 1, 1, 0, 2, 1]))
    [(1, 3), (4, 5), (5, 6)]
    """
    found, start = [], 0
    for kind, tokens in groupby(kinds.tolist()):
        end = start + len(list(tokens))
        if kind != 0:
            found.append((start, end))
        start = end
    return found
