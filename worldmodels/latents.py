"""What the vision model made of every frame, computed once: the data of the memory.

    mean.bin log_sd.bin act.bin rew.bin     one row for each frame, episode after episode, read as memory maps
    latents.json                            which vision model saw them, and how they lie
    episodes.jsonl                          the journal: a line for each episode that is done

Row t holds z_t, and the action taken and the reward earned there; the last row of an episode has z only, and zeros.

Encoding goes on where it was cut off and ends with the same bytes: an episode's frames are encoded in blocks that begin with
the episode, whatever else is encoded in the same run. Short episodes are sealed several at once, so
that the disk is seldom waited for. Another vision model, or another replay, starts it anew.
"""

from __future__ import annotations

import hashlib
import os
import time
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, Protocol, Self

import numpy as np
import torch
from numpy.typing import DTypeLike, NDArray
from torch import nn

from genmodels import storage
from genmodels.batches import to_device
from genmodels.compiled.threads import mapped
from genmodels.distributions import DiagonalGaussian
from genmodels.nn import for_looking
from genmodels.precision import checked_precision
from genmodels.progress import Display
from genmodels.storage import Corrupt
from worldmodels.sealed_lines import SealedLines
from worldmodels.types import Entry, Frames

FACTS, JOURNAL = "latents.json", "episodes.jsonl"
VERSION = 1
TOGETHER = 1024  # frames, at least, between one fsync and the next


class Played(Protocol):
    """What was played: a `Replay`, or what is read like one."""

    @property
    def action_size(self) -> int:
        """The numbers of an action."""

    @property
    def episodes(self) -> list[Entry]:
        """All but the arrays."""

    def obs(self, index: int) -> Frames:
        """The frames of one episode, (T + 1, H, W, 3) of bytes."""

    def act(self, index: int) -> NDArray[np.float32]:
        """Its actions, (T, A)."""

    def rew(self, index: int) -> NDArray[np.float32]:
        """Its rewards, (T,)."""


class Seen(NamedTuple):
    """An episode as the memory learns it; arrays on disk, read when they are used."""

    mean: NDArray[Any]
    """(T + 1, Z) of q(z | obs)"""
    log_sd: NDArray[Any]
    """(T + 1, Z) of q(z | obs)"""
    act: NDArray[np.float32]
    """(T, A)"""
    rew: NDArray[np.float32]
    """(T,)"""
    end: bool
    """whether the last transition is terminal"""


