"""What a person sees of a run, and what is kept of it."""

import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from genmodels import progress
from genmodels.metrics_log import MetricsLog
from genmodels.progress import Display

LIVE = """
import time
from genmodels.progress import Display
with Display(steps=10, seconds=None) as display:
    for step in range(11):
        display.show(step, step / 2, lambda: {"vae/loss": 100.0 - step})
        time.sleep(0.1)
    display.show(10, 5.0, lambda: {"vae/loss": 90.0}, last=True)
"""


def on_a_terminal(script: str) -> str:
    """What a terminal is sent by a script's standard error."""
    ours, theirs = os.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "120"}
    with subprocess.Popen([sys.executable, "-c", script], stderr=theirs, env=environment) as process:
        os.close(theirs)
        sent = b""
        while True:
            try:
                part = os.read(ours, 4096)
            except OSError:  # the other side is closed
                break
            sent += part
        assert process.wait() == 0
    os.close(ours)
    return sent.decode()


def test_a_terminal_sees_a_bar_that_moves_and_a_line_that_stays() -> None:
    sent = on_a_terminal(LIVE)
    assert "━" in sent
    seen = [step for step in range(11) if f"step {step} of 10" in sent]
    assert len(seen) >= 4, "it moves"
    assert "steps/s" in sent
    (last,) = [line for line in sent.splitlines() if "0:05" in line and "━" not in line]
    assert "step 10 of 10" in last
    assert "vae/loss 90" in last


def test_elsewhere_there_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "PLAIN_SECONDS", 0.05)
    stream, asked = io.StringIO(), []

    def values() -> dict[str, float]:
        asked.append(1)
        return {"loss": 1.25}

    with Display(steps=None, seconds=60.0, stream=stream) as display:
        for step in range(200):
            display.show(step, step / 100, values)
            time.sleep(0.001)
        display.show(200, 2.0, values, last=True)
    lines = stream.getvalue().splitlines()
    assert 3 <= len(lines) <= 40
    assert len(asked) == len(lines), "figures are worked out only for the lines that are shown"
    assert lines[-1].startswith("step 200  0:02 of 1:00")
    assert lines[-1].endswith("loss 1.25")
    assert "\x1b" not in stream.getvalue()


def test_a_journal_goes_on_where_a_checkpoint_says(tmp_path: Path) -> None:
    journal = MetricsLog(tmp_path, kept=0, step=0)
    journal.write(25, 1.0, {"loss": 3.0})
    kept = journal.sync()
    journal.write(50, 2.0, {"loss": 2.0})
    journal.close()
    with open(tmp_path / "metrics.jsonl", "ab") as file:
        file.write(b'{"step": 75, "sec')  # killed while writing
    journal = MetricsLog(tmp_path, kept=kept, step=25)
    journal.write(50, 9.0, {"loss": 2.0, "bad": float("nan"), "worse": float("inf")})
    journal.close()
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert lines == [
        {"step": 25, "seconds": 1.0, "loss": 3.0},
        {"step": 50, "seconds": 9.0, "loss": 2.0, "bad": None, "worse": None},
    ]


def test_tensorboard_reads_the_same_figures(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    journal = MetricsLog(tmp_path, kept=0, step=0)
    journal.write(25, 1.0, {"vae/loss": 3.0})
    journal.write(50, 2.0, {"vae/loss": 2.5})
    journal.close()
    board = EventAccumulator(str(tmp_path / "tb"))
    board.Reload()
    assert [(event.step, event.value) for event in board.Scalars("vae/loss")] == [(25, 3.0), (50, 2.5)]
