"""The files of a zarr array, without zarr, which takes longer to find the way to a chunk than to pack or unpack it.

    file      chunk                         or, sharded: chunk ... chunk, index, checksum of the index
    index     for each chunk where it begins and how long it is; all ones for one that was never written
    chunk     zstd(rows), checksum          as many rows as all chunks have, zeros after the last; checksums are CRC-32C

This is how zarr 3 writes with the codecs that `replay_store.py` asks for, to the byte. What is damaged raises `ValueError`.
"""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from pathlib import Path

import google_crc32c
import numpy as np
from numcodecs.zstd import Zstd
from numpy.typing import NDArray

CHECKSUM = 4  # bytes
_NOWHERE = (1 << 64) - 1
_ZSTD = Zstd(level=1)


@dataclass(frozen=True)
class Layout:
    """How the rows of an array lie in a file.

    Arguments:
        dtype: of a number.
        row: the shape of a row.
        chunk: the rows of a chunk.
        file: the rows of a file; with more than a chunk holds it is sharded.
    """

    dtype: str
    row: tuple[int, ...]
    chunk: int
    file: int

    @property
    def sharded(self) -> bool:
        """Whether a file holds several chunks."""
        return self.file > self.chunk

    @property
    def numbers(self) -> np.dtype[np.generic]:
        """Numbers as they lie in a file, the low byte first."""
        return np.dtype(self.dtype).newbyteorder("<")

    @property
    def chunk_bytes(self) -> int:
        """The size of a chunk that is unpacked."""
        return self.chunk * math.prod(self.row) * self.numbers.itemsize


def write_rows(path: Path, layout: Layout, rows: NDArray[np.generic]) -> None:
    """Make the file whose first rows these are, (at most `layout.file`, *row)."""
    count = -(-len(rows) // layout.chunk)
    padded = np.zeros((count, layout.chunk, *layout.row), layout.numbers)
    padded.reshape(-1, *layout.row)[: len(rows)] = rows
    packed = [_with_checksum(_ZSTD.encode(chunk)) for chunk in padded]
    if layout.sharded:
        places = np.full((layout.file // layout.chunk, 2), _NOWHERE, "<u8")
        sizes = np.array([len(chunk) for chunk in packed], np.uint64)
        places[:count, 0], places[:count, 1] = sizes.cumsum() - sizes, sizes
        packed.append(_with_checksum(places.tobytes()))
    path.write_bytes(b"".join(packed))


def read_rows(path: Path, layout: Layout, first: int, last: int) -> NDArray[np.generic]:
    """Rows first to last of a file, (last - first, *row)."""
    low, high = first // layout.chunk, -(-last // layout.chunk)
    unpacked = np.empty((high - low) * layout.chunk_bytes, np.uint8)
    with open(path, "rb") as file:
        for number, (offset, size) in enumerate(_places(file.fileno(), layout)[low:high].tolist()):
            if offset == _NOWHERE:
                raise ValueError(f"chunk {low + number} was never written")
            packed = _checked(os.pread(file.fileno(), size, offset))
            _unpack(packed, unpacked[number * layout.chunk_bytes : (number + 1) * layout.chunk_bytes])
    rows = unpacked.view(layout.numbers).reshape(-1, *layout.row)
    return rows[first - low * layout.chunk : last - low * layout.chunk]


def _places(file: int, layout: Layout) -> NDArray[np.uint64]:
    """Where each chunk begins, and how many bytes it has with its checksum: (chunks, 2)."""
    size = os.fstat(file).st_size
    if not layout.sharded:
        return np.array([[0, size]], np.uint64)
    length = 16 * (layout.file // layout.chunk) + CHECKSUM
    if size < length:
        raise ValueError(f"{size} bytes are too few for the index")
    return np.frombuffer(_checked(os.pread(file, length, size - length)), "<u8").reshape(-1, 2)


def _checked(stored: bytes) -> bytes:
    """What was stored, less its checksum."""
    content = stored[:-CHECKSUM]
    if _with_checksum(content) != stored:
        raise ValueError("the checksum is another")
    return content


def _with_checksum(content: bytes) -> bytes:
    return content + google_crc32c.value(content).to_bytes(CHECKSUM, "little")


def _unpack(packed: bytes, into: NDArray[np.uint8]) -> None:
    try:
        _ZSTD.decode(packed, out=into)
    except RuntimeError as error:
        raise ValueError(str(error)) from None
