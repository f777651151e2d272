"""The loop around a learner: iterations until there have been enough, with what every long run has.

Progress, `metrics.jsonl`, checkpoints under the one write protocol, and a clean leave when asked to. A learner is resumed at
the last iteration that was saved and ends with the same bits.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from genmodels import checkpoints, storage
from genmodels.interruption import Interrupted, Signals, Stop
from genmodels.metrics_log import MetricsLog
from genmodels.progress import Display
from worldmodels.interfaces import Learner

SAVE_SECONDS = 20.0


def improve(learner: Learner, iterations: int, folder: str | Path, *, quiet: bool = False) -> dict[str, float]:
    """Take a learner to so many iterations in all; a run found in `folder` is continued. The last figures."""
    folder = Path(folder)
    with contextlib.ExitStack() as stack:
        stack.enter_context(storage.lock(folder))
        signals = stack.enter_context(Signals())
        display = stack.enter_context(Display(iterations, None, unit="iteration", quiet=quiet))
        done, spent, kept = _open(learner, folder)
        journal = MetricsLog(folder, kept, done)
        stack.callback(journal.close)
        figures: Mapping[str, float] = {}
        began = saved = time.monotonic()

        def seconds() -> float:
            return spent + time.monotonic() - began

        def save() -> None:
            facts = storage.to_json({"iteration": done, "seconds": seconds(), "journal": journal.sync()})
            checkpoints.save(folder / "checkpoints", done, {**learner.state(), "learning.json": facts})

        try:
            while done < iterations:
                figures = learner.iterate(done)
                done += 1
                journal.write(done, seconds(), figures)
                display.show(done, seconds(), partial(dict, figures))
                if time.monotonic() - saved > SAVE_SECONDS:
                    save()
                    saved = time.monotonic()
                signals.check()
        except Stop as stop:
            save()
            display.say(f"stopped by {stop.name} after iteration {done:,}: saved in {folder}, to be gone on with from there")
            raise Interrupted(128 + stop.number) from None
        save()
        learner.finish()
        if figures:
            display.show(done, seconds(), lambda: figures, last=True)
    return dict(figures)


def _open(learner: Learner, folder: Path) -> tuple[int, float, int]:
    """Iterations done, seconds spent and bytes of the journal, with the learner put where it was."""
    sealed = checkpoints.load(folder / "checkpoints")
    if sealed is None:
        return 0, 0.0, 0
    facts = sealed.json("learning.json")
    learner.load(sealed)
    return facts["iteration"], facts["seconds"], facts["journal"]
