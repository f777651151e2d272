"""Random streams, each a function of a seed and a key: nothing is drawn from a hidden global state."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from contextvars import ContextVar

import numpy as np
import torch
from torch import Tensor


def stream(seed: int, *key: int) -> int:
    """The seed of one of the independent random streams below a root seed.

    >>> stream(0, 1) == stream(0, 1), stream(0, 1) == stream(0, 2)
    (True, False)
    """
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)[0])


_ROWS: ContextVar[tuple[int, int]] = ContextVar("rows", default=(0, 1))


@contextlib.contextmanager
def rows(part: int, parts: int) -> Iterator[None]:
    """Noise that is drawn in here without a generator of its own is for one of several equal parts of a batch: it is drawn for
    all of the batch, and the rows of this part are kept.

    >>> with rows(0, 2):
    ...     first = torch.manual_seed(0), normal((2, 3), torch.device("cpu"))
    >>> whole = torch.manual_seed(0), normal((4, 3), torch.device("cpu"))
    >>> torch.equal(first[1], whole[1][:2])
    True
    """
    token = _ROWS.set((part, parts))
    try:
        yield
    finally:
        _ROWS.reset(token)


def normal(shape: Sequence[int], device: torch.device, generator: torch.Generator | None = None) -> Tensor:
    """Standard normal noise on a device, drawn where the generator is, so that one generator serves every device."""
    if generator is None and (parts := _ROWS.get()[1]) > 1:
        return _own(torch.randn(parts * shape[0], *shape[1:], device=device))
    where = device if generator is None else generator.device
    return torch.randn(*shape, generator=generator, device=where).to(device)


def uniform(
    shape: Sequence[int],
    device: torch.device,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Noise uniform in [0, 1) on a device, drawn where the generator is."""
    if generator is None and (parts := _ROWS.get()[1]) > 1:
        return _own(torch.rand(parts * shape[0], *shape[1:], device=device, dtype=dtype))
    where = device if generator is None else generator.device
    return torch.rand(*shape, generator=generator, device=where, dtype=dtype).to(device)


def _own(whole: Tensor) -> Tensor:
    """The rows of this part."""
    part, parts = _ROWS.get()
    return whole.chunk(parts)[part]
