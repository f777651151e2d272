"""Run recipes, keep their figures, and make RESULTS.md from all that were ever kept.

    python scripts/reproduce.py                         every recipe, seeds 0 1 2
    python scripts/reproduce.py ch03_vae --seeds 0      one of them, one seed
    python scripts/reproduce.py --fast                  does everything run? a few seconds each, no bar is held
    python scripts/reproduce.py --table                 RESULTS.md again, from what there is

Figures are kept in `scripts/results/NAME.json`, by seed: partial runs add up. The exit status is 1 if a bar is missed.
A run that was broken off is continued with `--resume`.
"""

from __future__ import annotations

import argparse
import difflib
import runpy
import signal
import statistics
import subprocess
import sys
import time
import traceback
from pathlib import Path
from types import FrameType
from typing import Any

from genmodels import storage
from genmodels.book_recipe import Bar

ROOT = Path(__file__).resolve().parent.parent
RECIPES = {path.stem: path for path in sorted((ROOT / "scripts" / "book").glob("*.py"))}
RESULTS = ROOT / "scripts" / "results"


def main() -> int:
    """Parse, run, write, tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"recipes (default: all): {', '.join(RECIPES)}")
    parser.add_argument("--minutes", type=float, help="minutes of training for each (default: each recipe's own)")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], metavar="SEED", help="(default: 0 1 2)")
    parser.add_argument("--resume", action="store_true", help="continue runs that were broken off")
    parser.add_argument("--fast", action="store_true", help="seconds for each; nothing is kept and no bar is held")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    for name in options.names:
        if name not in RECIPES:
            near = difflib.get_close_matches(name, RECIPES, n=1)
            parser.error(
                f"there is no recipe {name!r}" + (f"; is it {near[0]!r}?" if near else f"; there are {', '.join(RECIPES)}")
            )
    names = [] if options.table else options.names or list(RECIPES)
    missed = [
        bad for name in names for seed in options.seeds[: 1 if options.fast else None] for bad in run(name, seed, options)
    ]
    if not options.fast:
        storage.write_bytes(ROOT / "RESULTS.md", table().encode())
    if names:
        print("\n".join(missed) or ("every figure is finite" if options.fast else "every bar holds"))
    return 1 if missed else 0


def run(name: str, seed: int, options: argparse.Namespace) -> list[str]:
    """Run one recipe for one seed, keep its figures, and say what it missed.

    Each has a process of its own; with `--fast`, where starting one would take as long as the rest, all share this one.
    """
    folder = ROOT / "runs" / "book" / name / (f"seed-{seed}" + ("-fast" if options.fast else ""))
    command = [str(RECIPES[name]), "--seed", str(seed), "--folder", str(folder)]
    command += [] if options.resume else ["--fresh"]
    command += ["--fast"] if options.fast else []
    command += ["--minutes", str(options.minutes)] if options.minutes else []
    started = time.monotonic()
    if status := here(command) if options.fast else supervise([sys.executable, *command]):
        return [f"{name} seed {seed}: ended with status {status}"]
    if options.fast:
        print(f"  {time.monotonic() - started:.1f} s")
    found = storage.read_json(folder / "figures.json")
    if options.fast:
        return [f"{name}: {f['name']} is not finite" for f in found["figures"] if f["value"] is None]
    keep(name, seed, found)
    return [f"{name} seed {seed}: {f['name']} {f['value']} misses {bar(f)}" for f in found["figures"] if not holds(f)]


def here(command: list[str]) -> int:
    """Run a script in this process, as its own main program; its exit status."""
    arguments, sys.argv = sys.argv, command
    try:
        runpy.run_path(command[0], run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except Exception:
        traceback.print_exc()
        return 1
    finally:
        sys.argv = arguments
    return 0


def supervise(command: list[str]) -> int:
    """Run a process to its end. Asked to stop, ask it to stop, once, and leave when it has saved itself.

    It has a process group of its own: Ctrl-C reaches it through here alone, and a second one, which would end it unsaved, is
    the person's.
    """
    process = subprocess.Popen(command, cwd=ROOT, process_group=0)
    asked: list[int] = []

    def pass_on(number: int, frame: FrameType | None) -> None:
        asked.append(number)
        process.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        status = process.wait()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    if asked:
        print("stopped; --resume goes on from here", file=sys.stderr)
        sys.exit(128 + asked[0])
    return status


def keep(name: str, seed: int, found: dict[str, Any]) -> None:
    """Put the figures of one seed beside those of others."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{name}.json"
    kept = storage.read_json(path) if path.exists() else {"seeds": {}}
    kept = {"row": found["row"], "system": found["system"], "seeds": kept["seeds"] | {str(seed): found}}
    storage.write_json(path, kept)


