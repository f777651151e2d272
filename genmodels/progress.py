"""What a person sees of a long run: a live display, and a record of every figure.

`Display` is a live bar on a terminal and one plain line every few seconds elsewhere. `Journal` appends to `metrics.jsonl` and
to TensorBoard; a resumed run drops what was written after its checkpoint, so the record has no doubles.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

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


class Journal:
    """`metrics.jsonl` and `tb/` of a run folder: a line for each step logged, `{"step": ..., "seconds": ..., name: value}`."""

    def __init__(self, folder: Path, kept: int, step: int) -> None:
        """Go on after the first `kept` bytes of the file, and after `step` on the board."""
        path = folder / "metrics.jsonl"
        path.touch()
        self._file = open(path, "r+b")  # noqa: SIM115 (closed by close)
        self._file.truncate(min(kept, path.stat().st_size))
        self._file.seek(0, os.SEEK_END)
        self._board = _board(folder / "tb", step)

    def write(self, step: int, seconds: float, values: Mapping[str, float]) -> None:
        """Record the figures of one step; a figure that is not finite is written as null."""
        plain = {name: value if abs(value) < float("inf") else None for name, value in values.items()}
        line = json.dumps({"step": step, "seconds": round(seconds, 3), **plain}, allow_nan=False)
        self._file.write(line.encode() + b"\n")
        self._file.flush()
        for name, value in values.items():
            self._board.add_scalar(name, value, step)

    def sync(self) -> int:
        """Bring everything written so far to the disk itself; how many bytes that is."""
        os.fsync(self._file.fileno())
        return self._file.tell()

    def close(self) -> None:
        """Flush and let go of both."""
        self._file.close()
        self._board.close()


def _board(folder: Path, step: int) -> Any:
    from torch.utils.tensorboard import SummaryWriter  # takes most of a second to import

    return SummaryWriter(str(folder), purge_step=step + 1)


def _brief(values: Mapping[str, float]) -> str:
    return "  ".join(f"{name} {value:.4g}" for name, value in values.items())


def _clock(seconds: float) -> str:
    return f"{int(seconds) // 60}:{int(seconds) % 60:02d}"
