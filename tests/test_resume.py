"""A run killed at any moment and continued ends with the same bits as one that never was."""

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch

from genmodels import checkpoints, training
from genmodels.autoencoders import VAE
from genmodels.data import GaussianGrid
from genmodels.gans import WGANGP
from genmodels.model import Model
from genmodels.training import Hook, Shuffled, fit


def build(name: str) -> tuple[Model, torch.Tensor, int]:
    """A small model of each kind, data for it, and how many steps to take."""
    torch.manual_seed(0)
    if name == "vae":
        return (
            VAE(shape=(1, 8, 8), latent=3, width=8),
            torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(1)),
            700,
        )
    return WGANGP(shape=(2,), latent=4, width=32), GaussianGrid().sample(2000, seed=1), 1200


def run(name: str, folder: str, precision: str = "fp32") -> None:
    """What the processes of these tests do: train to the end, continuing what is there; checkpoints as often as can be."""
    torch.set_num_threads(1)
    training.CHECKPOINT_SECONDS, training.SAVING_SHARE = 0.02, 0.9
    model, data, steps = build(name)

    def judge(step: int) -> dict[str, float]:
        sample = model.sample(16)  # takes noise of its own
        return {"score": sample.mean().item(), "spread": sample.std().item()}

    hooks = [Hook(90, judge, score="score"), Hook(60, lambda step: {"step_seen": step})]
    batches = Shuffled(data, 16, seed=3)
    fit(model, model.updates(), batches, steps=steps, folder=folder, device="cpu", precision=precision, seed=3, hooks=hooks)  # type: ignore[arg-type]
    model.save(Path(folder) / "final")


def artefacts(folder: Path) -> dict[str, Any]:
    """Everything of a run that is promised to the bit: clocks are left out."""
    newest = checkpoints.load(folder / "checkpoints")
    best = checkpoints.load(folder / "checkpoints", best=True)
    assert newest is not None
    assert best is not None
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return {
        "newest": {name: data for name, data in newest.files.items() if name != "clock.json"},
        "facts": newest.facts,
        "best": {name: data for name, data in best.files.items() if name != "clock.json"},
        "model": (folder / "final" / "model.safetensors").read_bytes(),
        "metrics": [{key: value for key, value in line.items() if key != "seconds"} for line in lines],
    }


def wait_for_another_checkpoint(folder: Path, process: Any) -> None:
    before = set((folder / "checkpoints").glob("step-*"))
    while set((folder / "checkpoints").glob("step-*")) <= before and process.is_alive():
        time.sleep(0.002)


@pytest.fixture(scope="module")
def processes() -> Any:
    """Fresh processes that need not import everything again: they are forked from one that has, and has no threads."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch", "torch.utils.tensorboard", "genmodels.autoencoders", "genmodels.gans"])
    return context


@pytest.fixture(scope="module")
def uninterrupted(processes: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Runs that nobody disturbed."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("vae", "wgan")}
    for name, folder in folders.items():
        finish(processes, name, folder)
    return folders


def finish(processes: Any, name: str, folder: Path) -> None:
    process = processes.Process(target=run, args=(name, str(folder)))
    process.start()
    process.join()
    assert process.exitcode == 0


@pytest.mark.parametrize("kills", [7, pytest.param(20, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["vae", "wgan"])
def test_killed_many_times_and_continued_is_never_killed(
    tmp_path: Path, processes: Any, uninterrupted: dict[str, Path], name: str, kills: int
) -> None:
    newest = checkpoints.load(uninterrupted[name] / "checkpoints")
    assert newest is not None
    seconds = newest.json("clock.json")["seconds"]

    killed, reached, moments = tmp_path / "killed", [], random.Random(name)
    while len(reached) < kills:
        process = processes.Process(target=run, args=(name, str(killed)))
        process.start()
        if moments.random() < 0.25:
            time.sleep(moments.uniform(0.0, 0.5))  # while it starts, or reads what is there
        else:
            wait_for_another_checkpoint(killed, process)
            time.sleep(moments.uniform(0.0, seconds / kills))
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert process.exitcode == -signal.SIGKILL, "the run was over before all the kills"
        found = checkpoints.load(killed / "checkpoints")
        reached.append(found.facts["step"] if found is not None else -1)
    assert reached == sorted(reached), "no progress is lost"
    assert len(set(reached)) > kills / 2, "the kills came at different steps"
    finish(processes, name, killed)
    assert artefacts(killed) == artefacts(uninterrupted[name])


SCRIPT = "import sys, test_resume; test_resume.run('vae', sys.argv[1]); print('done')"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_saves_and_leaves_with_one_line(
    tmp_path: Path, processes: Any, uninterrupted: dict[str, Path], number: signal.Signals
) -> None:
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-c", SCRIPT, str(tmp_path / "stopped")]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
    while not (tmp_path / "stopped" / "metrics.jsonl").exists():
        time.sleep(0.01)
        assert process.poll() is None
    time.sleep(0.3)
    asked = time.monotonic()
    process.send_signal(number)
    out, err = process.communicate(timeout=20)
    assert time.monotonic() - asked < 5.0
    assert process.returncode == 128 + number
    assert out == ""
    assert "Traceback" not in err
    assert [line for line in err.splitlines() if "stopped by" in line] == [err.splitlines()[-1]]
    assert number.name in err
    assert str(tmp_path / "stopped") in err

    finish(processes, "vae", tmp_path / "stopped")
    assert artefacts(tmp_path / "stopped") == artefacts(uninterrupted["vae"])


def test_a_finished_run_is_left_as_it_is(processes: Any, uninterrupted: dict[str, Path]) -> None:
    before = artefacts(uninterrupted["wgan"])
    finish(processes, "wgan", uninterrupted["wgan"])
    assert artefacts(uninterrupted["wgan"]) == before
