"""What a process costs before it does anything, and what it holds at most."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench_stages.rates import WINDOWS, Measured
from bench_stages.small_run import Bench

ROOT = Path(__file__).parents[2]


def measure_startup(bench: Bench) -> Measured:
    """`run.py --help`."""
    seconds = statistics.median(_timed([str(ROOT / "scripts" / "run.py"), "--help"]) for _ in range(WINDOWS))
    return Measured("startup", seconds, "s for --help", "<= 0.6 s", seconds <= 0.6)


def measure_import(bench: Bench) -> Measured:
    """`import genmodels` beyond torch."""
    both = [[_timed(["-c", f"import {name}"]) for name in ("torch", "torch, genmodels")] for _ in range(WINDOWS)]
    seconds = statistics.median(ours - theirs for theirs, ours in both)
    return Measured("import", seconds, "s beyond torch", "<= 0.2 s", seconds <= 0.2)


def _timed(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True, cwd=ROOT)
    return time.perf_counter() - began


def measure_room(bench: Bench) -> Measured:
    """The peak of anonymous memory of `run.py carracing`, every stage at its full size with few steps."""
    few = "--collect.episodes 64 --vision.steps 20 --memory.steps 20 --learner.iterations 2 --rounds 1 --evaluation.episodes 2"
    command = [sys.executable, str(ROOT / "scripts" / "run.py"), "carracing", "--quiet", "--runs-dir", str(bench.folder)]
    process, peak = subprocess.Popen([*command, *few.split()], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL), 0
    while process.poll() is None:
        peak = max(peak, _anonymous(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"run.py carracing left with {process.returncode}: run it by hand with {few}")
    return Measured("room", peak / 2**20, "GiB at most", "<= 4 GiB", peak <= 4 * 2**20)


def _anonymous(process: int) -> int:
    """KiB."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in lines if line.startswith("RssAnon")), 0)
