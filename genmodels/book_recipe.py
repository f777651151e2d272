"""What every recipe of the book does around its model: read the command line, keep figures and pictures, hold them to bars.

A recipe is a script of about 60 lines with one system of the library in it. It runs alone,

    python scripts/book/ch03_vae.py --minutes 2 --seed 1

continues the run it finds in its folder, and `scripts/reproduce.py` runs it for several seeds and makes RESULTS.md.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from genmodels import storage, time_spent
from genmodels.allocator import keep_pages
from genmodels.interruption import Interrupted
from genmodels.viz import save_png

FAST_MINUTES = 0.008
COST = "cost.json"  # of a recipe's folder: minutes and commits of the processes that worked there


@dataclass(frozen=True)
class Bar:
    """What a figure must reach: from `low` to `high`, either of which may be open.

    >>> str(at_least(24)), str(within(0.8, 1.2)), at_most(100).holds(99.5)
    ('>= 24', '0.8 to 1.2', True)
    """

    low: float | None = None
    high: float | None = None

    def holds(self, value: float) -> bool:
        """Whether a value reaches it; what is not a number never does."""
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)

    def __str__(self) -> str:
        if self.low is None:
            return f"<= {self.high:g}"
        return f">= {self.low:g}" if self.high is None else f"{self.low:g} to {self.high:g}"


def at_most(high: float) -> Bar:
    """A figure that should be low."""
    return Bar(high=high)


def at_least(low: float) -> Bar:
    """A figure that should be high."""
    return Bar(low=low)


def within(low: float, high: float) -> Bar:
    """A figure that should be near something."""
    return Bar(low, high)


class Recipe:
    """One run of a recipe: its options, its folder, and what it has found out.

    Arguments:
        doc: what the recipe does, shown by `--help`.
        row: its row in the table of systems.
        system: what it is called there.
        minutes: how long it trains unless told otherwise.
        arguments: instead of the command line's.
    """

    def __init__(
        self, doc: str | None, *, row: int, system: str, minutes: float, arguments: Sequence[str] | None = None
    ) -> None:
        name = Path(sys.argv[0]).stem
        parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
        add = parser.add_argument
        add("--minutes", type=_positive, default=minutes, help="minutes of training, in all (default: %(default)g)")
        add("--seed", type=_count, default=0, help="seed of everything random (default: %(default)s)")
        add("--folder", type=Path, help=f"where the run is kept, and continued (default: runs/book/{name}/seed-SEED)")
        add("--fresh", action="store_true", help="start anew: remove what an earlier run left in the folder")
        add("--fast", action="store_true", help="a second of training, a few samples: does it run at all?")
        add("--device", help="cpu, cuda, ... (default: the GPU where there is one)")
        add("--threads", type=_count, default=0, help="CPU threads (default: torch's choice)")
        options = parser.parse_args(arguments)
        self.name, self.row, self.system = name, row, system
        self.minutes, self.seed, self.fast, self.device = options.minutes, options.seed, options.fast, options.device
        if self.fast:
            self.minutes = min(self.minutes, FAST_MINUTES)
        part = f"seed-{self.seed}" + ("-fast" if self.fast else "")
        self.folder: Path = options.folder or Path("runs") / "book" / name / part
        if options.fresh or self.fast:
            shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, exist_ok=True)
        if options.threads:
            torch.set_num_threads(options.threads)
        keep_pages()
        torch.manual_seed(self.seed)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._leave)
        self.figures: list[dict[str, Any]] = []
        self.started = time.monotonic()
        there = storage.read_json(self.folder / COST) if (self.folder / COST).exists() else {}
        self._before: float = there.get("minutes", 0.0)
        self._commits = list(dict.fromkeys([*there.get("commits", ()), commit()]))
        self._clock = contextlib.ExitStack()
        self._clock.enter_context(time_spent.kept(self._keep_cost))
        atexit.register(self._clock.close)  # also of what is broken off
        print(f"{name}: {system}, seed {self.seed}, {self.minutes:g} min of training, in {self.folder}", flush=True)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        """Between trainings, which see to themselves, there is nothing to save."""
        print(f"stopped by {signal.Signals(number).name}: the same command goes on from {self.folder}", file=sys.stderr)
        raise Interrupted(128 + number)

    def _keep_cost(self) -> None:
        """Add this process to what the folder has cost so far."""
        self._spent = self._before + (time.monotonic() - self.started) / 60
        if self.folder.is_dir():
            storage.write_json(self.folder / COST, {"minutes": self._spent, "commits": self._commits})

    def count(self, full: int, fast: int) -> int:
        """How many: the first number, or with `--fast` the second."""
        return fast if self.fast else full

    def figure(
        self,
        name: str,
        value: float,
        bar: Bar | None = None,
        stretch: Bar | None = None,
        published: str = "",
    ) -> None:
        """Print a figure on held-out data, and keep it. A figure without a bar is reported and holds nothing."""
        verdict = "" if bar is None or self.fast else f"   bar {bar}: {'holds' if bar.holds(value) else 'missed'}"
        if stretch is not None and stretch.holds(value) and not self.fast:
            verdict += f", and the stretch {stretch}"
        print(f"  {name:<44} {value:10.4g}{verdict}")
        bars = {"bar": bar and asdict(bar), "stretch": stretch and asdict(stretch)}
        self.figures.append({"name": name, "value": value if math.isfinite(value) else None, **bars, "published": published})

    def picture(self, name: str, image: NDArray[np.uint8]) -> None:
        """Keep a picture as `NAME.png`."""
        save_png(self.folder / f"{name}.png", image)

    def finish(self, **facts: str) -> None:
        """Keep the figures, with what they depend on: `figures.json`. Cost and commits are of all processes it took."""
        atexit.unregister(self._clock.close)
        self._clock.close()
        minutes = self._spent
        about = {"row": self.row, "system": self.system, "seed": self.seed, "fast": self.fast}
        cost = {"minutes": round(minutes, 2), "commit": " ".join(self._commits), "machine": machine(), **facts}
        storage.write_json(self.folder / "figures.json", {**about, **cost, "figures": self.figures})
        print(f"  {minutes:.1f} min in all; figures, model and pictures in {self.folder}")


def commit() -> str:
    """The commit of the checkout this package stands in, with a + if a package or a script differs from it."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).parent.parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        changed = git("status", "--porcelain", "--", "genmodels", "worldmodels", "envs", "scripts", ":!scripts/results")
        return git("rev-parse", "--short=9", "HEAD") + ("+" if changed else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine() -> str:
    """Processor, cores and torch, in words."""
    where = torch.cuda.get_device_name() if torch.cuda.is_available() else f"{os.cpu_count()} cores {_processor()}"
    return f"{where}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    amx = " with AMX" if any("amx_bf16" in line for line in lines if line.startswith("flags")) else ""
    return (names[0] if names else platform.machine()) + amx


def _positive(text: str) -> float:
    if not (value := float(text)) > 0:
        raise argparse.ArgumentTypeError(f"{text} is not a positive number")
    return value


def _count(text: str) -> int:
    if (value := int(text)) < 0:
        raise argparse.ArgumentTypeError(f"{text} is negative")
    return value
