"""Whole or absent, old or new, and never trusted unread."""

import json
import random
import resource
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
import torch

from genmodels import checkpoints, storage

# an injected exception leaves open files to the collector, which says so
injected = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")

OLD = {"a.bin": b"old a" * 40, "b.json": b'{"old": 1}\n'}
NEW = {"a.bin": b"new a, longer" * 50, "b.json": b'{"new": 22}\n'}


class Injected(BaseException):
    """What no handler of ours expects."""


def fail_at_line(number: int, work: Callable[[], Any]) -> bool:
    """Run `work`, raising before the number-th line it executes in the storage modules; whether there was such a line."""
    modules, seen = {storage.__file__, checkpoints.__file__}, 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal seen
        if frame.f_code.co_filename not in modules:
            return None
        if event == "line":
            seen += 1
            if seen == number:
                raise Injected(f"{frame.f_code.co_name}:{frame.f_lineno}")
        return trace

    sys.settrace(trace)
    try:
        work()
    except Injected:
        return True
    finally:
        sys.settrace(None)
    return False


@injected
def test_a_file_is_old_or_new_whatever_line_fails(tmp_path: Path) -> None:
    outcomes, line = set(), 1
    while True:
        path = tmp_path / f"{line}.txt"
        storage.write_bytes(path, b"old")
        failed = fail_at_line(line, lambda path=path: storage.write_bytes(path, b"newer"))
        outcomes.add(path.read_bytes())
        line += 1
        if not failed:
            break
    assert outcomes == {b"old", b"newer"}
    assert line > 8


@injected
def test_a_folder_is_old_or_new_whatever_line_fails(tmp_path: Path) -> None:
    outcomes, line, failed = [], 1, True
    while failed:
        folder = tmp_path / str(line)
        storage.write_folder(folder, OLD, {"version": 1})
        failed = fail_at_line(line, lambda folder=folder: storage.write_folder(folder, NEW, {"version": 2}))
        sealed = storage.read_folder(folder)
        assert (sealed.files, sealed.facts) in ((OLD, {"version": 1}), (NEW, {"version": 2}))
        outcomes.append(sealed.facts["version"])
        storage.write_folder(folder, NEW)  # and whatever was left behind is no obstacle
        assert sorted(p.name for p in folder.iterdir()) == [".lock", "MANIFEST.json", "a.bin", "b.json"]
        line += 1
    assert line > 50
    assert outcomes == sorted(outcomes), "one moment is the commit: before it the old state, after it the new one"
    assert set(outcomes) == {1, 2}


@injected
def test_the_newest_checkpoint_is_old_or_new_whatever_line_fails(tmp_path: Path) -> None:
    steps, line, failed = [], 1, True
    while failed:
        folder = tmp_path / str(line)
        for step in (1, 2, 3, 4):
            checkpoints.save(folder, step, OLD, score=float(step))
        failed = fail_at_line(line, lambda folder=folder: checkpoints.save(folder, 5, NEW))
        newest = checkpoints.load(folder)
        assert newest is not None
        assert newest.files == (NEW if newest.facts["step"] == 5 else OLD)
        steps.append(newest.facts["step"])
        best = checkpoints.load(folder, best=True)
        assert best is not None
        assert best.facts["step"] == 1
        line += 7
    assert steps == sorted(steps)
    assert set(steps) == {4, 5}


def test_the_last_three_and_the_best_are_kept(tmp_path: Path) -> None:
    for step, score in enumerate([5.0, 1.0, 4.0, 2.0, 3.0, None]):
        checkpoints.save(tmp_path, step, OLD, score=score)
    assert [p.name for p in sorted(tmp_path.iterdir())] == ["step-00000001", "step-00000003", "step-00000004", "step-00000005"]
    best, newest = checkpoints.load(tmp_path, best=True), checkpoints.load(tmp_path)
    assert best is not None
    assert newest is not None
    assert (best.facts["step"], newest.facts["step"]) == (1, 5)


