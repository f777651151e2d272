"""A file that only grows, one line for each thing that is done for good.

A line is JSON and carries its own checksum. It is appended and fsynced after everything it speaks of, so a line that is there
seals what it names. A last line without its newline was cut off in the writing: readers pass over it, the writer removes it.

    {"index":0,"length":1000,...,"seal":"9b1c..."}
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from genmodels.storage import Corrupt

_SEAL = 16  # hexadecimal digits of SHA-256 that seal a line


class SealedLines:
    """The lines of a journal as they were when last read.

    Arguments:
        path: the file; it need not exist.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.lines: list[dict[str, Any]] = []
        self._read = 0  # bytes that hold the lines
        self.refresh()

    def refresh(self) -> int:
        """Read what was sealed since; how many lines that were."""
        try:
            with open(self.path, "rb") as file:
                if file.seek(0, os.SEEK_END) < self._read:
                    raise Corrupt(f"{self.path}: shorter than it was; a journal only grows. Open it anew")
                file.seek(self._read)
                data = file.read()
        except FileNotFoundError:
            if self.lines:
                raise Corrupt(f"{self.path}: missing") from None
            return 0
        whole = data[: data.rfind(b"\n") + 1]
        new = [self._open(line, len(self.lines) + count) for count, line in enumerate(whole.splitlines())]
        self.lines += new
        self._read += len(whole)
        return len(new)

    def append(self, *lines: dict[str, Any]) -> None:
        """Seal one more line, or several at once: when this returns they are on disk, and when it fails none is."""
        self.refresh()
        data = b"".join(to_line(facts) for facts in lines)
        with open(self.path, "ab", buffering=0) as file:
            file.truncate(self._read)
            try:
                if file.write(data) < len(data):  # the disk is full: the rest is refused with the reason
                    file.write(data[file.tell() - self._read :])
                os.fsync(file.fileno())
            except BaseException:
                file.truncate(self._read)
                raise
        self.refresh()

    def keep(self, count: int) -> None:
        """Remove all but the first lines, and a torn one."""
        self.lines = self.lines[:count]
        self._read = sum(len(to_line({key: value for key, value in line.items() if key != "seal"})) for line in self.lines)
        with open(self.path, "ab") as file:
            file.truncate(self._read)
            os.fsync(file.fileno())

    def _open(self, line: bytes, number: int) -> dict[str, Any]:
        with contextlib.suppress(ValueError, AttributeError, KeyError, TypeError):
            facts = json.loads(line)
            seal = facts.pop("seal")
            if to_line(facts) == line + b"\n":
                return {**facts, "seal": seal}
        raise Corrupt(f"{self.path}: line {number + 1} is damaged; restore the file from a copy")


def to_line(facts: dict[str, Any]) -> bytes:
    """Facts as their sealed line.

    >>> to_line({"length": 3})
    b'{"length":3,"seal":"d58e52ff93b314f1"}\\n'
    """
    return _json({**facts, "seal": _seal(facts)}) + b"\n"


def _seal(facts: dict[str, Any]) -> str:
    return hashlib.sha256(_json(facts)).hexdigest()[:_SEAL]


def _json(facts: dict[str, Any]) -> bytes:
    return json.dumps(facts, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()
