"""Threads that compiled loops and matrix products run on side by side, without a thread of PyTorch's between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from threading import Barrier
from typing import TypeVar

import torch

T = TypeVar("T")


def each(work: Callable[[T], object], items: Sequence[T], count: int) -> None:
    """Do work for every item, on as many threads; what goes wrong there is raised here."""
    if count == 1:
        for item in items:
            work(item)
    else:
        for done in [_pool(count).submit(work, item) for item in items]:
            done.result()


@contextmanager
def alone() -> Iterator[None]:
    """PyTorch without threads of its own: after each operation they wait awake for the next, on the cores of those above."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@cache
def _pool(count: int) -> ThreadPoolExecutor:
    """Threads in which PyTorch does what it does without others, for as long as the process lives."""
    begun = Barrier(count + 1)

    def begin() -> None:
        torch.set_num_threads(1)
        torch.get_num_threads()  # a thread that asks for the first time takes the number that was set last, by whichever thread
        begun.wait()

    before = torch.get_num_threads()
    pool = ThreadPoolExecutor(count, "compiled", initializer=begin)
    for _ in range(count):
        pool.submit(int)
    begun.wait()
    torch.set_num_threads(before)  # the number is also that of threads to come
    return pool
