"""Attention: each place gathers what it asks for from the others (Vaswani et al. 2017, arXiv 1706.03762).

    q, k, v = W_q x, W_k s, W_v s                        s = x, or another sequence: cross-attention
    out = W_o softmax(q k' / sqrt(d)) v                  in several heads of d numbers each, side by side

With fewer heads for keys and values than for queries, groups of queries share them (Ainslie et al. 2023, arXiv 2305.13245),
and what is kept of the past is that much smaller. Rotary positions (Su et al. 2021, arXiv 2104.09864) turn pairs of numbers of
q and k by angles that grow with the place, so that a score depends on how far apart two places are, and on nothing else of
where they stand.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.compiled import turned

SLOWEST = 10_000.0  # the slowest pair turns by one radian in so many places


class Past(NamedTuple):
    """Keys and values of the places before, each (B, heads, T, d)."""

    keys: Tensor
    values: Tensor

    @property
    def length(self) -> int:
        """How many places there are."""
        return self.keys.shape[2]

    def pick(self, rows: Tensor) -> Past:
        """That of some sequences of the batch, any of them left out or repeated."""
        return Past(self.keys[rows], self.values[rows])


class Attention(nn.Module):
    """Multi-head attention.

    Arguments:
        width: the numbers of a place, W.
        heads: of queries; they divide the width.
        groups: heads of keys and values, which divide those of queries; None is as many.
        causal: whether a place sees those before it and itself only.
        rotary: whether queries and keys are turned by their places.
        context: the width of the other sequence, where there is one.
        dropout: of attention's weights.
    """

    def __init__(
        self,
        width: int,
        heads: int,
        groups: int | None = None,
        causal: bool = False,
        rotary: bool = False,
        context: int | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        groups = heads if groups is None else groups
        if width % heads or heads % groups:
            raise ValueError(f"heads: {heads} have to divide the width {width}, and groups, {groups}, have to divide the heads")
        if rotary and width // heads % 2:
            raise ValueError(f"rotary: positions turn pairs of numbers, and a head has {width // heads}")
        if context is not None and (causal or rotary):
            raise ValueError(
                "context: what stands in another sequence is neither before nor after; leave causal and rotary out"
            )
        self.heads, self.groups, self.causal, self.rotary, self.dropout = heads, groups, causal, rotary, dropout
        size = width // heads
        self.query = nn.Linear(width, heads * size)
        self.key_value = nn.Linear(width if context is None else context, 2 * groups * size)
        self.out = nn.Linear(heads * size, width)

    def forward(
        self, x: Tensor, context: Tensor | None = None, *, seen: Tensor | None = None, past: Past | None = None
    ) -> tuple[Tensor, Past]:
        """What each place of x (B, T, W) gathers, and the keys and values so far, for places to come.

        Arguments:
            x: the sequence.
            context: the other one, (B, S, C), where there is one.
            seen: whether each place that is gathered from is really there, (B, S) of bool; padding is not.
            past: keys and values of the places before x. Of a context, those of all of it: it is not looked at again.
        """
        x = narrowed(x)
        q, past_and_new = self._queries(x, context, past)
        plain = self.causal and seen is None and past is None  # what kernels know by themselves
        mask = None if plain else self._mask(q.shape[2], past_and_new.length, seen, q.device)
        gathered = gather(q, *past_and_new, mask, plain, self.dropout if self.training else 0.0)
        return self.out(gathered.transpose(1, 2).flatten(2)), past_and_new

    @torch.no_grad()
    def weights(
        self, x: Tensor, context: Tensor | None = None, *, seen: Tensor | None = None, past: Past | None = None
    ) -> Tensor:
        """How much of each place goes into what each place of x gathers: (B, heads, T, S), every row of which sums to 1.

        The arguments are those of `forward`, which gathers with these weights, dropout aside, and never lays them out.
        """
        q, past_and_new = self._queries(x, context, past)
        keys = past_and_new.keys.repeat_interleave(self.heads // self.groups, 1)
        scores = (q @ keys.mT).float() / math.sqrt(q.shape[-1])
        mask = self._mask(q.shape[2], past_and_new.length, seen, q.device)
        return (scores if mask is None else scores.masked_fill(~mask, -torch.inf)).softmax(-1)

    def _queries(self, x: Tensor, context: Tensor | None, past: Past | None) -> tuple[Tensor, Past]:
        """The queries of x, and the keys and values that they are held against, those of the past first."""
        q = _heads(self.query(x), self.heads)
        if context is not None and past is not None:
            return q, past
        k, v = (_heads(part, self.groups) for part in self.key_value(x if context is None else context).chunk(2, -1))
        if self.rotary:
            before = 0 if past is None else past.length
            q, k = rotated(q, before), rotated(k, before)
        return q, Past(k, v) if past is None else Past(torch.cat([past.keys, k], 2), torch.cat([past.values, v], 2))

    def _mask(self, asking: int, given: int, seen: Tensor | None, device: torch.device) -> Tensor | None:
        """Which places may gather from which, broadcast to (B, heads, T, S); None where all may."""
        mask = None if seen is None else seen[:, None, None, :]
        if self.causal and asking > 1:
            before = torch.ones(asking, given, dtype=torch.bool, device=device).tril(given - asking)
            mask = before if mask is None else mask & before
        return mask


def gather(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, causal: bool, dropout: float) -> Tensor:
    """softmax(q k' / sqrt(d)) v: (B, heads, T, d) of (B, groups, S, d), where a mask, or with `causal` the order, permits.

    PyTorch's kernel for processors goes backwards through bf16 up to eight times as slowly as through what is written out.
    """
    if not (q.device.type == "cpu" and q.dtype == torch.bfloat16 and q.requires_grad):
        shared = k.shape[1] < q.shape[1]
        return F.scaled_dot_product_attention(q, k, v, mask, dropout, causal, enable_gqa=shared)
    heads, asking, given = q.shape[1], q.shape[2], k.shape[2]
    k, v = (x if x.shape[1] == heads else x.repeat_interleave(heads // x.shape[1], 1) for x in (k, v))
    q, k, v = (x.flatten(0, 1) for x in (q, k, v))
    if not causal:
        unseen = None if mask is None else _unseen(mask.expand(-1, heads, asking, given).flatten(0, 1), q.dtype)
        return _written_out(q, k, v, unseen, dropout).unflatten(0, (-1, heads))
    unseen, half = _unseen(torch.ones(asking, given, dtype=torch.bool).tril(), q.dtype), asking // 2
    # The early half of the places sees none of the late half.
    early = _written_out(q[:, :half], k[:, :half], v[:, :half], unseen[:half, :half], dropout)
    late = _written_out(q[:, half:], k, v, unseen[half:], dropout)
    return torch.cat([early, late], 1).unflatten(0, (-1, heads))


def _unseen(mask: Tensor, dtype: torch.dtype) -> Tensor:
    """What is added to scores: nothing where the mask is true, and what leaves nothing of them elsewhere."""
    return torch.zeros(mask.shape, dtype=dtype).masked_fill_(~mask, torch.finfo(dtype).min)


def _written_out(q: Tensor, k: Tensor, v: Tensor, unseen: Tensor | None, dropout: float) -> Tensor:
    """(N, T, d) of N heads, all in a row."""
    added = q.new_zeros(()) if unseen is None else unseen
    scores = torch.baddbmm(added.expand(len(q), q.shape[1], k.shape[1]), q, k.mT, alpha=q.shape[-1] ** -0.5)
    return torch.bmm(F.dropout(scores.softmax(-1), dropout), v)


@contextlib.contextmanager
def attention_weights(model: nn.Module) -> Iterator[dict[str, Tensor]]:
    """The weights (B, heads, T, S) of each `Attention` of a model, by its name, at its last call within.

        with attention_weights(gpt) as weights:
            gpt.begin(prompt)
        weights["stack.blocks.0.attention"]

    They are worked out beside what the model does; where nobody asks, nothing is.
    """
    weights: dict[str, Tensor] = {}

    def keep(name: str, attention: nn.Module, given: tuple[Any, ...], named: dict[str, Any]) -> None:
        assert isinstance(attention, Attention)
        weights[name] = attention.weights(*given, **named)

    with contextlib.ExitStack() as hooks:
        for name, module in model.named_modules():
            if isinstance(module, Attention):
                hook = module.register_forward_pre_hook(partial(keep, name), with_kwargs=True)
                hooks.callback(hook.remove)
        yield weights


def _heads(x: Tensor, heads: int) -> Tensor:
    """(B, T, heads * d) -> (B, heads, T, d)."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def rotated(x: Tensor, first: int = 0) -> Tensor:
    """The numbers of x (..., T, d), pairs of which (the i-th and the d/2 + i-th) are turned by the place's angle.

    angle(t, i) = (first + t) / 10000^(2 i / d)
    """
    half = x.shape[-1] // 2
    rates = torch.exp(torch.arange(half, device=x.device) * (-math.log(SLOWEST) / half))
    angles = torch.arange(first, first + x.shape[-2], device=x.device)[:, None] * rates
    return turned(x, angles.cos(), angles.sin())


def narrowed(x: Tensor) -> Tensor:
    """Under autocast as its products take it: what several of them read is then narrowed once."""
    kind = x.device.type
    return x.to(torch.get_autocast_dtype(kind)) if torch.is_autocast_enabled(kind) else x


def sinusoidal(length: int, width: int) -> Tensor:
    """A vector for each place, (length, width): sines and cosines of it, from fast to slow.

    >>> sinusoidal(2, 4)
    tensor([[0.0000, 0.0000, 1.0000, 1.0000],
            [0.8415, 0.0100, 0.5403, 0.9999]])
    """
    half = width // 2
    rates = torch.exp(torch.arange(half) * (-math.log(SLOWEST) / half))
    angles = torch.arange(length)[:, None] * rates
    return F.pad(torch.cat([angles.sin(), angles.cos()], -1), (0, width - 2 * half))


def sinusoidal_2d(height: int, breadth: int, width: int) -> Tensor:
    """A vector for each place of an image, (height, breadth, width): one half tells the row, the other the column."""
    half = width // 2
    rows = sinusoidal(height, half)[:, None].expand(-1, breadth, -1)
    columns = sinusoidal(breadth, width - half)[None].expand(height, -1, -1)
    return torch.cat([rows, columns], -1)
