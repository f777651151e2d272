"""Episodes put on disk while others are played: who plays does not wait for the disk."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from worldmodels.replay_store import Replay
from worldmodels.types import Episode

AHEAD = 4096  # frames that may be on their way: 50 MB


class ReplayWriter:
    """Appends to a replay, in the order in which episodes come, in a thread of its own.

        with ReplayWriter(replay) as writer:
            rollout(env, policy, 100, keep=lambda episode, played: writer.keep(episode))

    What comes while the disk is at work is written and sealed together, next: of many short episodes not each waits for it.
    When the block has ended, all that came is on disk. What went wrong is raised by the next `keep`, or by the end; if who
    plays fails first, it is noted on that error.
    """

    def __init__(self, replay: Replay) -> None:
        self._replay = replay
        self._changed = threading.Condition()
        self._waiting: list[Episode] = []
        self._frames = 0  # of those that wait and of those that are being written
        self._ended = False
        self._failed: BaseException | None = None
        self._thread = threading.Thread(target=self._write, name="replay-writer", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._thread.join()
        if self._failed is None:
            return
        if error is None:
            raise self._failed
        if error is not self._failed:
            error.add_note(f"Nor could all that came before be kept: {self._failed}")

    def keep(self, episode: Episode) -> None:
        """Take an episode; wait only where too many are on their way."""
        with self._changed:
            self._changed.wait_for(lambda: self._frames < AHEAD or self._failed is not None)
            if self._failed is not None:
                raise self._failed
            self._waiting.append(episode)
            self._frames += len(episode.obs)
            self._changed.notify_all()

    def _write(self) -> None:
        while group := self._next():
            try:
                self._replay.append(*group)
            except BaseException as error:  # whatever it is, it is the player's to know
                with self._changed:
                    self._failed = error
                    self._changed.notify_all()
                return
            with self._changed:
                self._frames -= sum(len(episode.obs) for episode in group)
                self._changed.notify_all()

    def _next(self) -> list[Episode]:
        """All that wait, as soon as there are any; none, when no more will come."""
        with self._changed:
            self._changed.wait_for(lambda: bool(self._waiting) or self._ended)
            group, self._waiting = self._waiting, []
            return group
