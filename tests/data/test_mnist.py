import gzip
import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from genmodels.data import DataNotFound, Labelled, binarised, mnist, stacked_mnist
from genmodels.data.downloads import Source, locate
from genmodels.data.mnist import NPZ, Idx, load, read_idx, read_npz
from genmodels.storage import Corrupt

Bytes = NDArray[np.uint8]
NO_NPZ = Source("no-such-mnist.npz", "0" * 64)
NO_IDX = Idx(Source("no-such-images.gz", "0" * 64), Source("no-such-labels.gz", "0" * 64))


@pytest.fixture
def digits() -> Labelled:
    try:
        return mnist("test")
    except DataNotFound as error:
        pytest.skip(str(error))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to look for the files in."""
    monkeypatch.setenv("GENMODELS_DATA", str(tmp_path))
    return tmp_path


def idx_bytes(array: Bytes) -> bytes:
    return bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()


def written(path: Path, data: bytes) -> Source:
    path.write_bytes(data)
    return Source(path.name, hashlib.sha256(data).hexdigest())


def written_idx(folder: Path, pixels: Bytes, labels: Bytes) -> Idx:
    return Idx(
        written(folder / "images.gz", gzip.compress(idx_bytes(pixels), 1)),
        written(folder / "labels.gz", gzip.compress(idx_bytes(labels), 1)),
    )


def some_digits() -> tuple[Bytes, Bytes]:
    """Forty "digits", some of them equal, some of them equal but for the label."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, 28, 28), dtype=np.uint8)[rng.integers(0, 8, 40)]
    return pixels, rng.integers(0, 3, 40, dtype=np.uint8)


# ---------------------------------------------------------------------------------------------------- the order of files


def test_both_files_give_equal_tensors(folder: Path) -> None:
    pixels, labels = some_digits()
    np.savez(folder / "some.npz", train_images=pixels, train_labels=labels)
    npz = Source("some.npz", hashlib.sha256((folder / "some.npz").read_bytes()).hexdigest())
    order = np.random.default_rng(1).permutation(len(labels))
    idx = written_idx(folder, pixels[order], labels[order])

    a, b = load("train", npz, NO_IDX), load("train", NO_NPZ, idx)
    assert torch.equal(a.images, b.images)
    assert torch.equal(a.labels, b.labels)
    assert a.images.shape == (40, 1, 28, 28)
    given = sorted((int(label), image.tobytes()) for label, image in zip(labels, pixels, strict=True))
    assert given == sorted((int(y), x.numpy().tobytes()) for x, y in zip(a.images, a.labels, strict=True))


