"""Where episodes are played: in this process, or on every node of a Ray cluster (Moritz et al. 2018, arXiv 1712.05889).

    work(shared, task, keep) -> result          tasks of one kind, and what they have in common

What a task brings is a function of its arguments alone, so it does not matter who does it, how many there are to do them, or
that one died half-way and another began anew. Results come in the order of the tasks.
"""

from __future__ import annotations

import contextlib
import logging
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, wait
from itertools import islice
from queue import SimpleQueue
from threading import Event
from typing import Any, Literal, TypeVar, get_args

from genmodels.interruption import LEAVE

Shared = TypeVar("Shared")
Task = TypeVar("Task")
Result = TypeVar("Result")
Keep = Callable[..., None] | None  # is given what comes up on the way, as it comes up
Work = Callable[[Shared, Task, Keep], Result]
Said = SimpleQueue[tuple[Any, ...] | None]

Where = Literal["here", "ray"]

WAITING = 2  # tasks for each core of the cluster that are handed out before the first has come back
LIVES = 20  # times that a task is begun anew after its worker died


class Backend(ABC):
    """Does tasks."""

    @abstractmethod
    def map(
        self, work: Work[Shared, Task, Result], shared: Shared, tasks: Iterable[Task], keep: Keep = None
    ) -> Iterator[Result]:
        """The results of tasks, in their order.

        Arguments:
            work: a function of a module, (shared, task, keep) -> result.
            shared: what they have in common; it goes to each node once.
            tasks: plain data.
            keep: given to each, or called here with what it was called with there.
        """


class Here(Backend):
    """In this process: as many tasks side by side as PyTorch has threads, each on one of its own.

    While one waits for its agent another simulates, so that no core is idle.
    """

    def map(
        self, work: Work[Shared, Task, Result], shared: Shared, tasks: Iterable[Task], keep: Keep = None
    ) -> Iterator[Result]:
        """The results of tasks, in their order; `keep` is called here as things come up, for one task after the other."""
        from torch import get_num_threads  # this module is imported where --help is answered

        from genmodels.compiled.threads import workers

        threads, left, leave = get_num_threads(), iter(tasks), Event()
        doing = deque[tuple[Future[Any], Said]]()

        def begin(some: int) -> None:
            for task in islice(left, some):
                said = Said()
                doing.append((workers(threads).submit(_beside, work, shared, task, said, keep is not None, leave), said))

        try:
            begin(threads + 1)  # who is done has the next at hand
            while doing:
                future, said = doing[0]
                while (arguments := said.get()) is not None:
                    keep(*arguments)  # type: ignore[misc]  # nothing is said where nobody asks
                result = future.result()
                doing.popleft()
                begin(1)
                yield result
        finally:
            leave.set()
            wait([future for future, _ in doing])


def _beside(work: Any, shared: Any, task: Any, said: Said, asked: bool, leave: Event) -> Any:
    """One task, in a thread: its result. What it wants kept it says, and in the end nothing."""
    try:
        LEAVE.set(leave)
        return work(shared, task, (lambda *arguments: said.put(arguments)) if asked else None)
    finally:
        said.put(None)


class RayCluster(Backend):
    """Spread over a Ray cluster: that of $RAY_ADDRESS, else one that runs on this machine, else one that begins and ends here.

    The nodes need this package at the same version, and whatever the environment needs.
    """

    def __init__(self) -> None:
        try:
            import ray
        except ImportError:
            raise ImportError('the backend "ray" needs Ray: pip install "worldmodels[ray]"') from None
        self._ray = ray
        if not ray.is_initialized():
            ray.init(log_to_driver=False, logging_level=logging.ERROR, include_dashboard=False)
        self._put: tuple[Any, Any] | None = None  # what was last shared, and where it is

    def map(
        self, work: Work[Shared, Task, Result], shared: Shared, tasks: Iterable[Task], keep: Keep = None
    ) -> Iterator[Result]:
        """The results of tasks, in their order; `keep` is called when a task is done."""
        if self._put is None or self._put[0] is not shared:
            self._put = shared, self._ray.put(shared)
        remote = self._ray.remote(max_retries=LIVES, num_cpus=1)(_kept)
        left, out = iter(tasks), deque[Any]()
        ahead = WAITING * max(1, int(self._cores()))
        out.extend(remote.remote(work, self._put[1], task, keep is not None) for task in islice(left, ahead))
        try:
            while out:
                kept, result = self._ray.get(out.popleft())
                for arguments in kept:
                    keep(*arguments)  # type: ignore[misc]  # nothing is kept where nobody asks
                yield result
                out.extend(remote.remote(work, self._put[1], task, keep is not None) for task in islice(left, 1))
        finally:
            for unfinished in out:
                with contextlib.suppress(self._ray.exceptions.RayError):  # it ended meanwhile, or its worker did
                    self._ray.cancel(unfinished, force=True)

    def _cores(self) -> float:
        return float(self._ray.cluster_resources().get("CPU", 1.0))  # type: ignore[no-untyped-call]


def _kept(work: Any, shared: Any, task: Any, asked: bool) -> tuple[list[tuple[Any, ...]], Any]:
    """One task, somewhere: what it wants kept, and its result."""
    kept: list[tuple[Any, ...]] = []
    result = work(shared, task, (lambda *arguments: kept.append(arguments)) if asked else None)
    return kept, result


def backend(name: Where) -> Backend:
    """The backend of a name."""
    if name not in get_args(Where):
        raise ValueError(f"--backend: one of {', '.join(get_args(Where))}, not {name!r}")
    return RayCluster() if name == "ray" else Here()
