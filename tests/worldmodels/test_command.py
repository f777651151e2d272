"""The command line: presets, overrides, folders, and mistakes that are answered with one line."""

import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from genmodels import storage
from worldmodels import command
from worldmodels.config import Evolve, Experiment, Gradient, from_plain, plain
from worldmodels.presets import PRESETS
from worldmodels.run import Run

ROOT = Path(__file__).parents[2]
DOORS = [path for path in sorted((ROOT / "scripts").glob("*.py")) if "command.parse" in path.read_text()]


def parse(*arguments: str) -> command.Target:
    @dataclass(frozen=True)
    class Own:
        """None."""

    return command.parse("What it does.", Own, arguments)[0]


def test_a_preset_is_taken_and_overridden() -> None:
    target = parse("dodge", "--memory.hidden", "77", "--seed", "5", "--threads", "1", "--world.slots", "3")
    assert target.experiment is not None
    assert (target.experiment.memory.hidden, target.experiment.seed, target.experiment.world.slots) == (77, 5, 3)
    assert target.options.threads == 1
    assert target.experiment.vision == PRESETS["dodge"]().vision


def test_the_world_takes_options_that_the_preset_does_not_name() -> None:
    said = ["--world.options", "max_frames", "500", "repeat", "2", "learner:evolve", "--learner.population", "8"]
    target = parse("carracing", "--world.options.threads", "2", "--world.options.no-bar", *said)
    assert target.experiment is not None
    before = PRESETS["carracing"]().world
    asked = {"max_frames": 500, "repeat": 2, "threads": 2, "bar": False}
    assert target.experiment.world.options == {**before.options, **asked}
    assert target.experiment.world.test_options == before.test_options
    assert target.experiment.learner == Evolve(population=8)
    own = parse("own", "--world.name", "gym:chase:Chase-v0", "--world.test-options.size=7", "--world.options", "mode", "easy")
    assert own.experiment is not None
    assert (own.experiment.world.options, own.experiment.world.test_options) == ({"mode": "easy"}, {"size": 7})


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("doge",), "did you mean dodge?"),
        (("nowhere/at/all",), "no run is there"),
        (("--resume", "dodge"), "no run is there"),
        (("dodge", "--world.options", "repeat"), "a name and its value"),
        (("dodge", "--world.options"), "a name and its value"),
        (("dodge", "--memory.hiden", "3"), "--memory.hidden"),
        (("dodge", "--memory.hidden", "many"), "--memory.hidden"),
    ],
)
def test_mistakes_are_answered(arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        parse(*arguments)
    assert stop.value.code == 2
    shown = capsys.readouterr()
    assert said in shown.err + shown.out


@pytest.mark.parametrize("name", list(PRESETS))
def test_every_preset_survives_being_written_down(name: str) -> None:
    experiment = PRESETS[name]()
    assert isinstance(experiment, Experiment)
    assert from_plain(plain(experiment)) == experiment


def test_a_field_of_another_version_is_named() -> None:
    written = plain(PRESETS["dodge"]())
    written["memory"]["wings"] = 2
    with pytest.raises(ValueError, match="MDNRNNConfig has no wings"):
        from_plain(written)
    with pytest.raises(ValueError, match="no part of an experiment called 'Wings'"):
        from_plain({"type": "Wings"})


def test_a_run_is_made_found_and_named(tmp_path: Path) -> None:
    experiment = PRESETS["dodge_tiny"]()
    made = Run.create(experiment, "dodge_tiny", tmp_path, quiet=True)
    assert made.folder.name.startswith("dodge__dodge_tiny__s0__")
    assert Run.open(made.folder).experiment == experiment
    assert isinstance(experiment.learner, Gradient)
    with pytest.raises(FileNotFoundError, match="no run is there"):
        Run.open(tmp_path)


def test_the_command_is_kept_as_it_would_be_typed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "scripts" / "run.py"), "dodge", "--runs-dir", "/elsewhere"])
    made = Run.create(PRESETS["dodge_tiny"](), "dodge_tiny", tmp_path, quiet=True)
    assert storage.read_json(made / "meta.json")["command"] == "python scripts/run.py dodge --runs-dir /elsewhere"


def test_a_run_that_is_left_says_how_to_go_on_as_it_was_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @dataclass(frozen=True)
    class Own:
        full: bool = False

    runs = tmp_path / "my runs"
    made = Run.create(PRESETS["dodge_tiny"](), "dodge_tiny", runs, quiet=True)
    for script, own, said in (
        ("scripts/run.py", Own(full=True), f"python scripts/run.py --resume '{made.folder}' --threads 1 --full"),
        ("scripts/rollout.py", Own(), f"python scripts/rollout.py '{made.folder}' --threads 1"),
    ):
        monkeypatch.setattr(sys, "argv", [script])
        with pytest.raises(SystemExit), command.resumable(made, command.Options(runs_dir=runs, threads=1), own):
            raise KeyboardInterrupt
        assert capsys.readouterr().err == f"go on with: {said}\n"


def test_random_streams_of_stages_are_apart(tmp_path: Path) -> None:
    from worldmodels.run import Stage

    run = Run.create(PRESETS["dodge_tiny"](), "dodge_tiny", tmp_path, quiet=True)
    seeds = [run.seed(stage, turn) for stage in Stage for turn in range(3)] + [run.seed(stage) for stage in Stage]
    assert len(set(seeds)) == len(seeds)
    assert all(0 <= seed < 2**63 for seed in seeds)


@pytest.mark.parametrize("script", DOORS, ids=lambda path: path.stem)
def test_help_is_quick_and_loads_no_torch(script: Path) -> None:
    code = (
        "import runpy, sys\n"
        f"sys.argv = [{str(script)!r}, '--help']\n"
        "try:\n"
        f"    runpy.run_path({str(script)!r}, run_name='__main__')\n"
        "except SystemExit as end:\n"
        "    assert not end.code\n"
        "assert 'torch' not in sys.modules and 'gymnasium' not in sys.modules\n"
    )
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "runs/FOLDER" in done.stdout
    assert time.monotonic() - began < 20.0


def test_help_whose_reader_leaves_ends_without_a_word() -> None:
    command = [sys.executable, str(ROOT / "scripts" / "run.py"), "carracing", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == -signal.SIGPIPE