def table() -> str:
    """RESULTS.md: what there is, and a chapter for each system with its figures over its seeds."""
    kept = {path.stem: storage.read_json(path) for path in sorted(RESULTS.glob("*.json"))}
    names = sorted(kept, key=lambda name: (kept[name]["row"], name))
    return HEADER + "\n".join(entry(kept[name]) for name in names) + "\n" + "".join(chapter(name, kept[name]) for name in names)


HEADER = """# Results

Made by `python scripts/reproduce.py`, which runs each recipe of `scripts/book/` for each seed; do not edit. Every figure is on
data the model did not see, by judges no model may touch. A value is the mean over seeds, with its range; a bar holds if every
seed reaches it. Three seeds count; fewer are shown as what they are. Minutes are of training and judging, for one seed.

| # | system | bars that hold | seeds | minutes |
|---|---|---|---|---|
"""


def entry(kept: dict[str, Any]) -> str:
    """The line of one system in the table of contents."""
    seeds, verdicts = len(kept["seeds"]), [verdict(same) for same, _ in by_figure(kept)]
    barred = [one for one in verdicts if one]
    hold = f"{barred.count('holds')} of {len(barred)}" if barred else ""
    return f"| {kept['row']} | [{kept['system']}](#{anchor(heading(kept))}) | {hold} | {seeds} | {mean_minutes(kept)} |"


def chapter(name: str, kept: dict[str, Any]) -> str:
    """All figures of one system."""
    runs = list(kept["seeds"].values())
    commits = " ".join(dict.fromkeys(one for run in runs for one in run["commit"].split()))
    where = "; ".join(dict.fromkeys(run["machine"] for run in runs))
    seeds = ", ".join(sorted(kept["seeds"], key=int))
    made = [f"`python scripts/reproduce.py {name}`", f"seeds {seeds}" if len(runs) > 1 else f"seed {seeds} alone"]
    made += [f"{mean_minutes(kept)} minutes", f"commit {commits}", where]
    lines = [f"\n## {heading(kept)}\n", "; ".join(made) + ".\n"]
    lines += ["| figure | value | bar | stretch | published | verdict |", "|---|---|---|---|---|---|"]
    for same, figure in by_figure(kept):
        value = spread([f["value"] for f in same]) + (f" [{len(same)} of {len(runs)} seeds]" if len(same) < len(runs) else "")
        cells = [figure["name"], value, bar(figure), bar(figure, "stretch"), figure["published"], verdict(same)]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    shown = [f"\n![{picture.stem}](pictures/{picture.name})" for picture in pictures(name)]
    return "\n".join(lines + shown) + "\n"


def pictures(name: str) -> list[Path]:
    """Those that are kept of a recipe: NAME.png and NAME_*.png, unless a recipe with a longer name made them."""

    def maker(picture: Path) -> str:
        return max((recipe for recipe in RECIPES if f"{picture.stem}_".startswith(f"{recipe}_")), key=len, default="")

    return [picture for picture in sorted((ROOT / "pictures").glob("*.png")) if maker(picture) == name]


def by_figure(kept: dict[str, Any]) -> list[tuple[list[dict[str, Any]], dict[str, Any]]]:
    """Each figure: as every seed has it, and as the last seed does."""
    runs = [kept["seeds"][seed] for seed in sorted(kept["seeds"], key=int)]
    return [([f for run in runs for f in run["figures"] if f["name"] == one["name"]], one) for one in runs[-1]["figures"]]


def mean_minutes(kept: dict[str, Any]) -> str:
    """Of training and judging, for a seed."""
    return f"{statistics.mean(run['minutes'] for run in kept['seeds'].values()):.1f}"


def heading(kept: dict[str, Any]) -> str:
    """Of a system's chapter."""
    return f"{kept['row']}. {kept['system']}"


def anchor(words: str) -> str:
    """Where a heading is found in a page of Markdown."""
    return "".join(c for c in words.lower().replace(" ", "-") if c.isalnum() or c == "-")


def spread(values: list[float | None]) -> str:
    """The mean and the range."""
    numbers = [value for value in values if value is not None]
    if len(numbers) < len(values):
        return "not finite"
    mean = f"{statistics.mean(numbers):.4g}"
    return mean if len(numbers) == 1 else f"{mean} ({min(numbers):.4g} to {max(numbers):.4g})"


def verdict(same: list[dict[str, Any]]) -> str:
    """holds or missed; nothing for a figure that is only reported."""
    if same[0]["bar"] is None:
        return ""
    return "holds" if all(holds(figure) for figure in same) else "missed"


def holds(figure: dict[str, Any]) -> bool:
    """Whether a figure reaches its bar, if it has one."""
    return figure["bar"] is None or (figure["value"] is not None and Bar(**figure["bar"]).holds(figure["value"]))


def bar(figure: dict[str, Any], which: str = "bar") -> str:
    """Its bar in words."""
    return "" if figure[which] is None else str(Bar(**figure[which]))


if __name__ == "__main__":
    sys.exit(main())
