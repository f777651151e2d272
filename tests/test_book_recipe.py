"""What recipes share: options, bars, figures that are kept."""

import json
import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from genmodels import storage
from genmodels.book_recipe import Bar, Recipe, at_least, at_most, commit, machine, within


def begin(folder: Path, *options: str) -> Recipe:
    return Recipe("Toy.", row=99, system="toy", minutes=3.0, arguments=["--folder", str(folder), *options])


@pytest.mark.parametrize(
    ("bar", "good", "bad", "words"),
    [
        (at_most(2.5), [2.5, -1], [2.51, math.inf], "<= 2.5"),
        (at_least(24), [24, 25], [23.9, -math.inf], ">= 24"),
        (within(0.8, 1.2), [0.8, 1.0, 1.2], [0.79, 1.21], "0.8 to 1.2"),
    ],
)
def test_bars(bar: Bar, good: list[float], bad: list[float], words: str) -> None:
    assert all(bar.holds(value) for value in good)
    assert not any(bar.holds(value) for value in [*bad, math.nan])
    assert str(bar) == words


def test_figures_are_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = begin(tmp_path, "--seed", "4")
    run.figure("nats", 88.25, at_most(100), stretch=at_most(90), published="86.5")
    run.figure("modes", 24, at_least(25))
    run.figure("just so", math.nan)
    run.picture("square", np.zeros((4, 4, 3), np.uint8))
    run.finish(judge="abc")
    kept = storage.read_json(tmp_path / "figures.json")
    assert (kept["row"], kept["system"], kept["seed"], kept["judge"], kept["fast"]) == (99, "toy", 4, "abc", False)
    assert kept["figures"][0] == {
        "name": "nats",
        "value": 88.25,
        "bar": {"low": None, "high": 100},
        "stretch": {"low": None, "high": 90},
        "published": "86.5",
    }
    assert kept["figures"][2]["value"] is None
    out = capsys.readouterr().out
    assert "bar <= 100: holds, and the stretch <= 90" in out
    assert "bar >= 25: missed" in out
    assert (tmp_path / "square.png").exists()


def test_minutes_and_commits_of_all_processes_are_counted(tmp_path: Path) -> None:
    begin(tmp_path)
    storage.write_json(tmp_path / "cost.json", {"minutes": 7.0, "commits": ["abc", "def"]})
    again = begin(tmp_path)
    again.finish()
    kept = storage.read_json(tmp_path / "figures.json")
    assert 7.0 <= kept["minutes"] < 7.2
    assert kept["commit"] == f"abc def {commit()}"
    begin(tmp_path, "--fresh").finish()
    assert storage.read_json(tmp_path / "figures.json")["minutes"] < 0.2


def test_fast_is_fast_and_holds_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = begin(tmp_path, "--fast")
    assert run.minutes < 0.02
    assert (run.count(10_000, 50), begin(tmp_path).count(10_000, 50)) == (50, 10_000)
    run.figure("nats", 500.0, at_most(100))
    assert "missed" not in capsys.readouterr().out


def test_a_folder_is_continued_unless_it_should_be_fresh(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "kept").touch()
    begin(tmp_path / "run")
    assert (tmp_path / "run" / "kept").exists()
    begin(tmp_path / "run", "--fresh")
    assert not (tmp_path / "run" / "kept").exists()


def test_the_seed_is_set_before_a_model_is_built(tmp_path: Path) -> None:
    begin(tmp_path, "--seed", "7")
    first = torch.rand(3)
    begin(tmp_path, "--seed", "7")
    assert torch.equal(torch.rand(3), first)


@pytest.mark.parametrize("wrong", ["--minutes=0", "--minutes=-1", "--seed=-1", "--seed=x", "--mintues=1"])
def test_wrong_options_are_refused_in_words(tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        begin(tmp_path, wrong)
    assert left.value.code == 2
    assert wrong.partition("=")[0] in capsys.readouterr().err


def test_commit_and_machine_are_told() -> None:
    assert commit() == "unknown" or len(commit().rstrip("+")) >= 7
    assert torch.__version__ in machine()


JUDGING = """
import time
from genmodels.book_recipe import Recipe
run = Recipe("Toy.", row=99, system="toy", minutes=1)
print("judging", flush=True)
time.sleep(60)
"""


def test_asked_to_stop_while_judging_it_leaves_with_one_line(tmp_path: Path) -> None:
    command = [sys.executable, "-c", JUDGING, "--folder", str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while process.stdout.readline() != "judging\n":
            assert process.poll() is None
        asked = time.monotonic()
        process.send_signal(signal.SIGINT)
        err = process.stderr.read()
        assert process.wait() == 128 + signal.SIGINT
    assert time.monotonic() - asked < 5
    assert err.count("\n") == 1
    assert str(tmp_path) in err
    assert storage.read_json(tmp_path / "cost.json")["minutes"] > 0.0, "what was broken off has cost something too"


# ---------------------------------------------------------------------------------------------------- scripts/reproduce.py

TOY = """
import os
from genmodels.book_recipe import Recipe, at_most
import time
run = Recipe("Toy.", row=7, system="toy", minutes=1)
if "PAUSE" in os.environ:
    print("pausing", flush=True)
    time.sleep(60)
run.figure("error", float(os.environ.get("ERROR", "0.5")) + 0.1 * run.seed, at_most(1), at_most(0.1), published="0.3")
run.figure("only told", 3.0)
run.finish()
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout with one recipe, of which the figures are known."""
    (tmp_path / "scripts" / "book").mkdir(parents=True)
    script = Path(__file__).parents[1] / "scripts" / "reproduce.py"
    (tmp_path / "scripts" / "reproduce.py").write_text(script.read_text())
    (tmp_path / "scripts" / "book" / "toy.py").write_text(TOY)
    return tmp_path


def reproduce(checkout: Path, *options: str, error: str = "0.5") -> tuple[int, str]:
    command = [sys.executable, str(checkout / "scripts" / "reproduce.py"), *options]
    done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "ERROR": error})
    return done.returncode, done.stdout + done.stderr


