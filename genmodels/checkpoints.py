"""Checkpoints: sealed folders `step-N`, of which the newest valid one is found by scanning.

The last few are kept, and the one of lowest score. One that was never finished has no manifest and does not count; one that is
damaged is passed over with a warning, and never used.
"""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path

from genmodels import storage


def save(
    folder: str | Path,
    step: int,
    files: Mapping[str, bytes],
    *,
    score: float | None = None,
    keep: int = 3,
) -> Path:
    """Write `folder/step-N`, then drop all but the last `keep` checkpoints and the one of lowest score."""
    folder = Path(folder)
    path = folder / f"step-{step:08d}"
    if path.is_symlink():
        raise storage.StorageError(f"{path}: a link stands where a checkpoint belongs")
    storage.write_folder(path, files, {"step": step, "score": score})
    present = _listed(folder)
    best = _best(present)
    for old in sorted(present)[:-keep]:
        if old != best:
            _remove(folder / f"step-{old:08d}")
    for unfinished in folder.glob("step-*"):
        if not (unfinished / storage.MANIFEST).exists():
            _remove(unfinished)
    return path


def load(folder: str | Path, *, best: bool = False) -> storage.Sealed | None:
    """The newest valid checkpoint (or the best one), or None where there is none. Damaged ones are passed over, loudly."""
    folder = Path(folder)
    present = _listed(folder)
    order = sorted(present, reverse=True)
    if best and (first := _best(present)) is not None:
        order = [first]
    for step in order:
        try:
            return storage.read_folder(folder / f"step-{step:08d}")
        except storage.Corrupt as error:
            warnings.warn(f"passing over a damaged checkpoint: {error}", stacklevel=2)
    if _folders(folder) and not best:
        damaged = ", ".join(path.name for path in _folders(folder))
        raise storage.Corrupt(f"{folder}: no valid checkpoint among {damaged}; remove them to start anew")
    return None


def _folders(folder: Path) -> list[Path]:
    """Folders that claim to be checkpoints; one without a manifest was never finished and does not count."""
    return [p for p in sorted(folder.glob("step-*")) if p.is_dir() and not p.is_symlink() and (p / storage.MANIFEST).exists()]


def _listed(folder: Path) -> dict[int, float | None]:
    """Score by step of every checkpoint whose manifest can be trusted."""
    found: dict[int, float | None] = {}
    for path in _folders(folder):
        try:
            facts = storage.read_manifest(path)["facts"]
        except storage.Corrupt as error:
            warnings.warn(f"passing over a damaged checkpoint: {error}", stacklevel=3)
            continue
        if path.name != f"step-{facts['step']:08d}":
            warnings.warn(f"passing over {path}: it holds step {facts['step']}, not what its name says", stacklevel=3)
            continue
        found[facts["step"]] = facts["score"]
    return found


def _best(present: Mapping[int, float | None]) -> int | None:
    scored = [(score, -step) for step, score in present.items() if score is not None]
    return -min(scored)[1] if scored else None


def _remove(checkpoint: Path) -> None:
    """The manifest goes first, so that what is half removed is no checkpoint."""
    (checkpoint / storage.MANIFEST).unlink(missing_ok=True)
    shutil.rmtree(checkpoint, ignore_errors=True)
