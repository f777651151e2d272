"""Agents that come with the package, each a small run folder: weights in half precision, a few episodes' latents, and a card.

    unpack("carracing", "runs")     -> runs/carracing__pretrained__COMMIT, which every script takes as a run that is there

`worldmodels.packing` makes them.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from pathlib import Path

HERE = Path(__file__).parent


def names() -> list[str]:
    """Of those there are."""
    return sorted(path.parent.name for path in HERE.glob("*/config.json"))


def unpack(name: str, runs_dir: str | Path) -> Path:
    """A run folder of one's own, made the first time: what scripts write does not go into the package."""
    if name not in names():
        raise FileNotFoundError(f"there is no pretrained agent {name!r}; there are: {', '.join(names()) or 'none'}")
    commit = json.loads((HERE / name / "meta.json").read_text())["commit"]
    folder = Path(runs_dir) / f"{name}__pretrained__{commit}"
    if not folder.exists():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{name}-", dir=folder.parent) as place:
            shutil.copytree(HERE / name, Path(place) / "run", copy_function=shutil.copyfile)
            os.rename(Path(place) / "run", folder)
    return folder
