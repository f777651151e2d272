"""Batches as functions of a seed and a step: nothing to save, nothing to lose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from genmodels.random_streams import stream

Texts = Tensor | tuple[Tensor, Tensor]  # of tokens, (B, T), or with the lengths (B,) of those that are padded


def checked(x: Tensor, shape: Sequence[int], owner: str) -> Tensor:
    """The examples x, if each is of this shape.

    >>> checked(torch.zeros(8, 3), shape=(2,), owner="box")
    Traceback (most recent call last):
    ValueError: this box was built for examples of shape (2,), these are (3,)
    """
    if tuple(x.shape[1:]) != tuple(shape):
        what = "images" if len(shape) == 3 else "examples"
        raise ValueError(f"this {owner} was built for {what} of shape {tuple(shape)}, these are {tuple(x.shape[1:])}")
    return x


def checked_tokens(x: Tensor, tokens: int) -> Tensor:
    """The texts x (B, T), if they are of so many different tokens.

    >>> checked_tokens(torch.tensor([[0, 5]]), tokens=5)
    Traceback (most recent call last):
    ValueError: texts are (B, T) of whole numbers from 0 to 4, these are of shape (1, 2) and torch.int64, from 0 to 5
    """
    if x.ndim == 2 and not x.is_floating_point() and (not x.numel() or 0 <= x.min() <= x.max() < tokens):
        return x.long()
    found = f", from {x.min().item():g} to {x.max().item():g}" if x.numel() else ""
    these = f"these are of shape {tuple(x.shape)} and {x.dtype}{found}"
    raise ValueError(f"texts are (B, T) of whole numbers from 0 to {tokens - 1}, {these}")


def padded_tokens(texts: Texts, tokens: int) -> tuple[Tensor, Tensor]:
    """Texts (B, T), and which of their places are real: (B, T)."""
    x, lengths = (texts, None) if isinstance(texts, Tensor) else texts
    x = checked_tokens(x, tokens)
    n, longest = x.shape
    if not longest:
        raise ValueError("texts: each has at least one token, if only that of its end")
    if lengths is None:
        return x, torch.ones_like(x, dtype=torch.bool)
    if lengths.shape != (n,) or not 1 <= lengths.min() <= lengths.max() <= longest:
        raise ValueError(f"lengths is ({n},) of numbers from 1 to {longest}, not {lengths.tolist()}")
    return x, torch.arange(longest, device=x.device) < lengths.to(x.device)[:, None]


class Indexed(Protocol):
    """A data set: a length, and examples (a tensor, or a tuple of them) at a tensor of indices."""

    def __len__(self) -> int:
        """The number of examples."""

    def __getitem__(self, index: Any, /) -> Any:
        """The examples at a tensor of indices."""


class Shuffled:
    """Batches as a function of step: each epoch is another permutation of the data, and depends on (seed, epoch) alone.

    What does not fill a batch at the end of an epoch waits for another permutation.

    >>> batches = Shuffled(torch.arange(4), 2, seed=0)
    >>> sorted(torch.cat([batches(0), batches(1)]).tolist())
    [0, 1, 2, 3]
    """

    def __init__(self, data: Indexed | Tensor, size: int, seed: int = 0) -> None:
        if len(data) == 0:
            raise ValueError("there are no examples to train on")
        if size < 1:
            raise ValueError(f"a batch has at least one example, not {size}")
        self.data, self.size, self.seed = data, min(size, len(data)), seed
        self._epoch, self._order = -1, torch.empty(0, dtype=torch.long)

    def __call__(self, step: int) -> Any:
        epoch, position = divmod(step, len(self.data) // self.size)
        if epoch != self._epoch:
            order = np.random.default_rng(stream(self.seed, epoch)).permutation(len(self.data))
            self._epoch, self._order = epoch, torch.from_numpy(order)
        return self.data[self._order[position * self.size : (position + 1) * self.size]]


class Part:
    """Some of the examples of a data set, at the places that `index` names."""

    def __init__(self, data: Indexed | Tensor, index: Tensor) -> None:
        self._data, self._index = data, index

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, index: Any, /) -> Any:
        return self._data[self._index[index]]


def split(data: Indexed | Tensor, share: float, seed: int = 0) -> tuple[Part, Part]:
    """The data without a random share of it, and that share.

    >>> rest, held = split(torch.arange(10), 0.2)
    >>> len(rest), len(held)
    (8, 2)
    """
    order = torch.from_numpy(np.random.default_rng(stream(seed, 0, 1)).permutation(len(data)))
    count = int(share * len(data))
    return Part(data, order[count:]), Part(data, order[:count])


def to_device(batch: Any, device: torch.device, layout: torch.memory_format = torch.preserve_format) -> Any:
    """A batch (a tensor, or a tuple or dict of them) on the device; bytes are images, and become floats in [0, 1] there.

    A named tuple stays one.
    """
    if isinstance(batch, Tensor):
        placed = batch.to(device, non_blocking=True)
        placed = placed.float().div_(255.0) if placed.dtype == torch.uint8 else placed
        images = placed.ndim == 4 and layout != torch.preserve_format
        return placed.to(memory_format=layout) if images else placed
    if isinstance(batch, dict):
        return {key: to_device(value, device, layout) for key, value in batch.items()}
    if isinstance(batch, (tuple, list)):
        placed_all = tuple(to_device(value, device, layout) for value in batch)
        return type(batch)(*placed_all) if hasattr(batch, "_fields") else placed_all
    raise TypeError(f"a batch is a tensor, or a tuple or dict of tensors, not {type(batch).__name__}")
