"""What a run has cost, whatever it went through."""

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

from worldmodels.presets import carracing, carracing_evolved, dodge_tiny
from worldmodels.run import Run, Stage


def leave_half_way(run: Run, stage: Stage, seconds: float) -> None:
    with contextlib.suppress(KeyboardInterrupt), run.stage(stage, 1):
        time.sleep(seconds)
        raise KeyboardInterrupt


def test_a_stage_that_was_broken_off_costs_what_all_its_parts_took(tmp_path: Path) -> None:
    run = Run.create(dodge_tiny(), "dodge_tiny", tmp_path, quiet=True)
    leave_half_way(run, Stage.VISION, 0.3)
    leave_half_way(Run.open(run.folder, quiet=True), Stage.VISION, 0.3)
    run = Run.open(run.folder, quiet=True)
    with run.stage(Stage.VISION, 1):
        time.sleep(0.1)
    with run.stage(Stage.ENCODE, 1):
        time.sleep(0.1)
    vision, encode = run.done
    assert 0.7 <= vision["seconds"] < 1.5
    assert encode["seconds"] < 0.5
    assert not (run / "unfinished.json").exists()


def test_a_stage_that_was_killed_costs_what_it_had_taken(tmp_path: Path) -> None:
    """But for the last few seconds: here, hundredths of one."""
    run = Run.create(dodge_tiny(), "dodge_tiny", tmp_path, quiet=True)
    killed = (
        "import os, signal, sys, time\n"
        "from genmodels import time_spent\n"
        "from worldmodels.run import Run, Stage\n"
        "time_spent.PERIOD = 0.02\n"
        "with Run.open(sys.argv[1], quiet=True).stage(Stage.VISION, 1):\n"
        "    time.sleep(0.6)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    for _ in range(2):
        assert subprocess.run([sys.executable, "-c", killed, str(run.folder)]).returncode == -signal.SIGKILL
    with run.stage(Stage.VISION, 1):
        time.sleep(0.1)
    assert 1.1 <= run.done[0]["seconds"] < 3.0


def test_what_another_stage_took_is_not_counted(tmp_path: Path) -> None:
    run = Run.create(dodge_tiny(), "dodge_tiny", tmp_path, quiet=True)
    leave_half_way(run, Stage.VISION, 0.5)
    with run.stage(Stage.ROLLOUT, 1):
        time.sleep(0.01)
    assert run.done[0]["seconds"] < 0.4


def test_real_frames_are_those_collected_and_chosen_by(tmp_path: Path) -> None:
    run = Run(tmp_path, carracing())
    assert run.frames == 0
    for stage, frames in (("rollout", 100), ("controller", 7), ("rollout", 150), ("choice", 40)):
        run.done.append({"stage": stage, "frames": frames})
    assert run.frames == 4 * (150 + 40)


def test_evolution_in_the_real_environment_costs_frames_too(tmp_path: Path) -> None:
    run = Run(tmp_path, carracing_evolved())
    run.done += [{"stage": "rollout", "frames": 100}, {"stage": "controller", "frames": 900.0}]
    assert run.frames == 4 * 1000