class Latents:
    """The latents of a replay; `Latents.encode` makes them, `Latents.open` finds them.

    Use the class methods; the argument is where they are.
    """

    def __init__(self, folder: Path) -> None:
        facts = _facts(folder)
        self.folder = folder
        self.latent_size, self.action_size = int(facts["latent_size"]), int(facts["action_size"])
        lines = SealedLines(folder / JOURNAL).lines
        self.lengths = np.array([line["length"] for line in lines], np.int64)  # T of each episode
        self.ends = np.array([line["end"] for line in lines], bool)
        self.offset = np.concatenate([[0], np.cumsum(self.lengths + 1)]).astype(np.int64)  # its first row, and the end of all
        self._checks: list[int] = [line["crc32"] for line in lines]
        self._maps = {name: self._map(name, dtype, width) for name, (dtype, width) in _columns(facts).items()}

    def _map(self, name: str, dtype: DTypeLike, width: int) -> NDArray[Any]:
        path, size = self.folder / f"{name}.bin", self.frames * width * np.dtype(dtype).itemsize
        if not path.exists() or path.stat().st_size < size:
            raise Corrupt(
                f"{path}: shorter than the {size:,} bytes that were written, or missing; remove {self.folder}, encode anew"
            )
        if size == 0:
            return np.empty((0, width), dtype)
        return np.memmap(path, dtype, "r", shape=(self.frames, width))

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """The latents in a folder: those of the episodes that are done."""
        return cls(Path(folder))

    @classmethod
    def encode(
        cls,
        replay: Played,
        vision: nn.Module,
        folder: str | Path,
        *,
        batch: int = 256,
        dtype: str = "float32",
        precision: str = "fp32",
        quiet: bool = False,
    ) -> Self:
        """See every frame of the replay that was not seen yet.

        Arguments:
            replay: the episodes.
            vision: `encode(frames)` gives a Gaussian with `mean` and `log_sd`, (B, Z). It is used as it is: in eval mode.
            folder: where the latents are kept.
            batch: frames encoded at once; another number is another run, whose bits may differ.
            dtype: "float32", or "float16" for half the room.
            precision: of the vision model's products, "fp32" or "bf16", which is quicker and coarser.
            quiet: whether to show no progress.
        """
        if dtype not in ("float32", "float16"):
            raise ValueError(f"dtype: latents are 'float32' or 'float16', not {dtype!r}")
        checked_precision(precision)
        if batch < 1:
            raise ValueError(f"batch: at least one frame is encoded at once, not {batch}")
        folder, training = Path(folder), vision.training
        vision.eval()
        try:
            with storage.lock(folder):
                _encode(replay, vision, folder, batch, dtype, precision, quiet)
        finally:
            vision.train(training)
        return cls(folder)

    def __len__(self) -> int:
        """How many episodes."""
        return len(self.lengths)

    @property
    def frames(self) -> int:
        """How many frames, or latents, in all."""
        return int(self.offset[-1])

    def episode(self, index: int) -> Seen:
        """One episode."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.folder}: there are {len(self)} episodes, numbered from 0; {index} was asked for")
        first, last = int(self.offset[index]), int(self.offset[index + 1])
        mean, log_sd, act, rew = (self._maps[name][first:last] for name in ("mean", "log_sd", "act", "rew"))
        return Seen(mean, log_sd, act[:-1], rew[:-1, 0], bool(self.ends[index]))

    def rows(self, name: str, index: NDArray[np.int64]) -> NDArray[np.float32]:
        """Rows of mean, log_sd, act or rew by their numbers: (..., width)."""
        return np.asarray(self._maps[name][index], np.float32)

    def excerpt(self, episodes: Iterable[int], folder: str | Path, dtype: str = "float16") -> Latents:
        """Some of the episodes by themselves, in a folder that holds nothing yet; "float16" takes half the room."""
        folder, facts = Path(folder), {**_facts(self.folder), "dtype": dtype}
        folder.mkdir(parents=True)
        _begin(folder, facts)
        journal, columns = SealedLines(self.folder / JOURNAL).lines, _columns(facts)
        lines, seen = [], []
        for index in episodes:
            rows = slice(int(self.offset[index]), int(self.offset[index + 1]))
            seen.append([np.ascontiguousarray(self._maps[name][rows], kind) for name, (kind, _) in columns.items()])
            lines.append({key: journal[index][key] for key in ("episode", "length", "end")})
        _add(folder, columns, SealedLines(folder / JOURNAL), lines, seen)
        return Latents(folder)

    def verify(self) -> None:
        """Read everything and hold it against its checksums."""
        for index, check in enumerate(self._checks):
            rows = slice(int(self.offset[index]), int(self.offset[index + 1]))
            if _crc32(column[rows] for column in self._maps.values()) != check:
                raise Corrupt(f"{self.folder}: episode {index} is damaged; remove the folder and encode anew")


def _columns(facts: dict[str, Any]) -> dict[str, tuple[str, int]]:
    """The files, and the type and width of their rows."""
    latent = (facts["dtype"], facts["latent_size"])
    return {"mean": latent, "log_sd": latent, "act": ("float32", facts["action_size"]), "rew": ("float32", 1)}


def _encode(replay: Played, vision: nn.Module, folder: Path, batch: int, dtype: str, precision: str, quiet: bool) -> None:
    facts = {
        "version": VERSION,
        "vision": checksum(vision),
        "precision": precision,
        "latent_size": int(vision.latent_size),  # type: ignore[arg-type]
        "action_size": replay.action_size,
        "batch": batch,
        "dtype": dtype,
    }
    if not _continues(folder, facts, replay.episodes):
        _begin(folder, facts)
    journal, columns = SealedLines(folder / JOURNAL), _columns(facts)
    journal.keep(len(journal.lines))
    row = sum(line["length"] + 1 for line in journal.lines)
    for name, (kind, width) in columns.items():
        os.truncate(folder / f"{name}.bin", row * width * np.dtype(kind).itemsize)  # what a killed run left of an episode
    eye = for_looking(vision)
    todo, began, figures = replay.episodes[len(journal.lines) :], time.monotonic(), {"frames": row}
    with Display(len(replay.episodes), None, unit="episode", quiet=quiet or not todo) as display:
        for group in _groups(todo):
            seen = mapped(partial(_rows, replay, eye, facts), group, torch.get_num_threads())
            lines = [{"episode": entry.seal, "length": entry.length, "end": entry.end} for entry in group]
            _add(folder, columns, journal, lines, seen)
            figures["frames"] += sum(entry.frames for entry in group)
            done = group[-1].index + 1
            display.show(done, time.monotonic() - began, lambda: figures, last=done == len(replay.episodes))


def _add(
    folder: Path,
    columns: Iterable[str],
    journal: SealedLines,
    lines: Sequence[dict[str, Any]],
    seen: Sequence[list[NDArray[Any]]],
) -> None:
    """Put episodes at the end of the files, and then seal them in the journal."""
    for name, parts in zip(columns, zip(*seen, strict=True), strict=True):
        _append(folder / f"{name}.bin", np.concatenate(parts))
    journal.append(*({**line, "crc32": _crc32(rows)} for line, rows in zip(lines, seen, strict=True)))


def _groups(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Episodes that are written and sealed together: as many as make `TOGETHER` frames."""
    group: list[Entry] = []
    for entry in entries:
        group.append(entry)
        if sum(one.frames for one in group) >= TOGETHER or entry is entries[-1]:
            yield group
            group = []


