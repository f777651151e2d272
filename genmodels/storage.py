"""The one write protocol: files and folders that are whole or absent, and never trusted unread.

A file is written to a temporary name beside its own, flushed, fsynced, renamed, and its folder fsynced: a reader sees the old
bytes or the new ones.

A *sealed folder* is a set of files that belong together, listed with sizes and SHA-256 in `MANIFEST.json`. Its files are staged
under names that carry their checksum; the manifest is written last and is the commit; then the staged files take their own
names. A reader looks for the staged name of what the manifest lists first and for the plain name second, so a writer killed at
any point leaves the old folder or the new one.

    stage a, stage b, ... | write MANIFEST.json (commit) | rename a, rename b, ...

Tensors are safetensors, facts are JSON: reading runs no code.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import json
import os
import secrets
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor, nn

MANIFEST = "MANIFEST.json"
_MANIFEST_LIMIT = 1 << 24  # a manifest larger than 16 MiB is no manifest of ours
_DISK_FULL = {errno.ENOSPC, errno.EFBIG, errno.EDQUOT}


class StorageError(RuntimeError):
    """Something on disk is not what it should be; the message names the path."""


class Corrupt(StorageError):
    """The bytes read are not the bytes that were written."""


class DiskFull(StorageError):
    """There was no room; what was there before is untouched."""


class Locked(StorageError):
    """Another process is writing to this folder."""


# ---------------------------------------------------------------------------------------------------------------- files


def write_bytes(path: str | Path, data: bytes) -> None:
    """Replace the file at `path` by `data`, or leave it as it was.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> write_bytes(folder / "a.txt", b"whole")
    >>> (folder / "a.txt").read_bytes()
    b'whole'
    """
    path = Path(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        if error.errno in _DISK_FULL:
            raise DiskFull(f"{path}: no room for {len(data):,} bytes ({error.strerror}); free some and run again") from None
        raise
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _fsync_folder(path.parent)


def read_bytes(path: str | Path, size: int | None = None) -> bytes:
    """The bytes of a regular file (links are refused). A size other than the expected one is refused before reading."""
    path = Path(path)
    try:
        with open(path, "rb", opener=_open_no_link) as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise Corrupt(f"{path}: not a regular file")
            if size is not None and status.st_size != size:
                raise Corrupt(f"{path}: {status.st_size:,} bytes where {size:,} were written")
            return file.read()
    except FileNotFoundError:
        raise Corrupt(f"{path}: missing") from None
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.EISDIR):
            raise Corrupt(f"{path}: not a regular file") from None
        raise


def _open_no_link(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)


def write_json(path: str | Path, value: Any) -> None:
    """Write plain data, keys sorted, so that equal values are equal bytes."""
    write_bytes(path, to_json(value))


def read_json(path: str | Path) -> Any:
    """The value in a JSON file; an error names the file."""
    return from_json(read_bytes(path), str(path))


def to_json(value: Any) -> bytes:
    """Plain data as bytes, keys sorted; numbers that are not finite have no place in JSON and are refused."""
    return (json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n").encode()


def from_json(data: bytes, name: str) -> Any:
    """The inverse of `to_json`; `name` is for the error."""
    try:
        return json.loads(data)
    except ValueError as error:
        raise Corrupt(f"{name}: not JSON ({error})") from None


# -------------------------------------------------------------------------------------------------------------- tensors


def pack_tensors(tensors: Mapping[str, Tensor]) -> bytes:
    """Named tensors as safetensors bytes. Tensors that share memory (tied weights) are written once for each name."""
    packed: dict[str, Tensor] = {}
    seen: set[int] = set()
    for name, tensor in tensors.items():
        tensor = tensor.detach().cpu().contiguous()
        memory = tensor.untyped_storage().data_ptr()
        packed[name] = tensor.clone() if memory in seen else tensor
        seen.add(memory)
    return safetensors.torch.save(packed)


def unpack_tensors(data: bytes, name: str) -> dict[str, Tensor]:
    """The inverse of `pack_tensors`. The header is held against the file's length before anything is allocated.

    >>> import torch
    >>> unpack_tensors(pack_tensors({"w": torch.ones(2)}), "w.safetensors")
    {'w': tensor([1., 1.])}
    """
    declared = int.from_bytes(data[:8], "little")
    if len(data) < 8 or declared > len(data) - 8:
        raise Corrupt(f"{name}: its header declares {declared:,} bytes, the file holds {max(len(data) - 8, 0):,} after it")
    header = from_json(data[8 : 8 + declared], name)
    try:
        ends = [entry["data_offsets"][1] for key, entry in header.items() if key != "__metadata__"]
        if (end := 8 + declared + max(ends, default=0)) != len(data):
            raise Corrupt(f"{name}: its tensors end at byte {end:,}, the file at {len(data):,}")
        return safetensors.torch.load(data)
    except (SafetensorError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise Corrupt(f"{name}: not a safetensors file ({error})") from None


# ------------------------------------------------------------------------------------------------------- sealed folders


@dataclass(frozen=True)
class Sealed:
    """What a sealed folder holds, every byte of it verified."""

    folder: Path
    files: dict[str, bytes]
    facts: dict[str, Any] = field(default_factory=dict)

    def json(self, name: str) -> Any:
        """One of its files, as plain data."""
        return from_json(self._bytes(name), str(self.folder / name))

    def tensors(self, name: str) -> dict[str, Tensor]:
        """One of its files, as named tensors."""
        return unpack_tensors(self._bytes(name), str(self.folder / name))

    def give(self, name: str, module: nn.Module) -> None:
        """Give a module the weights in one of its files, which have to be those that it has, of the same shapes."""
        weights, own = self.tensors(name), module.state_dict()
        for key in sorted(weights.keys() | own.keys()):
            theirs, ours = (tuple(of[key].shape) if key in of else "missing" for of in (weights, own))
            if theirs != ours:
                raise StorageError(
                    f"{self.folder / name}: {key} is {theirs} there, and {ours} in a {type(module).__name__} made now; "
                    "it was saved by another version or with other arguments: train it again, or use that version"
                )
        module.load_state_dict(weights)

    def _bytes(self, name: str) -> bytes:
        if name not in self.files:
            raise Corrupt(f"{self.folder / name}: not listed in {MANIFEST}; the folder holds {', '.join(sorted(self.files))}")
        return self.files[name]


def write_folder(folder: str | Path, files: Mapping[str, bytes], facts: Mapping[str, Any] | None = None) -> None:
    """Replace the sealed files of `folder` by `files`, all of them or none; files of others in the folder stay."""
    folder = Path(folder)
    for name in files:
        _check_name(name, folder)
    with lock(folder, ".lock", wait=True):
        entries = {name: {"bytes": len(data), "sha256": _digest(data)} for name, data in files.items()}
        for name, data in files.items():
            write_bytes(folder / _staged(name, entries[name]), data)
        write_bytes(folder / MANIFEST, _seal({"facts": dict(facts or {}), "files": entries}))
        for name in files:
            os.replace(folder / _staged(name, entries[name]), folder / name)
        _fsync_folder(folder)
        for left_behind in folder.glob(".*.tmp"):
            left_behind.unlink(missing_ok=True)


def read_folder(folder: str | Path) -> Sealed:
    """Every file the manifest lists, verified; anything wrong raises `Corrupt` with the path."""
    folder = Path(folder)
    while True:
        version = _version(folder)
        try:
            manifest = read_manifest(folder)
            files = {name: _read_listed(folder, name, entry) for name, entry in manifest["files"].items()}
            return Sealed(folder, files, manifest["facts"])
        except Corrupt:
            if _version(folder) == version:  # else the folder was rewritten while we read it
                raise


def read_manifest(folder: str | Path) -> dict[str, Any]:
    """The folder's manifest, its own seal and the names in it verified; the files themselves are not read."""
    path = Path(folder) / MANIFEST
    data = read_bytes(path)
    if len(data) > _MANIFEST_LIMIT:
        raise Corrupt(f"{path}: {len(data):,} bytes, more than any manifest of ours")
    manifest = from_json(data, str(path))
    if not isinstance(manifest, dict) or not isinstance(manifest.pop("seal", None), str) or _seal(manifest) != data:
        raise Corrupt(f"{path}: its checksum does not match its contents")
    for name in manifest["files"]:
        _check_name(name, path)
    return manifest


