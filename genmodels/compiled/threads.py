"""Threads that compiled loops and matrix products run on side by side, each without threads of PyTorch's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from threading import Barrier
from typing import TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def each(work: Callable[[T], object], items: Sequence[T], count: int) -> None:
    """Do work for every item, on so many threads, of which this is one; what goes wrong in another is raised here."""
    left = iter(items)  # of one list, from which each takes the next

    def take() -> None:
        for item in left:
            work(item)

    others = [workers(count - 1).submit(take) for _ in range(count - 1)] if count > 1 else []
    try:
        with alone():
            take()
    finally:
        wait(others)  # nobody works on what the caller has left
    for other in others:
        other.result()


def mapped(work: Callable[[T], R], items: Sequence[T], count: int) -> list[R]:
    """What work gives for each item, in their order, on so many threads."""
    found: dict[int, R] = {}
    each(lambda at: found.update({at: work(items[at])}), range(len(items)), count)
    return [found[at] for at in range(len(items))]


@contextmanager
def alone() -> Iterator[None]:
    """PyTorch without threads of its own: after an operation they wait awake for the next, on cores that others could use."""
    before = torch.get_num_threads()
    if before > 1:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        if before > 1:
            torch.set_num_threads(before)


@cache
def workers(count: int) -> ThreadPoolExecutor:
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