def test_mnist_in_another_order_is_the_same_mnist(digits: Labelled, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        pixels, labels = read_npz(locate(NPZ), "test")
    except DataNotFound as error:
        pytest.skip(str(error))
    order = np.random.default_rng(2).permutation(len(labels))
    monkeypatch.setenv("GENMODELS_DATA", str(tmp_path))
    from_idx = load("test", NO_NPZ, written_idx(tmp_path, pixels[order], labels[order]))
    assert torch.equal(from_idx.images, digits.images)
    assert torch.equal(from_idx.labels, digits.labels)


def test_neither_file_names_all_three(folder: Path) -> None:
    with pytest.raises(DataNotFound) as error:
        load("test", NO_NPZ, NO_IDX)
    for part in (NO_NPZ.filename, NO_IDX.images.filename, NO_IDX.labels.filename, str(folder)):
        assert part in str(error.value)


# ------------------------------------------------------------------------------------------------------ broken IDX files


@pytest.mark.parametrize(
    ("images", "complaint"),
    [
        (b"", "not an IDX file"),
        (b"\0\0\x08", "not an IDX file"),
        (idx_bytes(np.zeros((2, 28), np.uint8)), "not an IDX file of 3 dimensions"),
        (idx_bytes(np.zeros((2, 28, 28), np.uint8))[:-1], "body has 1,567 bytes"),
        (idx_bytes(np.zeros((2, 28, 28), np.uint8)) + b"\0", "body has 1,569 bytes"),
        (idx_bytes(np.zeros((3, 28, 28), np.uint8)), "for the 2 labels"),
        (idx_bytes(np.zeros((2, 14, 56), np.uint8)), r"shape \(2, 14, 56\)"),
        (b"\0\0\x08\x03" + b"\xff" * 12, "body has 0 bytes"),
    ],
)
def test_headers_are_held_against_the_contents(tmp_path: Path, images: bytes, complaint: str) -> None:
    (tmp_path / "images.gz").write_bytes(gzip.compress(images))
    (tmp_path / "labels.gz").write_bytes(gzip.compress(idx_bytes(np.array([3, 4], np.uint8))))
    with pytest.raises(Corrupt, match=complaint):
        read_idx(tmp_path / "images.gz", tmp_path / "labels.gz")


def test_a_label_beyond_nine(tmp_path: Path) -> None:
    written_idx(tmp_path, np.zeros((1, 28, 28), np.uint8), np.array([10], np.uint8))
    with pytest.raises(Corrupt, match="a label of 10"):
        read_idx(tmp_path / "images.gz", tmp_path / "labels.gz")


def test_broken_gzip(tmp_path: Path) -> None:
    pixels, labels = some_digits()
    written_idx(tmp_path, pixels, labels)
    path, whole = tmp_path / "images.gz", (tmp_path / "images.gz").read_bytes()
    middle = len(whole) // 2
    for broken in (whole[:middle], whole[:20], whole[:middle] + bytes(100) + whole[middle + 100 :]):
        path.write_bytes(broken)
        with pytest.raises(Corrupt, match=r"images\.gz: (not a whole gzip file|its header says)"):
            read_idx(path, tmp_path / "labels.gz")


# ------------------------------------------------------------------------------------------------------------- the sets


def test_the_digits_are_mnist(digits: Labelled) -> None:
    assert digits.images.shape == (10_000, 1, 28, 28)
    assert digits.labels.dtype == torch.int64
    assert digits.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert round(digits.images.double().mean().item() / 255, 4) == 0.1325


def test_the_order_is_fixed(digits: Labelled) -> None:
    data = digits.images.numpy().tobytes() + digits.labels.numpy().tobytes()
    assert hashlib.sha256(data).hexdigest() == "9efc9190168b5de1dbbde116a9013fc9a6bc7ef26b1a3d72f14a4ad5ae38d21b"


def test_a_prefix_is_a_fair_sample(digits: Labelled) -> None:
    expected = 1000 * digits.labels.bincount() / len(digits)
    chi_squared = ((digits.labels[:1000].bincount() - expected) ** 2 / expected).sum().item()
    assert chi_squared < 21.7  # 9 degrees of freedom: 1 in 100


def test_a_split_is_read_once(digits: Labelled) -> None:
    assert mnist("test") is digits


def test_an_unknown_split() -> None:
    with pytest.raises(ValueError, match="train, test, not 'valid'"):
        mnist("valid")  # type: ignore[arg-type]


def test_labelled_goes_by_index() -> None:
    data = Labelled(torch.arange(5, dtype=torch.uint8).view(5, 1, 1, 1), torch.tensor([0, 1, 0, 1, 0]))
    index = torch.tensor([4, 1])
    assert len(data) == 5
    assert data[index].flatten().tolist() == [4, 1]
    assert data.labels[index].tolist() == [0, 1]
    images, labels = data.pairs[index]
    assert (images.flatten().tolist(), labels.tolist()) == ([4, 1], [0, 1])
    with pytest.raises(ValueError, match="5 images, but labels of shape"):
        Labelled(data.images, data.labels[:4])


def test_binarised_follows_the_intensities() -> None:
    images = torch.tensor([0, 51, 204, 255], dtype=torch.uint8).repeat(20_000, 1)
    sampled = binarised(images, seed=3)
    assert sampled.dtype == torch.float32
    assert sampled.unique().tolist() == [0, 1]
    frequency = sampled.mean(0)
    assert frequency[0] == 0
    assert frequency[3] == 1
    torch.testing.assert_close(frequency[1:3], torch.tensor([0.2, 0.8]), atol=0.015, rtol=0)  # 5 standard errors


def test_binarised_is_a_function_of_the_seed() -> None:
    images = torch.full((100, 1, 28, 28), 128, dtype=torch.uint8)
    state = torch.get_rng_state()
    assert torch.equal(binarised(images, seed=1), binarised(images, seed=1))
    assert not torch.equal(binarised(images, seed=1), binarised(images, seed=2))
    assert torch.equal(torch.get_rng_state(), state)


def test_binarised_refuses_floats() -> None:
    with pytest.raises(TypeError, match=r"not torch\.float32"):
        binarised(torch.rand(2, 1, 28, 28), seed=0)


def test_stacked_digits_spell_their_label(digits: Labelled) -> None:
    stacked = stacked_mnist(200, seed=5, split="test")
    assert stacked.images.shape == (200, 3, 28, 28)
    label_of = {x.numpy().tobytes(): int(y) for x, y in zip(digits.images, digits.labels, strict=True)}
    for image, label in zip(stacked.images, stacked.labels, strict=True):
        a, b, c = (label_of[channel.numpy().tobytes()] for channel in image)
        assert 100 * a + 10 * b + c == label
    assert len(stacked.labels.unique()) > 150
    assert torch.equal(stacked.images, stacked_mnist(200, seed=5, split="test").images)
    assert not torch.equal(stacked.labels, stacked_mnist(200, seed=6, split="test").labels)
