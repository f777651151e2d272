"""A whole run: killed at any moment and gone on with, it ends with the same bytes as one left alone; so do more workers."""

import itertools
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TIMED = ("seconds",)
NOT_PROMISED = ("tb", "log.txt", "meta.json", "videos", "report.html", "config.json", "LOCK", ".lock")
SMALL = ["--collect.episodes", "16", "--vision.steps", "12", "--memory.steps", "12", "--learner.iterations", "3"]
SMALL += ["--learner.dreams", "32", "--evaluation.episodes", "8", "--evaluation.baselines", "none", "--world.slots", "8"]


def start(arguments: list[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(ROOT / "scripts" / "run.py"), *arguments, "--quiet", "--threads", "1"]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def finish(arguments: list[str]) -> None:
    process = start(arguments)
    _, error = process.communicate(timeout=600)
    assert process.returncode == 0, error.decode()


def only(folder: Path) -> Path:
    (found,) = folder.iterdir()
    return found


def kill_at(folder: Path, seconds: float, arguments: list[str]) -> bool:
    """Whether the run was still going when it was killed."""
    process = start(arguments)
    try:
        process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        process.communicate()
        return True
    assert process.returncode == 0
    return False


def artefacts(folder: Path) -> dict[str, object]:
    """Every file that is promised, as bytes; lines of figures without their clocks."""
    found: dict[str, object] = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_dir() or any(part in NOT_PROMISED for part in path.relative_to(folder).parts):
            continue
        if "checkpoints" in path.parts:
            continue  # which ones were written depends on when; what they lead to is beside them
        if path.suffix == ".jsonl" and path.name != "episodes.jsonl":
            lines = [json.loads(line) for line in path.read_text().splitlines()]
            found[name] = [{key: value for key, value in line.items() if key not in TIMED} for line in lines]
        else:
            found[name] = path.read_bytes()
    return found


def same(one: Path, other: Path) -> None:
    left, right = artefacts(one), artefacts(other)
    assert sorted(left) == sorted(right)
    assert [name for name in left if left[name] != right[name]] == []


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, float]:
    """A run that nobody touched, and how long it took."""
    folder = tmp_path_factory.mktemp("whole")
    began = time.monotonic()
    finish(["dodge_tiny", "--runs-dir", str(folder), *SMALL])
    return only(folder), time.monotonic() - began


def killed_again_and_again(folder: Path, kills: int, longest: float, arguments: list[str], moments: random.Random) -> int:
    """Kill a run up to so many times, each time it is gone on with, and let it end; how often it was killed."""
    done, going = 0, True
    while going and done < kills:
        there = list(folder.iterdir())  # nothing, where it was killed before it had a folder
        again = ["--resume", str(there[0])] if there else [*arguments, "--runs-dir", str(folder)]
        going = kill_at(folder, moments.uniform(0.2, 1.0) * longest, again)
        done += going
    finish(["--resume", str(only(folder))])
    return done


def test_a_killed_run_goes_on_and_ends_the_same(whole: tuple[Path, float], tmp_path: Path) -> None:
    reference, seconds = whole
    killed_again_and_again(tmp_path, 2, seconds, ["dodge_tiny", *SMALL], random.Random(0))
    assert (only(tmp_path) / "DONE").exists()
    same(reference, only(tmp_path))


def test_workers_do_not_change_what_comes_out(whole: tuple[Path, float], tmp_path: Path) -> None:
    finish(["dodge_tiny", "--runs-dir", str(tmp_path), *SMALL, "--workers", "2"])
    same(whole[0], only(tmp_path))


def test_a_finished_run_is_left_as_it_is(whole: tuple[Path, float]) -> None:
    before = artefacts(whole[0])
    finish(["--resume", str(whole[0])])
    assert artefacts(whole[0]) == before


def test_another_seed_is_another_run(whole: tuple[Path, float], tmp_path: Path) -> None:
    process, learned = start(["dodge_tiny", "--runs-dir", str(tmp_path), *SMALL, "--seed", "1"]), "vision/model.safetensors"
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(f"*/{learned}")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.kill()
    process.communicate()
    assert (only(tmp_path) / learned).read_bytes() != (whole[0] / learned).read_bytes()


def test_a_second_process_on_the_same_folder_is_refused(whole: tuple[Path, float]) -> None:
    from genmodels import storage

    with storage.lock(whole[0]):
        process = start(["--resume", str(whole[0])])
        _, error = process.communicate(timeout=60)
    assert process.returncode != 0
    assert b"another process is writing here" in error


def test_a_run_that_is_interrupted_says_how_to_go_on(tmp_path: Path) -> None:
    process = start(["dodge_tiny", "--runs-dir", str(tmp_path)])
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob("*/vision/metrics.jsonl")) and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=30)
    assert process.returncode == 130
    assert b"Traceback" not in error
    assert b"--resume" in error
    assert str(only(tmp_path)).encode() in error


@pytest.mark.slow
def test_twenty_kills_change_nothing(tmp_path: Path) -> None:
    """The preset itself, killed at twenty random moments; and with 1, 2 and 4 workers."""
    (tmp_path / "whole").mkdir()
    began = time.monotonic()
    finish(["dodge_tiny", "--runs-dir", str(tmp_path / "whole")])
    seconds = time.monotonic() - began
    kills, moments = 0, random.Random(0)
    for attempt in itertools.count():
        killed = tmp_path / f"killed-{attempt}"
        killed.mkdir()
        kills += killed_again_and_again(killed, 20 - kills, 0.5 * seconds, ["dodge_tiny"], moments)
        same(only(tmp_path / "whole"), only(killed))
        if kills == 20:
            break
    for workers in (1, 2, 4):
        (tmp_path / str(workers)).mkdir()
        finish(["dodge_tiny", "--runs-dir", str(tmp_path / str(workers)), "--workers", str(workers)])
        same(only(tmp_path / "whole"), only(tmp_path / str(workers)))