def row(checkout: Path, figure: str) -> list[str]:
    lines = (checkout / "RESULTS.md").read_text().splitlines()
    (found,) = [line for line in lines if f"| {figure} |" in line]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_seeds_add_up_to_a_table(checkout: Path) -> None:
    assert reproduce(checkout, "toy", "--seeds", "0")[0] == 0
    assert row(checkout, "error") == ["error", "0.5", "<= 1", "<= 0.1", "0.3", "holds"]
    assert row(checkout, "[toy](#7-toy)") == ["7", "[toy](#7-toy)", "1 of 1", "1", "0.0"]
    assert "## 7. toy\n\n`python scripts/reproduce.py toy`; seed 0 alone; " in (checkout / "RESULTS.md").read_text()
    assert reproduce(checkout, "--seeds", "1", "2")[0] == 0
    assert row(checkout, "error")[1] == "0.6 (0.5 to 0.7)"
    assert row(checkout, "[toy](#7-toy)")[3] == "3"
    assert row(checkout, "only told")[-1] == ""
    kept = json.loads((checkout / "scripts" / "results" / "toy.json").read_text())
    assert sorted(kept["seeds"]) == ["0", "1", "2"]


def test_a_chapter_shows_the_pictures_that_are_kept_of_its_recipe(checkout: Path) -> None:
    (checkout / "scripts" / "book" / "toy_late.py").write_text(TOY)
    (checkout / "pictures").mkdir()
    for name in ("toy", "toy_loss", "toy_late", "toys"):
        (checkout / "pictures" / f"{name}.png").touch()
    assert reproduce(checkout, "toy", "--seeds", "0")[0] == 0
    shown = [line for line in (checkout / "RESULTS.md").read_text().splitlines() if line.startswith("![")]
    assert shown == ["![toy](pictures/toy.png)", "![toy_loss](pictures/toy_loss.png)"]


def test_one_seed_that_misses_a_bar_misses_it(checkout: Path) -> None:
    status, said = reproduce(checkout, "--seeds", "0", "1", error="0.95")
    assert status == 1
    assert "toy seed 1: error 1.05 misses <= 1" in said
    assert row(checkout, "error")[-1] == "missed"
    assert row(checkout, "[toy](#7-toy)")[2] == "0 of 1"


def test_fast_keeps_nothing_and_sees_what_is_not_finite(checkout: Path) -> None:
    status, said = reproduce(checkout, "--fast", error="50")
    assert (status, "every figure is finite" in said) == (0, True)
    assert not (checkout / "RESULTS.md").exists()
    status, said = reproduce(checkout, "--fast", error="nan")
    assert (status, "error is not finite" in said) == (1, True)


def test_an_unknown_name_is_met_with_the_nearest(checkout: Path) -> None:
    status, said = reproduce(checkout, "toi")
    assert status == 2
    assert "is it 'toy'?" in said


def test_a_recipe_that_fails_is_a_failure(checkout: Path) -> None:
    status, said = reproduce(checkout, "--seeds", "0", error="not a number")
    assert status == 1
    assert "toy seed 0: ended with status 1" in said


@pytest.mark.parametrize("at_once", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_stops_its_recipe_and_leaves(checkout: Path, at_once: signal.Signals) -> None:
    """As at a terminal, where Ctrl-C goes to the whole process group."""
    command = [sys.executable, str(checkout / "scripts" / "reproduce.py"), "toy", "--seeds", "0"]
    environment = {**os.environ, "PAUSE": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        while process.stdout.readline() != "pausing\n":
            assert process.poll() is None
        asked = time.monotonic()
        os.killpg(process.pid, at_once)
        err = process.stderr.read()
        assert process.wait() == 128 + at_once
    assert time.monotonic() - asked < 10
    assert [line.split(":")[0] for line in err.splitlines()] == [
        f"stopped by {at_once.name}",
        "stopped; --resume goes on from here",
    ]
