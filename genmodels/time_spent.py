"""What a work has taken, kept while it goes on: kill -9 loses a few seconds of the account."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator

PERIOD = 10.0  # seconds


@contextlib.contextmanager
def kept(keep: Callable[[], object]) -> Iterator[None]:
    """Call `keep` now, every few seconds from a thread of its own, and once more when the block is left, however it is left."""
    left = threading.Event()

    def go_on() -> None:
        while not left.wait(PERIOD):
            keep()

    thread = threading.Thread(target=go_on, name="time spent", daemon=True)
    keep()
    thread.start()
    try:
        yield
    finally:
        left.set()
        thread.join()
        keep()