def _rows(replay: Played, vision: nn.Module, facts: dict[str, Any], entry: Entry) -> list[NDArray[Any]]:
    """What an episode adds to each of the files."""
    mean, log_sd = _see(replay, vision, facts, entry)
    act, rew = np.pad(replay.act(entry.index), ((0, 1), (0, 0))), np.pad(replay.rew(entry.index), (0, 1))[:, None]
    return [
        np.ascontiguousarray(values, kind)
        for values, (kind, _) in zip((mean, log_sd, act, rew), _columns(facts).values(), strict=True)
    ]


@torch.no_grad()
def _see(
    replay: Played, vision: nn.Module, facts: dict[str, Any], entry: Entry
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The mean and log_sd of each frame of an episode, in blocks that begin with it."""
    device, obs = next(vision.parameters()).device, torch.from_numpy(replay.obs(entry.index))
    means, log_sds = [], []
    with torch.autocast(device.type, torch.bfloat16, enabled=facts["precision"] == "bf16"):
        for frames in obs.permute(0, 3, 1, 2).split(facts["batch"]):
            seen = vision.encode(to_device(frames, device))  # type: ignore[operator]
            if not isinstance(seen, DiagonalGaussian):
                raise TypeError(
                    f"{type(vision).__name__}.encode gives a {type(seen).__name__}; the memory learns from DiagonalGaussian"
                )
            means.append(seen.mean.float().cpu())
            log_sds.append(seen.log_sd.float().cpu())
    mean, log_sd = torch.cat(means), torch.cat(log_sds)
    if not (mean.isfinite().all() and log_sd.isfinite().all()):
        raise ValueError(f"episode {entry.index}: its latents are not finite; the vision model is broken, train it anew")
    return mean.numpy(), log_sd.numpy()


def checksum(model: nn.Module) -> str:
    """SHA-256 of everything a model has learned."""
    return hashlib.sha256(storage.pack_tensors(model.state_dict())).hexdigest()


def _continues(folder: Path, facts: dict[str, Any], episodes: Sequence[Entry]) -> bool:
    """Whether what is in the folder is the beginning of what is wanted."""
    if not (folder / FACTS).exists() or storage.read_json(folder / FACTS) != facts:
        return False
    lines = SealedLines(folder / JOURNAL).lines
    row = sum(line["length"] + 1 for line in lines)
    files = [(folder / f"{name}.bin", row * width * np.dtype(kind).itemsize) for name, (kind, width) in _columns(facts).items()]
    whole = all(path.exists() and path.stat().st_size >= size for path, size in files)
    return whole and [line["episode"] for line in lines] == [entry.seal for entry in episodes[: len(lines)]]


def _begin(folder: Path, facts: dict[str, Any]) -> None:
    """Forget what is there. Who has it open keeps it, for the old files are unlinked, not emptied."""
    (folder / FACTS).unlink(missing_ok=True)  # first: until it is there again, there are no latents
    for name in (JOURNAL, *(f"{name}.bin" for name in _columns(facts))):
        (folder / name).unlink(missing_ok=True)
        (folder / name).touch()
    storage.write_json(folder / FACTS, facts)


def _append(path: Path, values: NDArray[Any]) -> None:
    with open(path, "ab") as file:
        file.write(values.data)
        file.flush()
        os.fsync(file.fileno())


def _crc32(parts: Iterable[NDArray[Any]]) -> int:
    check = 0
    for part in parts:
        check = zlib.crc32(np.ascontiguousarray(part).data, check)
    return check


def _facts(folder: Path) -> dict[str, Any]:
    if not (folder / FACTS).exists():
        raise FileNotFoundError(f"{folder / FACTS}: there are no latents here; make them first (Latents.encode)")
    facts: dict[str, Any] = storage.read_json(folder / FACTS)
    if not isinstance(facts, dict) or facts.get("version") != VERSION:
        raise Corrupt(f"{folder / FACTS}: not latents of version {VERSION}; remove the folder and encode anew")
    return facts
