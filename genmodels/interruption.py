"""Leaving when asked to: SIGINT and SIGTERM end a run where its state is whole, and a second one ends it anyhow. Who works in
a thread for others leaves when they no longer wait.
"""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from contextvars import ContextVar
from types import FrameType
from typing import Any, Self

LEAVE: ContextVar[threading.Event | None] = ContextVar("LEAVE", default=None)  # set when nobody waits for this thread's work


class Left(Exception):
    """Nobody waits for this any more."""


class Interrupted(SystemExit):
    """The run was asked to stop and has saved itself; uncaught, the process leaves without a traceback."""


class Stop(BaseException):
    """Raised at a point where stopping is safe, with the number of the signal received."""

    def __init__(self, number: int) -> None:
        self.number = number

    @property
    def name(self) -> str:
        """SIGINT or SIGTERM."""
        return signal.Signals(self.number).name


class Signals:
    """Takes over both signals while it is entered (in the main thread; elsewhere Python allows no handlers)."""

    def __init__(self) -> None:
        self.received: int | None = None  # the number of the signal
        self._immediate = False
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._previous[number] = signal.signal(number, self._catch)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _catch(self, number: int, frame: FrameType | None) -> None:
        if self.received is not None:
            raise KeyboardInterrupt
        self.received = number
        if self._immediate:
            self.check()

    def check(self) -> None:
        """Stop here if asked to."""
        if self.received is not None:
            raise Stop(self.received)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """A stretch that may be cut short anywhere."""
        self._immediate = True
        try:
            yield
        finally:
            self._immediate = False
