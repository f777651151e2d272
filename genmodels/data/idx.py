"""IDX, the format of MNIST and of the sets made after its pattern: Fashion-MNIST, KMNIST, EMNIST.

    0 0 8 d   n_1 ... n_d   elements          magic: unsigned bytes in d dimensions; each size four bytes big-endian

A file may be gzipped or not; its first bytes tell, not its name.
"""

from __future__ import annotations

import gzip
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, cast

import numpy as np
import torch
from numpy.typing import NDArray

from genmodels.data.downloads import DataNotFound
from genmodels.data.labelled_images import Labelled
from genmodels.storage import Corrupt

Bytes = NDArray[np.uint8]
Split = Literal["train", "test"]

_LIMIT = 1 << 30  # no more is read, whatever a header says or a gzip file swells to
_STEMS = {"train": "train", "test": "t10k"}


def idx_folder(folder: str | Path, split: Split = "train") -> Labelled:
    """Images (N, 1, H, W) and labels (N,) of the files in `folder`, named as MNIST's are: `train-images-idx3-ubyte.gz`.

    They are found with and without `.gz`, and with a dot for the hyphen before `idx`. Their order stays as it is.
    """
    if split not in _STEMS:
        raise ValueError(f"the splits are {', '.join(_STEMS)}, not {split!r}")
    stem, where = _STEMS[split], Path(folder).expanduser()
    return labelled(_first(where, f"{stem}-images", 3), _first(where, f"{stem}-labels", 1))


def labelled(images: Path, labels: Path) -> Labelled:
    """The data set of a file of images and one of labels."""
    pixels, numbers = read_pair(images, labels)
    return Labelled(torch.from_numpy(pixels[:, None].copy()), torch.from_numpy(numbers.astype(np.int64)))


def read_pair(images: Path, labels: Path) -> tuple[Bytes, Bytes]:
    """Pixels (N, H, W) and labels (N,) as they stand in two files."""
    pixels, numbers = read_idx(images, dimensions=3), read_idx(labels, dimensions=1)
    if len(pixels) != len(numbers):
        raise Corrupt(f"{images}: images of shape {pixels.shape} for the {len(numbers)} labels in {labels.name}")
    return pixels, numbers


def read_idx(path: Path, dimensions: int) -> Bytes:
    """The array of one file, which must have so many dimensions."""
    with _opened(path) as file:
        try:
            header = file.read(4 + 4 * dimensions)
            if header[:4] != bytes([0, 0, 8, dimensions]) or len(header) < 4 + 4 * dimensions:
                raise Corrupt(f"{path}: not an IDX file of {dimensions} dimensions, it begins '{header.hex()}'")
            shape = tuple(int(size) for size in np.frombuffer(header[4:], ">u4"))
            elements = file.read(min(math.prod(shape), _LIMIT) + 1)  # one too many, to see that there is no more
        except (EOFError, OSError, zlib.error) as error:
            raise Corrupt(f"{path}: not a whole gzip file ({error})") from None
    if len(elements) != math.prod(shape):
        raise Corrupt(f"{path}: its header says {shape}, its body has {len(elements):,} bytes")
    return np.frombuffer(elements, np.uint8).reshape(shape)


def _opened(path: Path) -> BinaryIO:
    with open(path, "rb") as file:
        gzipped = file.read(2) == b"\x1f\x8b"
    return cast(BinaryIO, gzip.open(path)) if gzipped else open(path, "rb")


def _first(folder: Path, stem: str, dimensions: int) -> Path:
    names = list(_names(stem, dimensions))
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise DataNotFound(f"{folder}: there is no {names[0]} in it; {', '.join(names[1:])} would do as well")


def _names(stem: str, dimensions: int) -> Iterator[str]:
    for joint in "-.":
        for ending in (".gz", ""):
            yield f"{stem}{joint}idx{dimensions}-ubyte{ending}"
