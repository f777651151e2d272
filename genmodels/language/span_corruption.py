"""Plain text as a task of reading and writing: some spans are taken out, and are to be written (Raffel et al. 2020).

    text      the cat sat on the mat
    source    the <0> on the <1>                each span that is gone leaves a sentinel
    target    <0> cat sat <1> mat <2>           each sentinel and what stood there; the last one is the end

Sentinels are the numbers from `first` on. Of a text of L tokens round(share L) are gone, in spans of about `mean` tokens; spans
and what stands between them are of random lengths, of which all are equally likely.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genmodels.batches import Indexed
from genmodels.random_streams import stream


def corrupted(x: Tensor, gone: Tensor, first: int) -> tuple[Tensor, Tensor]:
    """Source and target of a text (T,) of which the tokens that are `gone` (T,) are taken out.

    >>> corrupted(torch.tensor([5, 6, 7, 8]), torch.tensor([False, True, True, False]), first=10)
    (tensor([ 5, 10,  8]), tensor([10,  6,  7, 11]))
    """
    if len(x) and x.max() >= first:
        raise ValueError(f"first: sentinels begin above the tokens, of which one is {int(x.max())}; not at {first}")
    source: list[int] = []
    target: list[int] = []
    sentinel = first
    for out, run in groupby(zip(x.tolist(), gone.tolist(), strict=True), key=lambda each: each[1]):
        tokens = [token for token, _ in run]
        source += [sentinel] if out else tokens
        target += [sentinel, *tokens] if out else []
        sentinel += out
    return torch.tensor(source), torch.tensor([*target, sentinel])


def spans(target: Tensor, first: int) -> dict[int, list[int]]:
    """What a target (T,) tells of each sentinel.

    >>> spans(torch.tensor([10, 6, 7, 11]), first=10)
    {10: [6, 7], 11: []}
    """
    found: dict[int, list[int]] = {}
    span: list[int] = []  # what stands before the first sentinel belongs nowhere
    for token in target.tolist():
        if token >= first:
            span = found.setdefault(token, [])
        else:
            span.append(token)
    return found


def restored(source: Tensor, target: Tensor, first: int) -> Tensor:
    """The text (T,) of which they are source and target; where a target tells nothing of a sentinel there is nothing.

    >>> restored(torch.tensor([5, 10, 8]), torch.tensor([10, 6, 7, 11]), first=10)
    tensor([5, 6, 7, 8])
    """
    told = spans(target, first)
    filled = [told.get(token, []) if token >= first else [token] for token in source.tolist()]
    return torch.tensor([token for part in filled for token in part], dtype=torch.int64)


class SpanCorruption:
    """A data set of (source, target) of texts (T,) of one length, so without padding. Text i always loses the same spans.

    Arguments:
        texts: indexed by a tensor (B,), they are (B, T).
        first: the first sentinel; with the last there are `sentinels` of them.
        share: of the tokens that are gone.
        mean: tokens of a span.
        seed: of where the spans are.

    >>> letters = SpanCorruption(torch.arange(20).view(1, 20), first=100, share=0.2, mean=2.0)
    >>> source, target = letters[torch.tensor([0])]
    >>> letters.sentinels, source.shape, target.shape  # 16 tokens and 2 sentinels; 4 tokens and 3 sentinels
    (3, torch.Size([1, 18]), torch.Size([1, 7]))
    """

    def __init__(self, texts: Indexed | Tensor, first: int, share: float = 0.15, mean: float = 3.0, seed: int = 0) -> None:
        self.texts, self.first, self.seed = texts, first, seed
        length = texts[torch.tensor([0])].shape[1]
        self.gone = round(share * length)
        if not 1 <= self.gone < length:
            raise ValueError(f"share: of {length} tokens some go and some stay; {share} of them are {self.gone}")
        if not mean >= 1.0:
            raise ValueError(f"mean: a span has at least one token, not {mean}")
        self.spans = min(max(round(self.gone / mean), 1), length - self.gone)
        self.sentinels = self.spans + 1

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: Any, /) -> tuple[Tensor, Tensor]:
        rows = torch.as_tensor(index).tolist()
        pairs = [corrupted(x, self._mask(row, len(x)), self.first) for row, x in zip(rows, self.texts[index], strict=True)]
        sources, targets = zip(*pairs, strict=True)
        return torch.stack(sources), torch.stack(targets)

    def _mask(self, row: int, length: int) -> Tensor:
        """Which tokens of a text are gone: (length,). What stays and what goes take turns, and something stays first."""
        rng = np.random.default_rng(stream(self.seed, row))
        stay, go = _parts(length - self.gone, self.spans, rng), _parts(self.gone, self.spans, rng)
        runs = [run for both in zip(stay, go, strict=True) for run in both]
        return torch.arange(2 * self.spans).remainder(2).bool().repeat_interleave(torch.tensor(runs))


def _parts(whole: int, parts: int, rng: np.random.Generator) -> Sequence[int]:
    """A whole in so many random parts of at least 1.

    >>> sum(_parts(10, 4, np.random.default_rng(0)))
    10
    """
    cuts: NDArray[np.int64] = np.sort(rng.choice(whole - 1, parts - 1, replace=False)) + 1
    return [after - before for before, after in pairwise([0, *cuts.tolist(), whole])]
