"""The record of every figure of a run: `metrics.jsonl`, and TensorBoard's files.

A resumed run drops what was written after its checkpoint, so the record has no doubles.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any


class MetricsLog:
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
