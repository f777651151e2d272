import contextlib
import hashlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from urllib.error import URLError

import pytest

from genmodels.data.downloads import DataNotFound, Opener, Source, locate, open_https
from genmodels.storage import Corrupt

DATA = b"some public data" * 100
SHA256 = hashlib.sha256(DATA).hexdigest()
FIRST, SECOND = "https://first.example/data.bin", "https://second.example/data.bin"
SOURCE = Source("test-downloads.bin", SHA256, (FIRST, SECOND))
LOCAL = Source("test-downloads.bin", SHA256)


@pytest.fixture
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that $GENMODELS_DATA names; the cache is `tmp_path / "cache" / "genmodels"`."""
    monkeypatch.setenv("GENMODELS_DATA", str(tmp_path / "named"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "named").mkdir()
    return tmp_path / "named"


@pytest.fixture
def cache(named: Path) -> Path:
    return named.parent / "cache" / "genmodels"


def serving(bodies: dict[str, bytes | Exception], asked: list[str] | None = None) -> Opener:
    """An opener that answers from memory, fails as told, and notes what it was asked for."""

    @contextlib.contextmanager
    def opener(address: str) -> Iterator[io.BytesIO]:
        if asked is not None:
            asked.append(address)
        body = bodies[address]
        if isinstance(body, Exception):
            raise body
        yield io.BytesIO(body)

    return opener


def test_the_named_folder_comes_before_the_cache(named: Path, cache: Path) -> None:
    cache.mkdir(parents=True)
    (cache / LOCAL.filename).write_bytes(DATA)
    assert locate(LOCAL) == cache / LOCAL.filename
    (named / LOCAL.filename).write_bytes(DATA)
    assert locate(LOCAL) == named / LOCAL.filename


def test_a_wrong_checksum_names_the_file_and_both_sums(named: Path, cache: Path) -> None:
    """The good copy in the cache is no excuse for the bad one before it."""
    cache.mkdir(parents=True)
    (cache / LOCAL.filename).write_bytes(DATA)
    (named / LOCAL.filename).write_bytes(b"damaged")
    with pytest.raises(Corrupt) as error:
        locate(LOCAL)
    for part in (str(named / LOCAL.filename), SHA256, hashlib.sha256(b"damaged").hexdigest(), "Replace it"):
        assert part in str(error.value)


def test_a_verified_file_is_read_again_only_if_it_changes(named: Path) -> None:
    path = named / LOCAL.filename
    path.write_bytes(DATA)
    locate(LOCAL)
    before = path.stat()
    path.write_bytes(DATA[::-1])
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert locate(LOCAL) == path  # same size and time: trusted without reading
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
    with pytest.raises(Corrupt):
        locate(LOCAL)


def test_a_download_lands_in_the_cache_once(cache: Path, named: Path) -> None:
    asked: list[str] = []
    opener = serving({FIRST: DATA}, asked)
    assert locate(SOURCE, opener=opener) == cache / SOURCE.filename
    assert (cache / SOURCE.filename).read_bytes() == DATA
    assert locate(SOURCE, opener=opener) == cache / SOURCE.filename
    assert asked == [FIRST]
    assert os.listdir(cache) == [SOURCE.filename]


def test_a_file_may_lie_in_a_folder(cache: Path, named: Path) -> None:
    """Fashion-MNIST's files have MNIST's names."""
    source = Source("some-set/test-downloads.bin", SHA256, (FIRST,))
    assert locate(source, opener=serving({FIRST: DATA})) == cache / "some-set" / "test-downloads.bin"
    assert os.listdir(cache / "some-set") == ["test-downloads.bin"]
    (named / "test-downloads.bin").write_bytes(b"another set's")
    assert locate(source) == cache / "some-set" / "test-downloads.bin"


@pytest.mark.parametrize("failure", [b"not the data", DATA[:-1], URLError("no route"), TimeoutError("timed out")])
def test_the_next_address_is_tried(cache: Path, failure: bytes | Exception) -> None:
    locate(SOURCE, opener=serving({FIRST: failure, SECOND: DATA}))
    assert (cache / SOURCE.filename).read_bytes() == DATA


def test_bad_downloads_leave_nothing_behind(cache: Path) -> None:
    with pytest.raises(DataNotFound) as error:
        locate(SOURCE, opener=serving({FIRST: b"damaged", SECOND: TimeoutError("timed out")}))
    for part in (FIRST, hashlib.sha256(b"damaged").hexdigest(), f"{SECOND}: timed out"):
        assert part in str(error.value)
    assert os.listdir(cache) == []


def test_an_interrupted_download_leaves_nothing_behind(cache: Path) -> None:
    class Interrupted(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        locate(SOURCE, opener=lambda address: contextlib.nullcontext(Interrupted()))
    assert os.listdir(cache) == []


def test_an_endless_download_is_broken_off(cache: Path) -> None:
    class Endless(io.BytesIO):
        chunks = 0

        def read(self, size: int | None = -1) -> bytes:
            self.chunks += 1
            return b"\0" * (1 << 16)

    body = Endless()
    source = Source("test-downloads.bin", SHA256, (FIRST,), limit=1 << 18)
    with pytest.raises(DataNotFound, match="more than the 262,144 bytes"):
        locate(source, opener=lambda address: contextlib.nullcontext(body))
    assert body.chunks == 5
    assert os.listdir(cache) == []


def test_a_cache_that_cannot_be_written_is_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(DataNotFound, match="Not a directory"):
        locate(SOURCE, opener=serving({FIRST: DATA, SECOND: DATA}))


def test_not_found_says_what_to_put_where(named: Path, cache: Path) -> None:
    with pytest.raises(DataNotFound) as error:
        locate(LOCAL)
    for part in (LOCAL.filename, SHA256, str(named), str(cache), str(Path("shared") / "data"), "no public address"):
        assert part in str(error.value)


def test_only_https() -> None:
    with pytest.raises(ValueError, match="not an https address"):
        Source("a", SHA256, ("http://first.example/a",))
    for address in ("http://127.0.0.1/", "file:///etc/hostname", "ftp://127.0.0.1/"):  # where a redirect might lead
        with pytest.raises(URLError, match="unknown url type"):
            open_https(address)