def test_no_checkpoint_is_none_and_an_unfinished_one_does_not_count(tmp_path: Path) -> None:
    assert checkpoints.load(tmp_path / "nowhere") is None
    (tmp_path / "step-00000007").mkdir()
    (tmp_path / "step-00000007" / "model.safetensors").write_bytes(b"half")
    assert checkpoints.load(tmp_path) is None
    checkpoints.save(tmp_path, 8, OLD)
    assert [p.name for p in tmp_path.iterdir()] == ["step-00000008"]


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    tensors = {"w": torch.randn(20, 20), "b": torch.randn(20)}
    files = {"model.safetensors": storage.pack_tensors(tensors), "training.json": storage.to_json({"done": 3})}
    path = checkpoints.save(tmp_path, 3, files)
    places = [(file, position) for file in sorted(path.iterdir()) for position in range(file.stat().st_size * 8)]
    for file, position in random.Random(0).sample(places, 1000):
        whole = file.read_bytes()
        damaged = bytearray(whole)
        damaged[position // 8] ^= 1 << (position % 8)
        file.write_bytes(damaged)
        with pytest.raises(storage.Corrupt, match=file.name):
            storage.read_folder(path)
        file.write_bytes(whole)
    assert torch.equal(storage.read_folder(path).tensors("model.safetensors")["w"], tensors["w"])


def truncate(folder: Path) -> str:
    (folder / "a.bin").write_bytes(OLD["a.bin"][:-1])
    return "a.bin: 199 bytes where 200 were written"


def empty(folder: Path) -> str:
    (folder / "a.bin").write_bytes(b"")
    return "a.bin: 0 bytes"


def swap(folder: Path) -> str:
    shutil.move(folder / "a.bin", folder / "c")
    shutil.move(folder / "b.json", folder / "a.bin")
    shutil.move(folder / "c", folder / "b.json")
    return "a.bin"


def same_size(folder: Path) -> str:
    (folder / "a.bin").write_bytes(OLD["a.bin"][::-1])
    return "a.bin: its SHA-256"


def remove(folder: Path) -> str:
    (folder / "b.json").unlink()
    return "b.json: missing"


def empty_manifest(folder: Path) -> str:
    (folder / "MANIFEST.json").write_bytes(b"")
    return "MANIFEST.json: not JSON"


def no_manifest(folder: Path) -> str:
    (folder / "MANIFEST.json").unlink()
    return "MANIFEST.json: missing"


def link(folder: Path) -> str:
    (folder / "a.bin").rename(folder.parent / "elsewhere")
    (folder / "a.bin").symlink_to(folder.parent / "elsewhere")
    return "a.bin: not a regular file"


@pytest.mark.parametrize("damage", [truncate, empty, swap, same_size, remove, empty_manifest, no_manifest, link])
def test_damage_is_refused_with_the_name_of_the_file(tmp_path: Path, damage: Callable[[Path], str]) -> None:
    folder = tmp_path / "sealed"
    storage.write_folder(folder, OLD)
    message = damage(folder)
    with pytest.raises(storage.Corrupt, match=message) as error:
        storage.read_folder(folder)
    assert str(folder) in str(error.value)


def test_a_damaged_checkpoint_is_passed_over_loudly(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, 1, OLD)
    newest = checkpoints.save(tmp_path, 2, NEW)
    (newest / "a.bin").write_bytes(b"?")
    with pytest.warns(UserWarning, match=r"step-00000002/a\.bin"):
        older = checkpoints.load(tmp_path)
    assert older is not None
    assert older.facts["step"] == 1
    shutil.rmtree(tmp_path / "step-00000001")
    with (
        pytest.warns(UserWarning, match="damaged"),
        pytest.raises(storage.Corrupt, match="no valid checkpoint among step-00000002"),
    ):
        checkpoints.load(tmp_path)


def test_a_checkpoint_under_another_ones_name_is_not_taken(tmp_path: Path) -> None:
    checkpoints.save(tmp_path, 1, OLD)
    checkpoints.save(tmp_path, 2, NEW)
    (tmp_path / "step-00000001").rename(tmp_path / "step-00000009")
    with pytest.warns(UserWarning, match="holds step 1"):
        newest = checkpoints.load(tmp_path)
    assert newest is not None
    assert newest.facts["step"] == 2


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a/b", "..", ".", "", ".hidden", "MANIFEST.json", "a\\b", "nul\0"])
def test_names_that_lead_elsewhere_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(storage.StorageError, match="plain file name"):
        storage.write_folder(tmp_path / "w", {name: b""})
    assert not (tmp_path / "w").exists()
    storage.write_folder(tmp_path / "r", OLD)
    manifest = {"facts": {}, "files": {name: {"bytes": 0, "sha256": storage._digest(b"")}}}
    (tmp_path / "r" / "MANIFEST.json").write_bytes(storage._seal(manifest))
    with pytest.raises(storage.StorageError, match="plain file name"):
        storage.read_folder(tmp_path / "r")


def test_a_link_in_place_of_a_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "step-00000004").symlink_to(tmp_path / "target")
    with pytest.raises(storage.StorageError, match="link"):
        checkpoints.save(tmp_path, 4, OLD)
    assert list((tmp_path / "target").iterdir()) == []


