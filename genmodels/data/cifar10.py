"""CIFAR-10: 60,000 colour photographs, 32 x 32, ten classes (Krizhevsky 2009, Learning Multiple Layers of Features).

Two files hold it. The binary version of the author's archive has the exact pixels, in records of a label and 3072
bytes. `cifar10_jpeg.npz`, a third of its size, has each picture as a JPEG: good for classifiers and pictures, but lossy, so no
likelihood measured on it compares with a published one. The two have other orders. The archive's Python version is of no
use: it is pickled, and nothing here is unpickled.
"""

from __future__ import annotations

import io
import tarfile
import zlib
from functools import cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray

from genmodels.data.downloads import DataNotFound, Source, locate
from genmodels.data.labelled_images import Labelled
from genmodels.storage import Corrupt

Split = Literal["train", "test"]
Bytes = NDArray[np.uint8]

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

JPEG = Source("cifar10_jpeg.npz", "01fe34b4fb3f0511cf79f295288dc42c8d3edaad853733e622110fdfd68aedd4")
BINARY = Source(
    "cifar-10-binary.tar.gz",
    "c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    ("https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",),
)
MEMBERS: dict[Split, tuple[str, ...]] = {
    "train": tuple(f"cifar-10-batches-bin/data_batch_{i}.bin" for i in range(1, 6)),
    "test": ("cifar-10-batches-bin/test_batch.bin",),
}

_RECORD = 1 + 3 * 32 * 32
_LIMIT = 10_000 * _RECORD  # bytes of one member, and more than the JPEGs of one picture ever have


def cifar10(split: Split = "train", exact: bool = False) -> Labelled:
    """Images (N, 3, 32, 32) uint8 and labels (N,) int64. All callers share the tensors: do not write into them.

    The JPEGs where that file is found, else the archive; with `exact` the archive in any case.
    """
    if split not in MEMBERS:
        raise ValueError(f"CIFAR-10 has the splits {', '.join(MEMBERS)}, not {split!r}")
    return _cifar10(split, exact)


@cache
def _cifar10(split: Split, exact: bool) -> Labelled:
    return load(split, BINARY if exact else JPEG, BINARY)


def load(split: Split, first: Source, binary: Source) -> Labelled:
    """The split from `first` where that file is found, else from the archive `binary`."""
    try:
        path = locate(first)
    except DataNotFound as missing:
        if first == binary:
            raise
        try:
            path = locate(binary)
        except DataNotFound as neither:
            instead = f"Instead of it, {binary.filename} will do (its Python version, which is pickled, will not)."
            raise DataNotFound(f"{missing}\n{instead}\n{neither}") from None
    pixels, labels = read_jpegs(path, split) if path.suffix == ".npz" else read_binary(path, split)
    if len(labels) and labels.max() >= len(CLASSES):
        raise Corrupt(f"{path}: a label of {labels.max()}, where there are {len(CLASSES)} classes")
    return Labelled(torch.from_numpy(pixels), torch.from_numpy(labels.astype(np.int64)))


# --------------------------------------------------------------------------------------------------------------- files


def read_jpegs(path: Path, split: Split) -> tuple[Bytes, Bytes]:
    """Pixels (N, 3, 32, 32) and labels (N,): picture i is a JPEG that stands in bytes offsets[i] to offsets[i + 1]."""
    with np.load(path, allow_pickle=False) as arrays:
        data, offsets, labels = (arrays[f"{split}_{name}"] for name in ("jpeg", "offsets", "labels"))
    if data.dtype != np.uint8 or labels.dtype != np.uint8 or offsets.shape != (len(labels) + 1,):
        raise Corrupt(f"{path}: {len(labels)} labels and offsets of shape {offsets.shape} do not belong together")
    if offsets[0] != 0 or offsets[-1] != len(data) or (np.diff(offsets) < 0).any():
        raise Corrupt(f"{path}: its offsets do not cut {len(data):,} bytes into pictures")
    pixels = np.empty((len(labels), 3, 32, 32), np.uint8)
    for i in range(len(labels)):
        pixels[i] = _decoded(data[offsets[i] : offsets[i + 1]].tobytes(), f"{path}: picture {i}")
    return pixels, labels


def _decoded(data: bytes, name: str) -> Bytes:
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("JPEG",)) as image:
            if image.size != (32, 32) or image.mode != "RGB":  # known from the header, before anything is decoded
                raise Corrupt(f"{name} is {image.mode} of {image.size}, not RGB of 32 x 32")
            return np.asarray(image).transpose(2, 0, 1)
    except (OSError, SyntaxError, ValueError) as error:
        raise Corrupt(f"{name} is no whole JPEG ({error})") from None


def read_binary(path: Path, split: Split) -> tuple[Bytes, Bytes]:
    """Pixels (N, 3, 32, 32) and labels (N,) of the archive's binary version. It is read where it lies, not unpacked."""
    found = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:  # in one pass: going back in a gzip file means unpacking it again
                if member.name in MEMBERS[split]:
                    found[member.name] = _records(archive, member, path)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise Corrupt(f"{path}: not a whole gzipped tar file ({error})") from None
    if missing := [name for name in MEMBERS[split] if name not in found]:
        raise Corrupt(f"{path}: there is no file {missing[0]} in it; is it the binary version?")
    records = np.concatenate([found[name] for name in MEMBERS[split]])
    return records[:, 1:].reshape(-1, 3, 32, 32), records[:, 0]


def _records(archive: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> Bytes:
    """One member as records (N, 3073)."""
    file = archive.extractfile(member) if member.isreg() else None
    if file is None or member.size > _LIMIT or member.size % _RECORD:
        raise Corrupt(f"{path}: {member.name} is no file of up to 10,000 records of {_RECORD:,} bytes, but has {member.size:,}")
    return np.frombuffer(file.read(), np.uint8).reshape(-1, _RECORD)
