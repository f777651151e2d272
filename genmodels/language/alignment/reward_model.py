"""What a text is worth to somebody, learned from which of two he prefers (Stiennon et al. 2020, arXiv 2009.01325).

    r(x) = w . h_end(x)                                      h: the places of a GPT that has read the text
    P(a preferred to b) = sigmoid(r(a) - r(b))               Bradley and Terry 1952
    loss = -E log sigmoid(r(better) - r(worse))

A reward matters up to a constant, and its unit is open: `centre` gives it mean 0 and deviation 1 over texts of one's choice.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.language.alignment.answers import Answers, checked_answers, places, shape_of
from genmodels.language.gpt import GPT
from genmodels.model import Model
from genmodels.nn import Positions
from genmodels.training import Optimizer, Update


class RewardModel(Model):
    """The worth of texts. It is trained on pairs: tokens (B, 2, T), begins (B, 2), ends (B, 2), the better text first.

    Arguments:
        tokens, width, layers, heads, length, positions, groups, dropout: of its GPT, see there.
        lr: the learning rate at its height.
    """

    cannot: ClassVar[dict[str, str]] = {
        "sample": "it judges texts: a PPO writes what it likes",
        "log_prob": "what a text is worth is no probability: ask the GPT that it came from",
    }
    mean: Tensor
    sd: Tensor

    def __init__(
        self,
        tokens: int = 65,
        width: int = 256,
        layers: int = 6,
        heads: int = 8,
        length: int = 256,
        positions: Positions = "rotary",
        groups: int | None = None,
        dropout: float = 0.0,
        lr: float = 5e-4,
    ) -> None:
        super().__init__()
        self.length, self.lr = length, lr
        self.gpt = GPT(tokens, width, layers, heads, length, positions, groups, dropout)
        self.worth = nn.Linear(width, 1, bias=False)
        nn.init.normal_(self.worth.weight, std=1.0 / math.sqrt(width + 1))
        self.register_buffer("mean", torch.zeros(()))
        self.register_buffer("sd", torch.ones(()))

    @classmethod
    def of(cls, gpt: GPT, *, dropout: float = 0.0, lr: float = 5e-4) -> Self:
        """One that begins with the places of a trained GPT, and any worth."""
        model = cls(**shape_of(gpt), dropout=dropout, lr=lr)
        model.gpt.load_state_dict(gpt.state_dict())
        return model

    def forward(self, answers: Answers) -> Tensor:
        """r of each text, (B,), read off where it ends: what stands after that is not looked at."""
        return (self._raw(checked_answers(answers, self.length)) - self.mean) / self.sd

    def loss(self, pairs: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the log-probability of the preferences in nats, mean over pairs; and how many of them it shares."""
        both = checked_answers(pairs, self.length, pairs=True)
        better, worse = self._raw(both.flat()).view(-1, 2).unbind(1)
        return F.softplus(worse - better).mean(), {"accuracy": (better > worse).float().mean()}

    def updates(self) -> list[Update]:
        """One objective: the loss, for the GPT's places and what is read off them."""
        optimizer = Optimizer(lr=self.lr, betas=(0.9, 0.99), weight_decay=0.1, warmup=50, decay="cosine")
        return [Update("reward", self.loss, self.parameters(), optimizer, clip=1.0)]

    @torch.no_grad()
    def centre(self, answers: Answers) -> None:
        """From here on rewards have the mean 0 and the deviation 1 over these texts."""
        raw = self._raw(checked_answers(answers, self.length))
        self.mean.copy_(raw.mean())
        self.sd.copy_(raw.std().clamp_min(1e-6))

    def _raw(self, answers: Answers) -> Tensor:
        h = places(self.gpt, answers.tokens)
        last = h[torch.arange(len(h), device=h.device), answers.ends]
        return self.worth(last)[:, 0].float()
