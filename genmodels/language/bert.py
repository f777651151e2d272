"""A transformer that reads: each hidden token given all the others (Devlin et al. 2019, arXiv 1810.04805).

    some tokens are hidden, and told from the rest:        p(x_t | x seen) = softmax(E h_t)

Of the tokens that are chosen eight in ten become a blank, one another token at random, one stays: so that what stands there is
doubted where it is not blank, and a text without blanks is read as well as one with them.
"""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.batches import checked_tokens
from genmodels.model import Model
from genmodels.nn import Positions, Transformer
from genmodels.training import Optimizer, Update

BLANK, RANDOM = 0.8, 0.1  # of the tokens that are chosen


class BERT(Model):
    """A BERT of tokens. It is trained on texts (B, T).

    Arguments:
        tokens: how many different ones there are.
        width: the numbers of a place.
        layers, heads: blocks, and heads of attention in each.
        length: the most tokens of a text.
        positions: "learned", "rotary", "sinusoidal" or "none".
        hide: the share of tokens that are chosen in training.
        dropout: of vectors, of what each part adds, and of attention's weights.
        lr: the learning rate at its height.
    """

    cannot: ClassVar[dict[str, str]] = {
        "sample": "each token is told by both its sides, so none can be drawn first: use infill, or a GPT",
        "log_prob": "what each token has given all the others does not multiply to a density: use a GPT",
    }

    def __init__(
        self,
        tokens: int = 65,
        width: int = 256,
        layers: int = 6,
        heads: int = 8,
        length: int = 256,
        positions: Positions = "rotary",
        hide: float = 0.15,
        dropout: float = 0.0,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        if not 0.0 < hide < 1.0:
            raise ValueError(f"hide is a share between 0 and 1, not {hide}")
        self.tokens, self.hide, self.lr = tokens, hide, lr
        self.vectors = nn.Embedding(tokens + 1, width)  # the last is the blank
        nn.init.normal_(self.vectors.weight, std=0.02)
        self.stack = Transformer(width, layers, heads, length, positions, dropout=dropout)
        self.bias = nn.Parameter(torch.zeros(tokens))

    def scan(self, x: Tensor, hidden: Tensor) -> Tensor:
        """The logits of each token (B, T, tokens), given those of x (B, T) that are not hidden (B, T)."""
        return self._read(checked_tokens(x, self.tokens).masked_fill(hidden, self.tokens))

    @torch.no_grad()
    def infill(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Texts (B, T) with each token that is `hidden` (B, T) the most probable one given all that are not."""
        return torch.where(hidden, self.scan(x, hidden).argmax(-1), x)

    def loss(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus log p of the chosen tokens in nats, mean over them; and how many of them are told right."""
        x = checked_tokens(x, self.tokens)
        chosen = torch.rand(x.shape, device=x.device) < self.hide
        chosen[:, 0] |= ~chosen.any(1)  # at least one of each text
        how, other = torch.rand(x.shape, device=x.device), torch.randint_like(x, self.tokens)
        given = torch.where(chosen & (how < BLANK), self.tokens, x)
        given = torch.where(chosen & (how >= BLANK) & (how < BLANK + RANDOM), other, given)
        logits, true = self._read(given)[chosen].float(), x[chosen]
        return F.cross_entropy(logits, true), {"accuracy": (logits.argmax(-1) == true).float().mean()}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        optimizer = Optimizer(lr=self.lr, betas=(0.9, 0.99), weight_decay=0.1, warmup=100, decay="cosine")
        return [Update("bert", self.loss, self.parameters(), optimizer, clip=1.0)]

    def _read(self, given: Tensor) -> Tensor:
        h, _ = self.stack(self.vectors(given))
        return F.linear(h, self.vectors.weight[: self.tokens], self.bias)
