"""Episodes on disk: written once, sealed whole, read by stretches of time, also while more are being written.

    replay.json       what every episode agrees on: the shape of a frame, the size of an action
    obs/ act/ rew/    zarr arrays of one row for each moment; their files hold 1,024 rows, frames in chunks of 32
    episodes.jsonl    the journal: a line for each episode, with the row at which it begins

An episode begins at the beginning of a file, so no file is ever written twice: what it leaves empty takes no room. Its files
are written and fsynced first; then a line in the journal seals it. A writer killed at any moment loses at most the episodes
it was writing; the next one clears away what was left, and the folder is byte for byte that of a writer never killed. Every
chunk carries a checksum (CRC-32C), every line of the journal its own.

The arrays are declared longer than any replay can be, so that their descriptions need not change as they grow; how much of
them there is, the journal says.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import zarr
from numpy.typing import NDArray
from zarr.codecs import Crc32cCodec, ZstdCodec

from genmodels import storage
from genmodels.storage import Corrupt, DiskFull, StorageError
from worldmodels.chunk_files import Layout, read_rows, write_rows
from worldmodels.frame_batches import CHUNK, HELD, FrameBatches, FrameSet
from worldmodels.sealed_lines import SealedLines
from worldmodels.types import Entry, Episode, Frames

__all__ = ["FrameBatches", "FrameSet", "Replay"]

FACTS, JOURNAL = "replay.json", "episodes.jsonl"
VERSION = 1
FILE = 1024  # rows in a file
ROWS = 1 << 36  # rows that are declared
_FILE_NAME = re.compile(r"(\d+)(\.0)*")
_DISK_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


class Replay:
    """Episodes on disk; `Replay.create` to write, `Replay.open` to read.

        with Replay.create("runs/mine/replay", action_size=3) as replay:
            replay.append(episode)

    Use the class methods; the arguments are what they found.
    """

    def __init__(self, folder: Path, facts: Mapping[str, Any], held: contextlib.ExitStack | None = None) -> None:
        self.folder = folder
        self.obs_shape: tuple[int, ...] = tuple(facts["obs_shape"])
        self.action_size: int = facts["action_size"]
        self.episodes: list[Entry] = []
        self._held = held  # the lock, for who may write
        self._littered = True  # whether there may be files of no sealed episode
        self._journal = SealedLines(folder / JOURNAL)
        self._layouts: dict[str, Layout] = {}
        for name, about in _arrays(self.obs_shape, self.action_size).items():
            self._layouts[name] = Layout(about["dtype"], about["shape"][1:], about["chunks"][0], FILE)
            try:
                zarr.open_array(folder / name, mode="r")
            except (OSError, ValueError, KeyError, TypeError) as error:
                raise Corrupt(f"{folder / name / 'zarr.json'}: not the array that was made there ({error})") from None
        self._tell()

    # ----------------------------------------------------------------------------------------------------------- opening

    @classmethod
    def create(cls, folder: str | Path, *, obs_shape: Sequence[int] = (64, 64, 3), action_size: int) -> Self:
        """The replay in a folder, to write to: a new one, or what is there. One process at a time may have it so."""
        folder = Path(folder)
        facts = {"version": VERSION, "obs_shape": list(obs_shape), "action_size": action_size}
        if len(obs_shape) != 3 or min(obs_shape) < 1 or action_size < 1:
            raise ValueError(
                f"obs_shape, action_size: (height, width, 3) and at least 1, not {tuple(obs_shape)} and {action_size}"
            )
        with contextlib.ExitStack() as held:
            held.enter_context(storage.lock(folder))
            if not (folder / FACTS).exists():
                _make(folder, tuple(obs_shape), action_size)
                storage.write_json(folder / FACTS, facts)  # last: until it is there, there is no replay
            elif (theirs := _facts(folder)) != facts:
                wrong = next(name for name in facts if theirs[name] != facts[name])
                raise ValueError(
                    f"{folder}: {wrong} is {theirs[wrong]} there, not {facts[wrong]}; choose another folder, or remove this one"
                )
            replay = cls(folder, facts, held.pop_all())
        try:
            replay._clear()
        except BaseException:
            replay.close()
            raise
        return replay

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """The replay in a folder, to read from: what was sealed by now, and after each `refresh` what was sealed by then."""
        return cls(Path(folder), _facts(Path(folder)))

    def refresh(self) -> int:
        """Look for episodes that were sealed since; how many there are more."""
        self._journal.refresh()
        return self._tell()

    def close(self) -> None:
        """Let another process write."""
        if self._held is not None:
            self._held.close()
        self._held = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def _tell(self) -> int:
        lines = self._journal.lines[len(self.episodes) :]
        try:
            self.episodes += [Entry(**line) for line in lines]
        except TypeError:
            raise Corrupt(f"{self._journal.path}: written by another version; this one is {VERSION}") from None
        return len(lines)

    # ----------------------------------------------------------------------------------------------------------- writing

    def append(self, *episodes: Episode) -> int:
        """Keep episodes, all of them whole or none; the index of the last. When this returns they are on disk."""
        if self._held is None:
            raise StorageError(f"{self.folder}: opened to read; use Replay.create to write")
        for name, found, ours in (
            *(("obs", episode.obs.shape[1:], self.obs_shape) for episode in episodes),
            *(("act", episode.act.shape[1:], (self.action_size,)) for episode in episodes),
        ):
            if found != ours:
                raise ValueError(f"{name}: {found} a step, and this replay holds {ours}; make another replay for another world")
        if self._littered:
            self._clear()
        self._littered = True
        try:
            start, lines, written = self._next(), list[dict[str, Any]](), list[Path]()
            for index, episode in enumerate(episodes, len(self)):
                written += self._write(episode, start)
                lines.append(_line(episode, index, start))
                start = _after(start, len(episode.obs))
            _sync(*written, *{file.parent for file in written})
            self._journal.append(*lines)
        except BaseException as error:
            self.refresh()
            with contextlib.suppress(OSError):  # else the next append does it
                self._clear()
            if isinstance(error, OSError) and error.errno in _DISK_FULL:
                steps = sum(episode.length for episode in episodes)
                raise DiskFull(
                    f"{self.folder}: no room for {steps:,} steps ({error.strerror}); free some and run again"
                ) from None
            raise
        self._littered = False
        self._tell()
        return len(self) - 1

    def _write(self, episode: Episode, start: int) -> list[Path]:
        """Make an episode's files."""
        written = []
        for name, values in (("obs", episode.obs), ("act", episode.act), ("rew", episode.rew)):
            for row in range(0, len(values), FILE):
                written.append(self._file(name, start + row))
                write_rows(written[-1], self._layouts[name], values[row : row + FILE])
        return written

    def _next(self) -> int:
        """The row at which the next episode begins."""
        return _after(self.episodes[-1].start, self.episodes[-1].frames) if self.episodes else 0

    def _clear(self) -> None:
        """Remove what belongs to no sealed episode: what a writer that was killed has left."""
        for name in self._layouts:
            for found in os.scandir(self.folder / name):
                match = _FILE_NAME.fullmatch(found.name)
                if found.name != "zarr.json" and (match is None or int(match[1]) * FILE >= self._next()):
                    os.unlink(found.path)
        self._journal.keep(len(self))
        self._littered = False

    # ----------------------------------------------------------------------------------------------------------- reading

    def __len__(self) -> int:
        """How many episodes are sealed."""
        return len(self.episodes)

    @property
    def frames_total(self) -> int:
        """How many frames all episodes have together."""
        return sum(entry.frames for entry in self.episodes)

    def episode(self, index: int) -> Episode:
        """An episode as it was appended."""
        entry = self._entry(index)
        act, rew = (self._rows(name, entry, 0, entry.length) for name in ("act", "rew"))
        return Episode(self.obs(index), act, rew, entry.end, entry.trunc, dict(entry.facts))

    def act(self, index: int) -> NDArray[np.float32]:
        """The actions of an episode, (T, A)."""
        entry = self._entry(index)
        return self._rows("act", entry, 0, entry.length)

    def rew(self, index: int) -> NDArray[np.float32]:
        """The rewards of an episode, (T,)."""
        entry = self._entry(index)
        return self._rows("rew", entry, 0, entry.length)

    def obs(self, index: int, start: int = 0, stop: int | None = None) -> Frames:
        """Frames start to stop of an episode, (stop - start, height, width, 3); only their chunks are decoded."""
        entry = self._entry(index)
        stop = entry.frames if stop is None else stop
        if not 0 <= start <= stop <= entry.frames:
            raise IndexError(f"episode {index} has frames 0 to {entry.length}; {start} to {stop} were asked for")
        return self._rows("obs", entry, start, stop)

    def frames(self, held: int = HELD) -> FrameSet:
        """All frames there are now, as a data set for vision models."""
        return FrameSet(self, held)

    def _entry(self, index: int) -> Entry:
        if not 0 <= index < len(self):
            raise IndexError(f"{self.folder}: there are {len(self)} episodes, numbered from 0; {index} was asked for")
        return self.episodes[index]

    def _rows(self, name: str, entry: Entry, start: int, stop: int) -> Any:
        """Rows of an episode's array, file by file, so that an error can name the file."""
        parts = []
        first, last = entry.start + start, entry.start + stop
        while first < last:
            upto, file = min(last, (first // FILE + 1) * FILE), self._file(name, first)
            try:
                parts.append(read_rows(file, self._layouts[name], first % FILE, upto - first // FILE * FILE))
            except FileNotFoundError:
                raise Corrupt(f"{file}: missing; episode {entry.index} is in it") from None
            except ValueError as error:
                raise Corrupt(f"{file}: damaged, and with it episode {entry.index} ({error})") from None
            first = upto
        if not parts:
            return np.empty((0, *self._layouts[name].row), self._layouts[name].dtype)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _file(self, name: str, row: int) -> Path:
        return self.folder / name / ".".join([str(row // FILE), *"0" * len(self._layouts[name].row)])


def _line(episode: Episode, index: int, start: int) -> dict[str, Any]:
    """What the journal says of an episode."""
    return {
        "index": index,
        "start": start,
        "length": episode.length,
        "ret": episode.ret,
        "end": episode.end,
        "trunc": episode.trunc,
        "facts": dict(episode.facts),
    }


def _after(start: int, frames: int) -> int:
    """The first row of the first file that an episode leaves free."""
    return start + -(-frames // FILE) * FILE


def _arrays(obs_shape: tuple[int, ...], action_size: int) -> dict[str, dict[str, Any]]:
    """How each array is laid out."""
    return {
        "obs": {"dtype": "uint8", "shape": (ROWS, *obs_shape), "shards": (FILE, *obs_shape), "chunks": (CHUNK, *obs_shape)},
        "act": {"dtype": "float32", "shape": (ROWS, action_size), "chunks": (FILE, action_size)},
        "rew": {"dtype": "float32", "shape": (ROWS,), "chunks": (FILE,)},
    }


def _make(folder: Path, obs_shape: tuple[int, ...], action_size: int) -> None:
    """Lay out an empty replay; whatever a writer killed while it did so has left is written anew."""
    (folder / JOURNAL).touch()
    zarr.open_group(folder, mode="a")
    for name, layout in _arrays(obs_shape, action_size).items():
        zarr.create_array(
            folder / name,
            **layout,
            fill_value=0,
            compressors=[ZstdCodec(level=1), Crc32cCodec()],
            chunk_key_encoding={"name": "v2", "separator": "."},  # files side by side, not a folder for each
            overwrite=True,
        )
        _sync(folder / name / "zarr.json", folder / name)
    _sync(folder / "zarr.json", folder / JOURNAL, folder)


def _facts(folder: Path) -> dict[str, Any]:
    if not (folder / FACTS).exists():
        raise FileNotFoundError(f"{folder / FACTS}: there is no replay here; collect episodes first (Replay.create)")
    facts: dict[str, Any] = storage.read_json(folder / FACTS)
    if not isinstance(facts, dict) or facts.get("version") != VERSION or not {"obs_shape", "action_size"} <= facts.keys():
        raise Corrupt(f"{folder / FACTS}: not a replay of version {VERSION}")
    return facts


def _sync(*paths: Path) -> None:
    """See that files and folders are on disk."""
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
