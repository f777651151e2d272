"""Where a public data set's file is found: on this machine first, from its own address last, never unverified.

    $GENMODELS_DATA  ->  shared/data beside the checkout  ->  the user's cache  ->  download into the cache

The first file of that name is the one that counts. It is used if its SHA-256 is the published one and refused if not: a
damaged file is never quietly passed over for another.
"""

from __future__ import annotations

import hashlib
import http.client
import os
import tempfile
import urllib.request
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from genmodels.storage import Corrupt

_TIMEOUT = 30.0  # seconds without a byte
_CHUNK = 1 << 20


class DataNotFound(FileNotFoundError):
    """A data set is nowhere on this machine and could not be downloaded; the message says which file to put where."""


@dataclass(frozen=True)
class Source:
    """One file of a public data set; `filename` may name a folder too, as in `fashion-mnist/train-images-idx3-ubyte.gz`.

    `addresses` are tried in order, https only; a file without any is looked up and never downloaded. A download of more
    than `limit` bytes is broken off.
    """

    filename: str
    sha256: str
    addresses: tuple[str, ...] = ()
    limit: int = 1 << 28

    def __post_init__(self) -> None:
        for address in self.addresses:
            if not address.startswith("https://"):
                raise ValueError(f"{self.filename}: {address} is not an https address")


class Readable(Protocol):
    """The body of a download."""

    def read(self, size: int, /) -> bytes: ...


Opener = Callable[[str], AbstractContextManager[Readable]]


def locate(source: Source, *, opener: Opener | None = None) -> Path:
    """The path of the source's file, its SHA-256 verified. `opener` opens an address, by default over https."""
    folders = _folders()
    for folder in folders.values():
        path = folder / source.filename
        if path.is_file():
            _verify(path, source)
            return path

    failures = []
    for address in source.addresses:
        try:
            return _download(source, address, _cache(), opener or open_https)
        except (OSError, http.client.HTTPException, Corrupt) as error:
            failures.append(f"{address}: {error}")
    raise DataNotFound(_where_to_put(source, folders, failures))


# ------------------------------------------------------------------------------------------------------------- folders


def _folders() -> dict[str, Path]:
    """The folders to look in, in order, each under the name that a reader of an error message would know it by."""
    folders = {}
    if named := os.environ.get("GENMODELS_DATA"):
        folders["$GENMODELS_DATA"] = Path(named).expanduser()
    folders["beside the checkout"] = Path(__file__).resolve().parents[3] / "shared" / "data"
    folders["the user's cache"] = _cache()
    return folders


def _cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "genmodels"


def _where_to_put(source: Source, folders: dict[str, Path], failures: list[str]) -> str:
    lines = [f"{source.filename} was not found. Put the file (SHA-256 {source.sha256}) in one of these folders:"]
    lines += [f"  {folder}  ({name})" for name, folder in folders.items()]
    if "$GENMODELS_DATA" not in folders:
        lines.append("  or any other that $GENMODELS_DATA names (it is not set)")
    if failures:
        lines += ["It could not be downloaded:", *(f"  {failure}" for failure in failures)]
    else:
        lines.append("It has no public address to download it from.")
    return "\n".join(lines)


# -------------------------------------------------------------------------------------------------------- verification

_verified: set[tuple[Path, int, int, str]] = set()  # path, size, mtime, sha256: what this process has read already


def _verify(path: Path, source: Source) -> None:
    if _key(path, source) in _verified:
        return
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != source.sha256:
        remedy = "Delete it to have it downloaded anew" if source.addresses else "Replace it by a good copy"
        raise Corrupt(f"{path}: its SHA-256 is {found}, the published file's is {source.sha256}. {remedy}.")
    _verified.add(_key(path, source))


def _key(path: Path, source: Source) -> tuple[Path, int, int, str]:
    status = path.stat()
    return path, status.st_size, status.st_mtime_ns, source.sha256


# ------------------------------------------------------------------------------------------------------------ download


def _download(source: Source, address: str, folder: Path, opener: Opener) -> Path:
    """Stream to a temporary file beside the final one; only what is whole and verified gets the final name."""
    path = folder / source.filename
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=".tmp", dir=path.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "wb") as file, opener(address) as body:
            received, digest = 0, hashlib.sha256()
            while chunk := body.read(_CHUNK):
                received += len(chunk)
                if received > source.limit:
                    raise Corrupt(f"more than the {source.limit:,} bytes that {source.filename} may have")
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != source.sha256:
            raise Corrupt(f"what came has SHA-256 {digest.hexdigest()}, the published file's is {source.sha256}")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
    _verified.add(_key(path, source))
    return path


def open_https(address: str) -> AbstractContextManager[Readable]:
    """Open an address with a director that knows no scheme but https, so that no redirect can leave it."""
    director = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.UnknownHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPRedirectHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.HTTPSHandler(),
    ):
        director.add_handler(handler)
    response: AbstractContextManager[Readable] | None = director.open(address, timeout=_TIMEOUT)
    if response is None:
        raise OSError("no answer")
    return response
