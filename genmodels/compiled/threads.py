"""Threads that compiled loops and matrix products run on side by side: PyTorch's own, or some beside it.

After an operation the threads of PyTorch wait awake for the next, for milliseconds, on cores that others could use. So loops
run on these same threads where the library that has them can be asked (GNU's OpenMP): they begin at once, in nobody's way.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Barrier
from typing import Any, TypeVar

import torch

T = TypeVar("T")
R = TypeVar("R")


def each(work: Callable[[T], object], items: Sequence[T], count: int) -> None:
    """Do work for every item, on so many threads, of which this is one; what goes wrong in another is raised here.

    Each does alone what it does by PyTorch.
    """
    left = iter(enumerate(items))  # of one list, from which each takes the next
    wrong: dict[int, BaseException] = {}

    def take(_: object = None) -> None:
        reached = -1
        try:
            for at, item in left:
                reached = at
                if wrong:
                    break
                work(item)
        except BaseException as error:  # also Ctrl-C: none may leave a routine that another library called
            wrong[reached] = error

    if count < 2:
        take()
    elif team() is not None:
        team()(_ROUTINE(take), None, count, 0)
    else:
        others = [workers(count - 1).submit(take) for _ in range(count - 1)]
        with alone():
            take()
        wait(others)  # nobody works on what the caller has left
    if wrong:
        raise wrong[min(wrong)]  # the first of them, as if they had been done one after the other


@cache
def team() -> Any:
    """GNU OpenMP's own entry to a parallel region, (routine, data, threads, flags), of the library that PyTorch has loaded."""
    for path in (Path(torch.__file__).parent / "lib").glob("libgomp*.so*"):
        region = ctypes.CDLL(str(path)).GOMP_parallel
        region.argtypes, region.restype = [_ROUTINE, ctypes.c_void_p, ctypes.c_uint, ctypes.c_uint], None
        return region
    return None


_ROUTINE = ctypes.CFUNCTYPE(None, ctypes.c_void_p)


def mapped(work: Callable[[T], R], items: Sequence[T], count: int) -> list[R]:
    """What work gives for each item, in their order, on so many threads."""
    found: dict[int, R] = {}
    each(lambda at: found.update({at: work(items[at])}), range(len(items)), count)
    return [found[at] for at in range(len(items))]


@contextmanager
def alone() -> Iterator[None]:
    """PyTorch without threads of its own."""
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
