import gzip
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genmodels.data import DataNotFound, fashion_mnist, idx_folder
from genmodels.data import idx as idx_module
from genmodels.data.fashion_mnist import IMAGES, LABELS
from genmodels.data.idx import read_idx
from genmodels.storage import Corrupt

PIXELS = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
LABELS_OF_TWO = np.array([7, 3], np.uint8)


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


@pytest.mark.parametrize("joint", ["-", "."])
@pytest.mark.parametrize("ending", ["", ".gz"])
@pytest.mark.parametrize("gzipped", [False, True])
def test_files_as_downloaded(tmp_path: Path, joint: str, ending: str, gzipped: bool) -> None:
    """What a file is called does not matter to how it is read: browsers unpack some and keep the name."""
    for name, array in ((f"t10k-images{joint}idx3-ubyte", PIXELS), (f"t10k-labels{joint}idx1-ubyte", LABELS_OF_TWO)):
        data = idx_bytes(array)
        (tmp_path / (name + ending)).write_bytes(gzip.compress(data) if gzipped else data)
    data_set = idx_folder(tmp_path, "test")
    assert data_set.images.tolist() == PIXELS[:, None].tolist()
    assert data_set.labels.tolist() == [7, 3]
    assert data_set.images.dtype == torch.uint8
    assert data_set.labels.dtype == torch.int64


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(PIXELS))
    with pytest.raises(DataNotFound) as error:
        idx_folder(tmp_path)
    for part in (str(tmp_path), "train-labels-idx1-ubyte.gz", "train-labels.idx1-ubyte"):
        assert part in str(error.value)
    with pytest.raises(ValueError, match="train, test, not 'valid'"):
        idx_folder(tmp_path, "valid")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("data", "complaint"),
    [
        (b"", "not an IDX file"),
        (b"plain text", "not an IDX file"),
        (idx_bytes(PIXELS)[:10], "not an IDX file"),
        (b"\0\0\x0d" + idx_bytes(PIXELS)[3:], "not an IDX file"),  # floats
        (idx_bytes(PIXELS)[:-1], "body has 29 bytes"),
        (idx_bytes(PIXELS) + b"\0\0\0", "body has 31 bytes"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "body has 0 bytes"),
        (gzip.compress(idx_bytes(PIXELS), mtime=0)[:-9], "not a whole gzip file"),
    ],
)
def test_broken_files(tmp_path: Path, data: bytes, complaint: str) -> None:
    (tmp_path / "file").write_bytes(data)
    with pytest.raises(Corrupt, match=complaint):
        read_idx(tmp_path / "file", dimensions=3)


def test_no_more_is_read_than_the_header_says_or_the_limit_allows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small gzip file may hold a thousand times as much."""
    monkeypatch.setattr(idx_module, "_LIMIT", 1000)
    (tmp_path / "long").write_bytes(gzip.compress(idx_bytes(PIXELS) + bytes(1 << 20)))
    with pytest.raises(Corrupt, match="body has 31 bytes"):
        read_idx(tmp_path / "long", dimensions=3)
    (tmp_path / "large").write_bytes(gzip.compress(idx_bytes(np.zeros((1, 2000, 2000), np.uint8))))
    with pytest.raises(Corrupt, match="body has 1,001 bytes"):
        read_idx(tmp_path / "large", dimensions=3)


def test_images_without_as_many_labels(tmp_path: Path) -> None:
    (tmp_path / "train-images-idx3-ubyte").write_bytes(idx_bytes(PIXELS))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(idx_bytes(LABELS_OF_TWO[:1]))
    with pytest.raises(Corrupt, match="for the 1 labels"):
        idx_folder(tmp_path)


def test_fashion_mnist() -> None:
    with pytest.raises(ValueError, match="not 'valid'"):
        fashion_mnist("valid")  # type: ignore[arg-type]
    for source in (*IMAGES.values(), *LABELS.values()):
        assert source.filename.startswith("fashion-mnist/")  # MNIST's files have the same names
        assert all(address.endswith(source.filename.removeprefix("fashion-mnist")) for address in source.addresses)
