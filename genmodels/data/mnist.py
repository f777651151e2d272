"""MNIST: 70,000 handwritten digits, 28 x 28 (LeCun, Bottou, Bengio and Haffner 1998).

The same digits stand in `mnist.npz` and in the four original IDX files, in different orders. Both are brought into one,
sorted by label and pixels and then shuffled by a fixed permutation, so that they give equal tensors and any prefix is a
fair sample.

Two sets are made from it. `binarised` is the density modellers' MNIST (Salakhutdinov and Murray 2008): each pixel drawn
once from Bernoulli(intensity / 255). `stacked_mnist` (Metz et al. 2016, arXiv:1611.02163) puts three random digits into
the colour channels: 1000 modes that can be counted.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genmodels.data.downloads import DataNotFound, Source, locate
from genmodels.data.idx import Bytes, Split, read_pair
from genmodels.data.labelled_images import Labelled
from genmodels.storage import Corrupt


class Idx(NamedTuple):
    """The two original files of a split."""

    images: Source
    labels: Source


def _original(filename: str, sha256: str) -> Source:
    mirrors = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")
    return Source(filename, sha256, tuple(mirror + filename for mirror in mirrors), limit=1 << 24)


NPZ = Source("mnist.npz", "dfc807bf9f64d9a381c62d06029ecad9b5542c7a197d1dbadacffcd1e8b92a19")
IDX: dict[Split, Idx] = {
    "train": Idx(
        _original("train-images-idx3-ubyte.gz", "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609"),
        _original("train-labels-idx1-ubyte.gz", "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c"),
    ),
    "test": Idx(
        _original("t10k-images-idx3-ubyte.gz", "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6"),
        _original("t10k-labels-idx1-ubyte.gz", "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6"),
    ),
}


# ---------------------------------------------------------------------------------------------------------------- sets


def mnist(split: Split = "train") -> Labelled:
    """Images (N, 1, 28, 28) uint8 and labels (N,) int64. All callers share the tensors: do not write into them."""
    if split not in IDX:
        raise ValueError(f"MNIST has the splits {', '.join(IDX)}, not {split!r}")
    return _mnist(split)


def binarised(images: Tensor, seed: int) -> Tensor:
    """Each pixel of uint8 `images` sampled once from Bernoulli(intensity / 255): float32 zeros and ones.

    >>> binarised(torch.tensor([0, 255], dtype=torch.uint8), seed=0)
    tensor([0., 1.])
    """
    if images.dtype != torch.uint8:
        raise TypeError(f"binarised takes uint8 images, not {images.dtype}")
    threshold = torch.randint(0, 255, images.shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(seed))
    return (threshold < images.cpu()).float()  # P(threshold < k) = k / 255, exactly


def stacked_mnist(n: int, seed: int, split: Split = "train") -> Labelled:
    """`n` images (n, 3, 28, 28), three random digits a, b, c in the channels, with the label 100 a + 10 b + c."""
    digits = mnist(split)
    chosen = torch.randint(len(digits), (n, 3), generator=torch.Generator().manual_seed(seed))
    return Labelled(digits.images[chosen, 0], digits.labels[chosen] @ torch.tensor([100, 10, 1]))


# --------------------------------------------------------------------------------------------------------------- files


@cache
def _mnist(split: Split) -> Labelled:
    return load(split, NPZ, IDX[split])


def load(split: Split, npz: Source, idx: Idx) -> Labelled:
    """The split from `npz` where that file is found, else from the original files."""
    try:
        pixels, labels = read_npz(locate(npz), split)
    except DataNotFound as no_npz:
        try:
            pixels, labels = read_idx(locate(idx.images), locate(idx.labels))
        except DataNotFound as no_idx:
            instead = f"Instead of it, {idx.images.filename} and {idx.labels.filename} will do."
            raise DataNotFound(f"{no_npz}\n{instead}\n{no_idx}") from None
    order = _canonical_order(pixels, labels)
    return Labelled(torch.from_numpy(pixels[order, None]), torch.from_numpy(labels[order].astype(np.int64)))


def read_npz(path: Path, split: Split) -> tuple[Bytes, Bytes]:
    """Pixels (N, 28, 28) and labels (N,) as they stand in the file."""
    with np.load(path, allow_pickle=False) as arrays:
        return arrays[f"{split}_images"], arrays[f"{split}_labels"]


def read_idx(images: Path, labels: Path) -> tuple[Bytes, Bytes]:
    """Pixels (N, 28, 28) and labels (N,) as they stand in a pair of IDX files."""
    pixels, digits = read_pair(images, labels)
    if pixels.shape[1:] != (28, 28):
        raise Corrupt(f"{images}: images of shape {pixels.shape}, where digits are 28 x 28")
    if len(digits) and digits.max() > 9:
        raise Corrupt(f"{labels}: a label of {digits.max()}, where digits are 0 to 9")
    return pixels, digits


def _canonical_order(pixels: Bytes, labels: Bytes) -> NDArray[np.intp]:
    """Indices that sort by (label, pixels) and then shuffle. Equal rows are alike, so the file's order leaves no trace.

    The shuffle ranks raw draws of PCG64, a stream that numpy promises to keep, as it does not for `permutation`.
    """
    rows = np.concatenate([labels[:, None], pixels.reshape(len(pixels), -1)], axis=1)
    ranked = np.argsort(rows.view(f"S{rows.shape[1]}")[:, 0], kind="stable")
    shuffled = np.argsort(np.random.PCG64(1998).random_raw(len(pixels)), kind="stable")
    return ranked[shuffled]
