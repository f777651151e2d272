"""Blocks of attention, one above the other (Vaswani et al. 2017), normalised first (Xiong et al. 2020, arXiv 2002.04745).

    x <- x + attention(norm x)                           to the places before it, or to all
    x <- x + attention(norm x, context)                  to another sequence, where there is one
    x <- x + W_2 gelu(W_1 norm x)                        each place by itself

One stack serves all: `causal` for what is written from left to right, not so for what is read as a whole, with a `context` for
what is written about something else.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from genmodels.nn.attention import Attention, Past, sinusoidal

Positions = Literal["learned", "sinusoidal", "rotary", "none"]


class Memory(NamedTuple):
    """What a stack keeps of the places it has read: of each block its own past, and that of the context."""

    own: tuple[Past, ...] = ()
    context: tuple[Past, ...] = ()

    @property
    def length(self) -> int:
        """How many places have been read."""
        return self.own[0].length if self.own else 0

    def pick(self, rows: Tensor) -> Memory:
        """That of some sequences of the batch."""
        return Memory(tuple(past.pick(rows) for past in self.own), tuple(past.pick(rows) for past in self.context))


class Block(nn.Module):
    """One block of a transformer; see `Transformer` for the arguments."""

    def __init__(
        self, width: int, heads: int, groups: int | None, causal: bool, rotary: bool, context: int | None, dropout: float
    ) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2 if context is None else 3))
        self.attention = Attention(width, heads, groups, causal, rotary, dropout=dropout)
        self.across = None if context is None else Attention(width, heads, groups, context=context, dropout=dropout)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
        self.drop = nn.Dropout(dropout)

    def forward(
        self,
        x: Tensor,
        context: Tensor | None,
        seen: Tensor | None,
        context_seen: Tensor | None,
        past: Past | None,
        context_past: Past | None,
    ) -> tuple[Tensor, Past, Past | None]:
        gathered, past = self.attention(self.norms[0](x), seen=seen, past=past)
        x = x + self.drop(gathered)
        if self.across is not None:
            if context is None:
                raise ValueError("context: these blocks attend to another sequence; give it")
            gathered, context_past = self.across(self.norms[1](x), context, seen=context_seen, past=context_past)
            x = x + self.drop(gathered)
        wide = nn.functional.gelu(self.widen(self.norms[-1](x)))
        return x + self.drop(self.narrow(wide)), past, context_past


class Transformer(nn.Module):
    """A stack of blocks on vectors (B, T, width).

    Arguments:
        width: the numbers of a place.
        layers, heads: blocks, and heads of attention in each.
        length: the most places of a sequence, where they are learned or told by sines.
        positions: "learned", a vector for each place; "sinusoidal"; "rotary", within attention; "none".
        groups: heads of keys and values; None is as many as heads.
        causal: whether a place sees those before it and itself only.
        context: the width of another sequence that each block attends to, or None.
        dropout: of what each part adds, and of attention's weights.
    """

    places: Tensor | None

    def __init__(
        self,
        width: int,
        layers: int,
        heads: int,
        length: int,
        positions: Positions = "learned",
        groups: int | None = None,
        causal: bool = False,
        context: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if positions not in get_args(Positions):
            raise ValueError(f"positions: one of {', '.join(get_args(Positions))}, not {positions!r}")
        self.length, self.positions = length, positions
        if positions == "learned":
            self.places = nn.Parameter(0.02 * torch.randn(length, width))
        else:
            self.register_buffer("places", sinusoidal(length, width) if positions == "sinusoidal" else None, persistent=False)
        rotary = positions == "rotary"
        self.blocks = nn.ModuleList(Block(width, heads, groups, causal, rotary, context, dropout) for _ in range(layers))
        self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(dropout)
        self.apply(_small)
        for name, parameter in self.named_parameters():  # what is added up over layers begins smaller (GPT-2)
            if name.endswith(("out.weight", "narrow.weight")):
                nn.init.normal_(parameter, std=0.02 / math.sqrt(2 * layers))

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        *,
        seen: Tensor | None = None,
        context_seen: Tensor | None = None,
        memory: Memory | None = None,
    ) -> tuple[Tensor, Memory]:
        """The places of x (B, T, width), each having looked at the others, and what to keep for the places that come after.

        Arguments:
            x: the sequence, or what follows upon the places in `memory`.
            context: the other sequence, (B, S, context), where there is one.
            seen: whether each place, those in memory included, is really there: (B, T) of bool; padding is not.
            context_seen: the same of the context, (B, S).
            memory: of the places before x.
        """
        memory = Memory() if memory is None else memory
        first = memory.length
        if self.places is not None:
            if first + x.shape[1] > self.length:
                raise ValueError(f"length: {first + x.shape[1]} places, and this stack knows {self.length}")
            x = x + self.places[first : first + x.shape[1]]
        x, own, across = self.drop(x), [], []
        for number, block in enumerate(self.blocks):
            past = memory.own[number] if memory.own else None
            of_context = memory.context[number] if memory.context else None
            x, past, of_context = block(x, context, seen, context_seen, past, of_context)
            own.append(past)
            across += [] if of_context is None else [of_context]
        return self.norm(x), Memory(tuple(own), tuple(across))


def _small(layer: nn.Module) -> None:
    if isinstance(layer, nn.Linear):
        nn.init.normal_(layer.weight, std=0.02)
        nn.init.zeros_(layer.bias)
