"""What a person sees of a long run: a live bar on a terminal, one plain line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import IO, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

LIVE_SECONDS = 0.2
PLAIN_SECONDS = 5.0


class Display:
    """Progress towards `steps` (or episodes, generations: `unit`), or towards a time budget of `seconds` where none are given.

    With `quiet` nothing is shown but what is said.
    """

    def __init__(
        self,
        steps: int | None,
        seconds: float | None,
        stream: IO[str] | None = None,
        *,
        unit: str = "step",
        quiet: bool = False,
    ) -> None:
        self._steps, self._budget, self._unit, self._quiet = steps, seconds, unit, quiet
        self._console = Console(file=stream or sys.stderr, highlight=False)
        self._live: Progress | None = None
        self._shown = self._started = time.monotonic()
        self._first_step: int | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal and not self._quiet:
            columns = (BarColumn(24), TextColumn("{task.description}", markup=False))
            self._live = Progress(*columns, console=self._console, auto_refresh=False, transient=True)
            self._live.start()
            self._live.add_task("starting", total=1.0)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._live:
            self._live.stop()

    def say(self, message: str) -> None:
        """One line that stays."""
        self._console.print(message, markup=False, soft_wrap=True)

    def show(self, step: int, seconds: float, values: Callable[[], Mapping[str, float]], last: bool = False) -> None:
        """Show where the run is, unless that was just done; `values` is asked only when it is."""
        now = time.monotonic()
        if self._first_step is None:
            self._first_step, self._started = step, now
        if self._quiet:
            return
        if not last and now - self._shown < (LIVE_SECONDS if self._live else PLAIN_SECONDS):
            return
        self._shown = now
        rate = (step - self._first_step) / max(now - self._started, 1e-9)
        done = self._done(step, seconds)
        line = f"{self._position(step, seconds)}  {rate:.3g} {self._unit}s/s  {_brief(values())}"
        if self._live and not last:
            self._live.update(self._live.task_ids[0], completed=done, description=line, refresh=True)
        else:
            self.say(line)

    def _done(self, step: int, seconds: float) -> float:
        shares = [step / self._steps if self._steps else 0.0, seconds / self._budget if self._budget else 0.0]
        return min(max(shares), 1.0)

    def _position(self, step: int, seconds: float) -> str:
        steps = f"{self._unit} {step:,}" + (f" of {self._steps:,}" if self._steps else "")
        clock = _clock(seconds) + (f" of {_clock(self._budget)}" if self._budget else "")
        return f"{steps}  {clock}"


def _brief(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
