"""The doors: instant help, one line for a mistake, and the lines that are promised."""

import os
import re
import subprocess
import sys
from pathlib import Path
from shutil import copytree

import pytest

ROOT = Path(__file__).parents[2]
DOORS = ("record", "dream", "evaluate", "play", "pack")
SCORE = r"mean -?\d+\.\d sd \d+\.\d ci95 -?\d+\.\d -?\d+\.\d n (\d+)"


def door(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, ROOT / "scripts" / f"{name}.py", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120)


@pytest.mark.parametrize("name", DOORS)
def test_help_lists_the_options_without_torch(name: str) -> None:
    told = door(name, "--help")
    assert told.returncode == 0, told.stderr
    assert "--seed" in told.stdout
    code = f"import sys, runpy; sys.argv[1:] = ['--help']\ntry: runpy.run_path('scripts/{name}.py', run_name='__main__')\n"
    code += "except SystemExit: print('torch' in sys.modules, 'numpy' in sys.modules)"
    lines = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT).stdout
    assert lines.splitlines()[-1] == "False False"


@pytest.mark.parametrize("name", DOORS)
def test_a_folder_that_is_no_run_is_one_line(name: str, tmp_path: Path) -> None:
    told = door(name, tmp_path)
    assert told.returncode == 2
    assert told.stderr.splitlines() == [f"{tmp_path}: no run is there (a run folder holds config.json)"]


@pytest.mark.parametrize("name", DOORS)
def test_a_pretrained_agent_that_is_not_there_is_one_line(name: str) -> None:
    told = door(name, "--pretrained", "chess")
    assert told.returncode == 2
    assert told.stderr.startswith("--pretrained: which agent? There are ")
    assert len(told.stderr.splitlines()) == 1


def test_mistakes_are_one_line(trained: Path, tmp_path: Path) -> None:
    assert door("record", trained, "--fps", "0").stderr.splitlines() == ["--fps: at least 1, not 0.0"]
    assert door("evaluate", trained, "--episodes", "0").stderr.splitlines() == ["--episodes: at least 1, not 0"]
    assert "go together" in door("play", trained, "--frames", tmp_path / "a").stderr
    folder = copytree(trained, tmp_path / "run")
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    (folder / "metrics.jsonl").write_text("".join(lines[:4]))
    told = door("dream", folder)
    assert told.returncode == 2
    assert re.fullmatch(r".*comes next is controller: python scripts/run\.py --resume .*\n", told.stderr)


def test_evaluate_ends_with_the_score_and_keeps_a_line_for_each_episode(trained: Path, tmp_path: Path) -> None:
    folder = copytree(trained, tmp_path / "run")
    before = (folder / "evaluation.jsonl").read_bytes()
    told = door("evaluate", folder, "--episodes", "3", "--quiet")
    assert told.returncode == 0, told.stderr
    match = re.fullmatch(SCORE, told.stdout.splitlines()[-1])
    assert match is not None
    assert match[1] == "3"
    assert (folder / "evaluation.jsonl").read_bytes() == before
    assert len((folder / "held_out.jsonl").read_text().splitlines()) == 6, "three real and three dreamt"


def test_dream_ends_with_the_score_and_leaves_a_video(trained: Path, tmp_path: Path) -> None:
    folder = copytree(trained, tmp_path / "run")
    told = door("dream", folder, "--episodes", "5", "--side", "2", "--horizon", "4", "--quiet")
    assert told.returncode == 0, told.stderr
    assert re.fullmatch(SCORE, told.stdout.splitlines()[-1])
    assert (folder / "videos" / "dream.mp4").stat().st_size > 1000


def test_play_without_a_screen(trained: Path, tmp_path: Path) -> None:
    told = door("play", trained, "--frames", tmp_path / "frames", "--script", "left*2 agent")
    assert told.returncode == 0, told.stderr
    assert told.stdout.splitlines()[-1] == f"3 steps in {tmp_path / 'frames'}"