def _seal(manifest: dict[str, Any]) -> bytes:
    return to_json({**manifest, "seal": _digest(to_json(manifest))})


def _version(folder: Path) -> tuple[int, int]:
    """Changes whenever the manifest is replaced, also by an equal one."""
    try:
        status = (folder / MANIFEST).lstat()
    except FileNotFoundError:
        return (0, 0)
    return (status.st_ino, status.st_mtime_ns)


def _read_listed(folder: Path, name: str, entry: Mapping[str, Any]) -> bytes:
    try:
        return _read_verified(folder / _staged(name, entry), entry)
    except Corrupt:
        return _read_verified(folder / name, entry)


def _read_verified(path: Path, entry: Mapping[str, Any]) -> bytes:
    data = read_bytes(path, entry["bytes"])
    if _digest(data) != entry["sha256"]:
        raise Corrupt(f"{path}: its SHA-256 is not the one in {MANIFEST}")
    return data


def _staged(name: str, entry: Mapping[str, Any]) -> str:
    return f".{name}.{entry['sha256'][:16]}.tmp"


def _check_name(name: str, where: Path) -> None:
    if not name or name == MANIFEST or name.startswith(".") or Path(name).name != name or "\\" in name or "\0" in name:
        raise StorageError(f"{where}: {name!r} is not a plain file name")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# ----------------------------------------------------------------------------------------------------------------- locks


@contextlib.contextmanager
def lock(folder: str | Path, name: str = "LOCK", wait: bool = False) -> Iterator[None]:
    """Hold a folder for this process; a second writer waits, or is refused at once. It is let go when the process dies."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / name, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Locked(f"{folder}: another process is writing here; wait for it or choose another folder") from None
        yield


def _fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