@pytest.mark.parametrize("declared", [10**6, 2**40, 2**63, 2**64 - 1])
def test_a_header_larger_than_its_file_is_refused_before_any_allocation(declared: int) -> None:
    data = bytearray(storage.pack_tensors({"w": torch.ones(4)}))
    data[:8] = declared.to_bytes(8, "little")
    with pytest.raises(storage.Corrupt, match=rf"x\.safetensors: its header declares {declared:,} bytes"):
        storage.unpack_tensors(bytes(data), "x.safetensors")


@pytest.mark.parametrize("end", [2**40, 17, 0, -1])
def test_tensors_that_do_not_fit_their_file_are_refused(end: int) -> None:
    header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, end]}}).encode()
    data = len(header).to_bytes(8, "little") + header + bytes(16)
    with pytest.raises(storage.Corrupt, match=r"x\.safetensors"):
        storage.unpack_tensors(data, "x.safetensors")


@pytest.mark.parametrize("data", [b"", b"1234567", bytes(8), b"\x02" + bytes(7) + b"[]", b"\x09" + bytes(7) + b'{"w": {}}'])
def test_what_is_no_tensor_file_is_refused(data: bytes) -> None:
    with pytest.raises(storage.Corrupt, match=r"x\.safetensors"):
        storage.unpack_tensors(data, "x.safetensors")


def test_tensors_come_back_bit_for_bit() -> None:
    tied = torch.randn(3, 2)
    tensors = {
        "tied": tied,
        "same": tied,
        "part": tied[1],
        "channels_last": torch.randn(2, 3, 4, 4).to(memory_format=torch.channels_last),
        "bf16": torch.randn(3).bfloat16(),
        "whole": torch.arange(3),
        "scalar": torch.tensor(2.5),
        "none": torch.empty(0, 4),
    }
    back = storage.unpack_tensors(storage.pack_tensors(tensors), "x")
    assert back.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert torch.equal(back[name], tensor)
        assert back[name].dtype == tensor.dtype


FULL_DISK = """
import resource, sys
from genmodels import checkpoints, storage
checkpoints.save(sys.argv[1], 1, {"a.bin": b"whole"})
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    checkpoints.save(sys.argv[1], 2, {"a.bin": bytes(300_000)})
except storage.DiskFull as error:
    print(error)
"""


def test_a_full_disk_leaves_the_previous_checkpoint_and_says_what_was_needed(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", FULL_DISK, str(tmp_path)], capture_output=True, text=True, check=True)
    assert "300,000 bytes" in run.stdout
    assert str(tmp_path / "step-00000002") in run.stdout
    newest = checkpoints.load(tmp_path)
    assert newest is not None
    assert newest.files == {"a.bin": b"whole"}
    assert not list(tmp_path.rglob("*.tmp"))
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 100_000


HOLD = """
import sys, time
from genmodels import storage
with storage.lock(sys.argv[1]):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_writer_is_refused_and_the_lock_dies_with_its_holder(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(storage.Locked, match=str(tmp_path)), storage.lock(tmp_path):
            pass
        other.kill()
    with storage.lock(tmp_path):
        pass


def test_a_reader_beside_a_writer_sees_one_state_or_the_other(tmp_path: Path) -> None:
    storage.write_folder(tmp_path / "s", OLD)
    done = threading.Event()

    def rewrite() -> None:
        for turn in range(60):
            storage.write_folder(tmp_path / "s", NEW if turn % 2 == 0 else OLD)
        done.set()

    writer = threading.Thread(target=rewrite)
    writer.start()
    seen = []
    while not done.is_set():
        seen.append(storage.read_folder(tmp_path / "s").files)
    writer.join()
    assert all(files in (OLD, NEW) for files in seen)


def test_equal_values_are_equal_bytes_and_numbers_are_finite() -> None:
    assert storage.to_json({"b": 1, "a": 0.1}) == storage.to_json({"a": 0.1, "b": 1})
    with pytest.raises(ValueError, match="not JSON compliant"):
        storage.to_json({"a": float("nan")})
