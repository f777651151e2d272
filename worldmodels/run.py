"""The run folder: one experiment, all that it made, and how far it is.

    config.json     the experiment, resolved
    meta.json       versions, machine, commit, command
    metrics.jsonl   a line for each stage that is done, with its figures
    replay/ latents/ vision/ memory/ controller/ videos/     what the stages made
    contenders/     the agents of the last rounds, where the best of them is taken
    studies/        with `--full`, the variants of it that were compared, each a run folder
    unfinished.json how long the stage that is at work has taken, or had when it was broken off
    evaluation.jsonl report.html log.txt LOCK DONE

A stage is done when its line is in metrics.jsonl, or one for each part of it. One that was cut short is entered again and goes
on from what it finds.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import secrets
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import IntEnum
from pathlib import Path
from typing import Any, Self

import torch

from genmodels import storage, time_spent
from genmodels.book_recipe import commit, machine
from genmodels.data_parallel import crew
from genmodels.random_streams import stream
from worldmodels.backends import Backend, Here
from worldmodels.config import Experiment, from_plain, plain

PACKAGES = ("torch", "numpy", "gymnasium", "cma", "zarr", "stable-baselines3", "envpool", "vizdoom", "numba")

UNFINISHED = "unfinished.json"


class Stage(IntEnum):
    """The stages in order, and the keys of their random streams. New ones go to the end."""

    ROLLOUT = 1
    VISION = 2
    ENCODE = 3
    MEMORY = 4
    CONTROLLER = 5
    EVALUATE = 6
    BASELINES = 7
    RECORD = 8
    REPORT = 9
    SWEEP = 10
    ABLATION = 11
    CHOICE = 12


LEARNING = (Stage.ROLLOUT, Stage.VISION, Stage.ENCODE, Stage.MEMORY, Stage.CONTROLLER, Stage.CHOICE)


@dataclass
class Run:
    """An experiment and its folder. Made by `create` or `open`."""

    folder: Path
    experiment: Experiment
    quiet: bool = False
    done: list[dict[str, Any]] = field(default_factory=list)
    backend: Backend = field(default_factory=Here)

    @classmethod
    def create(
        cls,
        experiment: Experiment,
        preset: str,
        runs_dir: str | Path = "runs",
        *,
        quiet: bool = False,
        backend: Backend | None = None,
    ) -> Self:
        """A new folder under `runs_dir`."""
        world = experiment.world.name.replace(":", "-").replace("/", "-")
        moment = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
        name = f"{world}__{preset}__s{experiment.seed}__{moment}-{secrets.token_hex(2)}"
        folder = Path(runs_dir) / crew().hear(name.encode()).decode()
        if crew().leads:
            folder.mkdir(parents=True)
            storage.write_json(folder / "meta.json", _meta(preset))
            storage.write_json(folder / "config.json", plain(experiment))
        return cls(folder, experiment, quiet, backend=backend or Here())

    @classmethod
    def open(cls, folder: str | Path, *, quiet: bool = False, backend: Backend | None = None) -> Self:
        """A folder that is there, to be gone on with or looked at."""
        folder = Path(folder)
        if not (folder / "config.json").exists():
            raise FileNotFoundError(
                f"{folder}: no run is there (config.json is missing); `python scripts/run.py dodge` makes one"
            )
        experiment = from_plain(storage.read_json(folder / "config.json"))
        run = cls(folder, experiment, quiet, backend=backend or Here())
        with contextlib.suppress(FileNotFoundError):
            run.done = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        crew().wait()  # until all have read how far it is
        return run

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def seed(self, stage: Stage, *key: int) -> int:
        """The seed of one of the run's random streams, below 2^63."""
        return stream(self.experiment.seed, int(stage), *key) >> 1

    def seeded(self, stage: Stage, build: Callable[[], Any]) -> Any:
        """What `build` makes, initialised by the run's seed for the stage."""
        with torch.random.fork_rng([]):
            torch.manual_seed(self.seed(stage))
            return build()

    def is_done(self, stage: Stage, turn: int, part: str = "") -> bool:
        """Whether a stage of a round, or a part of that stage, is done."""
        wanted = (stage.name.lower(), turn, part)
        return any((line["stage"], line["round"], line.get("part", "")) == wanted for line in self.done)

    @contextlib.contextmanager
    def stage(self, stage: Stage, turn: int, part: str = "") -> Iterator[dict[str, float]]:
        """Enter a stage, or a part of one; figures put into the dictionary are recorded when it is left whole."""
        figures: dict[str, float] = {}
        entered = {"stage": stage.name.lower(), "round": turn, "part": part}
        began = time.monotonic() - self._spent(entered)
        turns = f", round {turn} of {self.experiment.rounds}" if self.experiment.rounds > 1 and not part else ""
        self.say(f"{stage.name.lower()}{turns}" + (f", {part}" if part else ""))

        def keep() -> None:
            storage.write_json(self / UNFINISHED, {**entered, "seconds": time.monotonic() - began})

        with time_spent.kept(keep) if crew().leads else contextlib.nullcontext():
            yield figures
        seconds = round(time.monotonic() - began, 1)
        line = {"stage": stage.name.lower(), "round": turn, **({"part": part} if part else {}), **figures, "seconds": seconds}
        self.done.append(line)
        if not crew().leads:
            return
        storage.write_bytes(self / "metrics.jsonl", "".join(json.dumps(each) + "\n" for each in self.done).encode())
        (self / UNFINISHED).unlink(missing_ok=True)
        told = "  ".join(f"{name} {value:.4g}" for name, value in figures.items())
        self.say(f"  {told}  ({seconds:g} s)")

    def _spent(self, entered: Mapping[str, Any]) -> float:
        """The seconds that a stage had taken when it was broken off, if it was the last that was entered."""
        path = self / UNFINISHED
        facts = storage.read_json(path) if path.exists() else {}
        return float(facts["seconds"]) if entered.items() <= facts.items() else 0.0

    def say(self, message: str) -> None:
        """A line for the person, and for log.txt."""
        if not crew().leads:
            return
        if not self.quiet:
            print(message, flush=True)
        with open(self / "log.txt", "a") as log:
            log.write(f"{datetime.now(UTC).isoformat(timespec='seconds')} {message}\n")

    @property
    def minutes(self) -> float:
        """What learning took: the stages of the chain, without what looks at what came of it."""
        learned = [line["seconds"] for line in self.done if Stage[line["stage"].upper()] in LEARNING]
        return sum(learned) / 60

    @property
    def frames(self) -> int:
        """Frames of the real environment that learning took: what was collected, chosen by, and evolved on."""
        decisions = max((line["frames"] for line in self.done if line["stage"] == "rollout"), default=0)
        decisions += sum(line["frames"] for line in self.done if line["stage"] == "choice")
        if getattr(self.experiment.learner, "where", "dream") == "real":
            decisions += sum(int(line["frames"]) for line in self.done if line["stage"] == "controller")
        return decisions * self.experiment.world.repeat

    def lock(self) -> contextlib.AbstractContextManager[None]:
        """Hold the folder: a second process that would write here is refused."""
        return storage.lock(self.folder) if crew().leads else contextlib.nullcontext()


def versions() -> dict[str, str]:
    """The version of everything that scores depend on."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def _from_here(argument: str) -> str:
    """An argument; where it is the whole path of something below this folder, the path from here."""
    return os.path.relpath(argument) if argument.startswith(os.getcwd() + os.sep) else argument


def _meta(preset: str) -> dict[str, Any]:
    return {
        "preset": preset,
        "command": shlex.join(["python", *map(_from_here, sys.argv)]),
        "commit": commit(),
        "machine": machine(),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "versions": versions(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
    }
