import hashlib
import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from genmodels.data import DataNotFound, Labelled, cifar10
from genmodels.data.cifar10 import BINARY, CLASSES, MEMBERS, load, read_binary, read_jpegs
from genmodels.data.downloads import Source
from genmodels.storage import Corrupt

NOWHERE = Source("no-such-cifar.npz", "0" * 64)


@pytest.fixture(scope="module")
def photographs() -> Labelled:
    try:
        return cifar10("test")
    except DataNotFound as error:
        pytest.skip(str(error))


def jpeg(pixels: NDArray[np.uint8]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def flat(colour: tuple[int, int, int], size: int = 32) -> NDArray[np.uint8]:
    return np.full((size, size, 3), colour, np.uint8)


def npz(path: Path, pictures: list[bytes], labels: list[int], offsets: list[int] | None = None) -> Path:
    offsets = offsets or np.cumsum([0, *map(len, pictures)]).tolist()
    data = np.frombuffer(b"".join(pictures), np.uint8)
    np.savez(path, test_jpeg=data, test_offsets=np.array(offsets), test_labels=np.array(labels, np.uint8))
    return path


def archive(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as tar:
        for name, data in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def record(label: int, red: int, green: int, blue: int) -> bytes:
    return bytes([label]) + bytes([red]) * 1024 + bytes([green]) * 1024 + bytes([blue]) * 1024


# ---------------------------------------------------------------------------------------------------------------- JPEGs


def test_jpegs(tmp_path: Path) -> None:
    pixels, labels = read_jpegs(npz(tmp_path / "a.npz", [jpeg(flat((250, 0, 0))), jpeg(flat((0, 0, 250)))], [3, 9]), "test")
    assert pixels.shape == (2, 3, 32, 32)
    assert np.abs(pixels[:, :, 5, 7].astype(int) - [[250, 0, 0], [0, 0, 250]]).max() < 4
    assert labels.tolist() == [3, 9]


def test_broken_jpegs(tmp_path: Path) -> None:
    whole = jpeg(flat((9, 9, 9)))
    grey = jpeg(np.zeros((32, 32), np.uint8))
    for picture, complaint in (
        (whole[:100], "picture 1 is no whole JPEG"),
        (b"", "no whole"),
        (grey, "is L of"),
        (jpeg(flat((1, 1, 1), 16)), "16, 16"),
    ):
        with pytest.raises(Corrupt, match=complaint):
            read_jpegs(npz(tmp_path / "a.npz", [whole, picture], [0, 1]), "test")


@pytest.mark.parametrize("offsets", [[0, 10], [0, 900, 100, 5], [5, 10, 20], [0, -5, 10], [0, 10, 10**12]])
def test_offsets_that_lead_astray(tmp_path: Path, offsets: list[int]) -> None:
    with pytest.raises(Corrupt, match="offsets"):
        read_jpegs(npz(tmp_path / "a.npz", [jpeg(flat((9, 9, 9)))] * 2, [0, 1], offsets), "test")


# -------------------------------------------------------------------------------------------------------------- archive


def test_records(tmp_path: Path) -> None:
    members = {name: record(i, 10 * i, 1, 2) + record(9, 0, 0, 0) for i, name in enumerate(MEMBERS["train"])}
    pixels, labels = read_binary(archive(tmp_path / "a.tar.gz", {"readme": b"text", **members}), "train")
    assert labels.tolist() == [0, 9, 1, 9, 2, 9, 3, 9, 4, 9]
    assert pixels.shape == (10, 3, 32, 32)
    assert pixels[6, :, 31, 0].tolist() == [30, 1, 2]


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("cifar-10-batches-py/test_batch", b"\x80\x02", "is it the binary version"),
        (MEMBERS["test"][0], record(1, 2, 3, 4)[:-1], "but has 3,072"),
        (MEMBERS["test"][0], bytes(3073 * 10_001), "no file of up to 10,000 records"),
    ],
)
def test_broken_archives(tmp_path: Path, name: str, data: bytes, complaint: str) -> None:
    with pytest.raises(Corrupt, match=complaint):
        read_binary(archive(tmp_path / "a.tar.gz", {name: data}), "test")


def test_a_link_for_a_file(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as tar:
        member = tarfile.TarInfo(MEMBERS["test"][0])
        member.type, member.linkname = tarfile.SYMTYPE, "/etc/hostname"
        tar.addfile(member)
    with pytest.raises(Corrupt, match="no file of up to"):
        read_binary(tmp_path / "a.tar.gz", "test")


def test_cut_archives(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 10, 3073 * 40, dtype=np.uint8).tobytes()
    path = archive(tmp_path / "a.tar.gz", {MEMBERS["test"][0]: noise})
    whole = path.read_bytes()
    for broken in (whole[: len(whole) // 2], b"", b"plain", whole[:20]):
        path.write_bytes(broken)
        with pytest.raises(Corrupt, match="not a whole gzipped tar file"):
            read_binary(path, "test")


# ------------------------------------------------------------------------------------------------------- where it is


def test_the_archive_for_the_jpegs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENMODELS_DATA", str(tmp_path))
    path = archive(tmp_path / "some.tar.gz", {MEMBERS["test"][0]: record(4, 1, 2, 3)})
    binary = Source(path.name, hashlib.sha256(path.read_bytes()).hexdigest())
    data = load("test", NOWHERE, binary)
    assert data.labels.tolist() == [4]
    assert data.images[0, :, 0, 0].tolist() == [1, 2, 3]
    path = archive(path, {MEMBERS["test"][0]: record(10, 1, 2, 3)})
    with pytest.raises(Corrupt, match="a label of 10"):
        load("test", binary := Source(path.name, hashlib.sha256(path.read_bytes()).hexdigest()), binary)


def test_neither_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GENMODELS_DATA", str(tmp_path))
    with pytest.raises(DataNotFound) as error:
        load("test", NOWHERE, Source("no-such.tar.gz", "0" * 64))
    for part in ("no-such-cifar.npz", "no-such.tar.gz", str(tmp_path), "pickled"):
        assert part in str(error.value)
    assert BINARY.addresses


def test_the_photographs_are_cifar(photographs: Labelled) -> None:
    assert photographs.images.shape == (10_000, 3, 32, 32)
    assert photographs.labels.bincount().tolist() == [1000] * len(CLASSES)
    mean = photographs.images[:2000].double().mean((0, 2, 3)) / 255
    torch.testing.assert_close(mean, torch.tensor([0.494, 0.485, 0.450], dtype=torch.float64), atol=0.02, rtol=0)
    assert cifar10("test") is photographs
    with pytest.raises(ValueError, match="not 'valid'"):
        cifar10("valid")  # type: ignore[arg-type]
