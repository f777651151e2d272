"""The one training loop.

A model has one objective or several (`Update`): a VAE one, a WGAN-GP two, the critic's at every step and the generator's at
every fifth. `fit` takes them in turn, step by step, and owns everything that is not the model's: device, precision, clipping,
schedules, averages of parameters, numbers that are not finite, progress, the record of figures, checkpoints, and leaving when
asked to.

Exactness: the batch and the noise of step k are functions of (seed, k) alone, so there is no cursor and no generator state to
lose. A run with `steps=` that was killed at any moment and continued ends with the same bits as one that never was, at equal
threads and versions. A run with `minutes=` depends on the clock, and promises nothing of the kind; nor do two fresh runs with
precision="auto", which is decided by a timing.

>>> line = torch.nn.Linear(1, 1)
>>> def loss(x):
...     return ((line(x) - 3 * x) ** 2).mean(), {}
>>> update = Update("line", loss, line.parameters(), Optimizer(lr=0.1))
>>> done = fit(line, [update], Shuffled(torch.randn(64, 1), 16), steps=200)
>>> round(line.weight.item(), 2)
3.0
"""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from genmodels import checkpoints, storage
from genmodels.batches import Indexed, Shuffled, to_device
from genmodels.data_parallel import Crew, crew
from genmodels.interruption import Interrupted, Signals, Stop
from genmodels.metrics_log import MetricsLog
from genmodels.precision import checked_precision
from genmodels.progress import Display
from genmodels.random_streams import rows, stream
from genmodels.updates import ActiveUpdate, Loss, Optimizer, Update

__all__ = [
    "Diverged",
    "Fitted",
    "Hook",
    "Indexed",
    "Interrupted",
    "Loss",
    "Optimizer",
    "Shuffled",
    "Update",
    "fit",
]

Precision = Literal["auto", "fp32", "bf16"]
Batches = Callable[[int], Any]

LOG_STEPS = 25  # one line of metrics.jsonl for so many steps
FILES = ("model.safetensors", "updates.safetensors", "training.json", "clock.json")  # of a checkpoint
CHECKPOINT_SECONDS = 30.0  # between two checkpoints, or longer:
SAVING_SHARE = 0.05  # saving takes no more than this share of the time
PATIENCE = 10  # so many steps in a row without a finite loss end the run
BF16_WORTH = 0.9  # bf16 is taken where a step costs less than this share of fp32's


@dataclass(frozen=True)
class Hook:
    """Something to do at every so many steps and at the end: step -> figures to record, or None.

    It sees the model in eval mode, with averaged parameters, without gradients, and with a random stream of its own. If `score`
    names one of its figures, the checkpoint in which that is lowest is kept beside the last three.
    """

    every: int
    call: Callable[[int], Mapping[str, float] | None]
    score: str | None = None


@dataclass(frozen=True)
class Fitted:
    """What came of a run: how far it went, and the last figures it recorded."""

    steps: int
    seconds: float
    precision: str
    skipped: int
    figures: dict[str, float]


class Diverged(RuntimeError):
    """The loss stopped being a number; the model holds the last good parameters."""


def fit(
    model: nn.Module,
    updates: Sequence[Update],
    batches: Batches,
    *,
    steps: int | None = None,
    minutes: float | None = None,
    folder: str | Path | None = None,
    device: str | torch.device | None = None,
    precision: Precision = "auto",
    seed: int = 0,
    hooks: Sequence[Hook] = (),
    quiet: bool = False,
) -> Fitted:
    """Train `model` for a number of steps or minutes, in all: a run found in `folder` is continued.

    Arguments:
        model: what is trained, in place. `model.state_dict()`, buffers included, is what is saved.
        updates: its objectives, taken in this order at each step.
        batches: step -> batch, a pure function (see `Shuffled`). Tensors of bytes are taken for images: they are moved to the
            device as they are and scaled to [0, 1] there.
        steps, minutes: when to stop, counted from the run's first start; at least one of them.
        folder: where `checkpoints/`, `metrics.jsonl` and `tb/` go. None writes nothing.
        device: None takes the GPU where there is one.
        precision: "auto" times both once and takes bf16 autocast where it is faster; a resumed run keeps its choice.
        seed: the root of all noise in the losses.
        hooks: see `Hook`.
        quiet: whether to show no progress.
    """
    checked_precision(precision, get_args(Precision))
    if steps is None and minutes is None:
        raise ValueError("fit needs an end: give steps= or minutes=")
    place = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    seconds = None if minutes is None else 60.0 * minutes
    hands = crew()
    if not hands.leads:
        folder, hooks, quiet = None, (), True
    with contextlib.ExitStack() as stack:
        if folder is not None:
            stack.enter_context(storage.lock(folder))
        stack.enter_context(torch.random.fork_rng([place.index or 0] if place.type == "cuda" else []))
        signals = stack.enter_context(Signals())
        display = stack.enter_context(Display(steps, seconds, quiet=quiet))
        run = _Run(model, updates, batches, steps, seconds, place, precision, seed, hooks, hands)
        stack.callback(run.close)
        run.open(None if folder is None else Path(folder), display)
        try:
            while True:
                run.agree(signals)
                ended = run.finished()
                run.call_hooks(ended, signals)
                display.show(run.done, run.seconds, run.latest)
                run.save_if_due()
                run.stop_if_asked(signals)
                if ended:
                    break
                run.step()
        except Stop as stop:
            run.save()
            _leave(stop, run.done, folder, display if hands.leads else None)
        run.finish()
        display.show(run.done, run.seconds, run.latest, last=True)
    return Fitted(run.done, run.seconds, run.precision, run.skipped, run.latest())


class _Run:
    """The state of one call of `fit`, and the steps it is made of."""

    def __init__(
        self,
        model: nn.Module,
        updates: Sequence[Update],
        batches: Batches,
        steps: int | None,
        budget: float | None,
        device: torch.device,
        precision: str,
        seed: int,
        hooks: Sequence[Hook],
        hands: Crew,
    ) -> None:
        self.model, self.batches, self.device, self.seed, self.hooks = model, batches, device, seed, hooks
        self.steps, self.budget, self.crew = steps, budget, hands
        self.precision: str = precision
        convolves = any(isinstance(module, nn.Conv2d) for module in model.modules())
        self.layout = torch.channels_last if convolves else torch.preserve_format
        self.model.to(device).train()
        for parameter in self.model.parameters():
            if parameter.ndim == 4:
                # Not contiguous(): of one channel, or one pixel, it leaves strides that convolutions take for the other layout.
                parameter.data = parameter.data.to(memory_format=self.layout)
        self.updates = [ActiveUpdate(update, model) for update in updates]
        if len({update.name for update in updates}) < len(updates):
            raise ValueError(f"each update needs a name of its own: {[update.name for update in updates]}")
        self.done = 0  # steps taken
        self.skipped = 0
        self.called = [0] * len(hooks)  # the step at which each hook was last called
        self.figures: dict[str, float] = {}  # the last ones recorded
        self.window: dict[str, list[float]] = {}  # [sum, count] of each figure since then
        self.folder: Path | None = None
        self.journal: MetricsLog | None = None
        self.clock_start = time.monotonic()
        self.heard: tuple[float, int] | None = None  # of the leader of several processes: its clock, and the signal it got
        self.score: float | None = None  # of this step, where a hook gave one
        self.unsaved, self.saved_at, self.saving_took = True, time.monotonic(), 0.0

    @property
    def seconds(self) -> float:
        """Wall-clock seconds of this run, those before a resume included."""
        return time.monotonic() - self.clock_start if self.heard is None else self.heard[0]

    def agree(self, signals: Signals) -> None:
        """Take the time, and whether to stop, from the leader where there are several processes: all decide alike."""
        if self.crew.count > 1:
            self.heard = None
            told = self.crew.hear(storage.to_json([self.seconds, signals.received or 0]))
            seconds, number = storage.from_json(told, "what the leader said")
            self.heard = seconds, number

    def stop_if_asked(self, signals: Signals) -> None:
        """Raise `Stop` if a signal came."""
        if self.heard is None:
            signals.check()
        elif self.heard[1]:
            raise Stop(self.heard[1])

    def finished(self) -> bool:
        """Whether the run has reached its end; however short the time, one step is taken."""
        out_of_time = self.budget is not None and self.seconds >= self.budget and self.done > 0
        return out_of_time or (self.steps is not None and self.done >= self.steps)

    def latest(self) -> dict[str, float]:
        """The newest figures: the last ones recorded, and means over the steps since then."""
        return self.figures | self._means()

    def _means(self) -> dict[str, float]:
        means = {name: total / count for name, (total, count) in self.window.items()}
        return means | ({"skipped": self.skipped} if self.skipped else {})

    # ---- opening

    def open(self, folder: Path | None, display: Display) -> None:
        """Continue the run in the folder if there is one, and settle the precision."""
        self.folder = folder
        checkpoint = checkpoints.load(folder / "checkpoints") if folder is not None else None
        if checkpoint is not None:
            self._check_identity(checkpoint)
            self._restore(checkpoint)
            state = "is complete (ask for more to go on)" if self.finished() else "continues"
            display.say(f"{folder}: the run found there {state} at step {self.done:,}, {self.seconds / 60:.1f} min")
        if folder is not None:
            self.journal = MetricsLog(folder, checkpoint.json("clock.json")["journal"] if checkpoint else 0, self.done)
        if checkpoint is None:
            if self.precision == "auto" and self.crew.leads:
                self.precision = self._faster_precision()
            self.save()  # a run killed before its first checkpoint keeps its choices and its first weights
        if self.crew.count > 1:
            self._begin_alike()

    def _begin_alike(self) -> None:
        """Become, in every process, the run that the leader has found or begun."""
        files = self._files() if self.crew.leads else dict.fromkeys(FILES, b"")
        told = {name: self.crew.hear(files[name]) for name in FILES}
        if not self.crew.leads:
            self._restore(storage.Sealed(Path("process 0"), told, {"score": None}))

    def _check_identity(self, checkpoint: storage.Sealed) -> None:
        theirs, ours = checkpoint.json("training.json")["identity"], self._identity()
        for what in ours:
            if theirs[what] != ours[what]:
                raise ValueError(
                    f"{self.folder} holds another run: its {what} is {theirs[what]}, not {ours[what]}. "
                    "Choose another folder, or remove this one to start anew"
                )

    def _identity(self) -> dict[str, Any]:
        """What must agree for a checkpoint to be a state of this run."""
        shapes = {name: list(tensor.shape) for name, tensor in self.model.state_dict().items()}
        return {"seed": self.seed, "updates": [active.update.name for active in self.updates], "parameters": shapes}

    def _faster_precision(self) -> str:
        """Time the forward and backward pass of every update in both precisions, on the first batch, and leave no trace."""
        batch = to_device(self.crew.rows(self.batches(0)), self.device, self.layout)
        before = {name: tensor.clone() for name, tensor in self.model.state_dict().items()}
        cost = {"fp32": 0.0, "bf16": 0.0}
        for precision in cost:
            self.precision = precision
            for index, active in enumerate(self.updates):
                cost[precision] += self._time(partial(self._gradients, index, batch)) / active.update.every
        self.model.load_state_dict(before)
        return "bf16" if cost["bf16"] < BF16_WORTH * cost["fp32"] else "fp32"

    def _time(self, work: Callable[[], object]) -> float:
        """The least seconds of a few calls, the first left out; they take half a second, or little of a short run."""
        work()
        best, end = math.inf, time.monotonic() + min(0.5, 0.02 * (self.budget or math.inf))
        while best == math.inf or time.monotonic() < end:
            begin = time.perf_counter()
            work()
            if self.device.type == "cuda":
                torch.cuda.synchronize()
            best = min(best, time.perf_counter() - begin)
        return best

    # ---- a step

    def step(self) -> None:
        """Take every update whose turn it is, on the batch of this step."""
        batch = to_device(self.crew.rows(self.batches(self.done)), self.device, self.layout)
        by_steps = self.done / self.steps if self.steps else 0.0
        by_time = self.seconds / self.budget if self.budget else 0.0
        for index, active in enumerate(self.updates):
            if (self.done + 1) % active.update.every == 0:
                self._take(index, active, batch, min(max(by_steps, by_time), 1.0))
        self.done += 1
        self.score, self.unsaved = None, True
        if self.done % LOG_STEPS == 0:
            self._record_window()

    def _take(self, index: int, active: ActiveUpdate, batch: Any, share: float) -> None:
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        found = self._gradients(index, batch)  # first: a loss may make what it is a mean over
        weight = 1.0 if active.update.weight is None else active.update.weight(batch)
        loss, gradients, figures = self.crew.average(*found, weight)
        norm = torch.nn.utils.get_total_norm([gradient for gradient in gradients if gradient is not None])
        figures = {"loss": loss, "grad_norm": norm, **figures}
        values = torch.stack([torch.as_tensor(v, device=self.device).detach().float() for v in figures.values()]).tolist()
        if not (math.isfinite(values[0]) and math.isfinite(values[1])):
            self._skip(active, buffers)
            return
        active.bad_in_a_row = 0
        for name, value in zip(figures, values, strict=True):
            if math.isfinite(value):
                entry = self.window.setdefault(f"{active.update.name}/{name}", [0.0, 0])
                entry[:] = entry[0] + value, entry[1] + 1
        active.move(gradients, norm, self.done, share)

    def _gradients(self, index: int, batch: Any) -> tuple[Tensor, list[Tensor | None], Mapping[str, Tensor | float]]:
        self._seed(self.done, index)
        with (
            torch.autocast(self.device.type, torch.bfloat16, enabled=self.precision == "bf16"),
            rows(self.crew.rank, self.crew.count),
        ):
            return self.updates[index].gradients(batch)

    def _skip(self, active: ActiveUpdate, buffers: Sequence[Tensor]) -> None:
        """Pass over an update without a finite loss and gradient, as if it had not been; give up after `PATIENCE` in a row."""
        for buffer, before in zip(self.model.buffers(), buffers, strict=True):
            buffer.copy_(before)
        self.skipped += 1
        active.bad_in_a_row += 1
        if active.bad_in_a_row < PATIENCE:
            return
        at, where = self.done + 1, "the model holds the parameters of the last finite step"
        if self.folder is not None and (checkpoint := checkpoints.load(self.folder / "checkpoints")) is not None:
            self._restore(checkpoint)
            where = f"the model holds the last good checkpoint, {checkpoint.folder}"
        raise Diverged(
            f"update {active.update.name!r}: {PATIENCE} in a row without a finite loss and gradient, up to step {at:,}; "
            f"{where}. Try a lower learning rate, a gradient clip, or precision='fp32'"
        )

    def _seed(self, *key: int) -> None:
        number = stream(self.seed, *key)
        torch.default_generator.manual_seed(number)
        if self.device.type == "cuda":
            torch.cuda.manual_seed_all(number)

    # ---- between steps

    def call_hooks(self, ended: bool, signals: Signals) -> None:
        """Run the hooks whose turn it is, and at the end all of them, each once for a step. A call may be cut short."""
        for index, hook in enumerate(self.hooks):
            if (ended or self.done % hook.every == 0) and self.done != self.called[index]:
                self._call(index, hook, signals)

    def _call(self, index: int, hook: Hook, signals: Signals) -> None:
        self._seed(self.done, len(self.updates) + index)
        cut_short = signals.at_once() if self.crew.count == 1 else contextlib.nullcontext()
        with self._averaged(), torch.no_grad(), cut_short:
            figures = hook.call(self.done) or {}
        self._record(figures)
        self.called[index], self.unsaved = self.done, True
        if hook.score is not None and math.isfinite(figures[hook.score]):
            self.score = float(figures[hook.score])
            self.save()

    def _record(self, figures: Mapping[str, float]) -> None:
        self.figures |= {name: float(value) for name, value in figures.items() if math.isfinite(value)}
        if self.journal is not None and figures:
            self.journal.write(self.done, self.seconds, figures)

    def _record_window(self) -> None:
        self._record(self._means())
        self.window = {}

    @contextlib.contextmanager
    def _averaged(self) -> Iterator[None]:
        """The model as it is meant to be used: in eval mode, with averaged parameters."""
        self.model.eval()
        for active in self.updates:
            active.swap()
        try:
            yield
        finally:
            for active in reversed(self.updates):  # the inverse also where two updates average one parameter
                active.swap()
            self.model.train()

    # ---- on disk

    def save_if_due(self) -> None:
        """A checkpoint now and then; seldom enough that saving costs little of the time."""
        if time.monotonic() - self.saved_at > max(CHECKPOINT_SECONDS, self.saving_took / SAVING_SHARE):
            self.save()

    def save(self) -> None:
        """Write a checkpoint of this step, unless nothing has changed since the last."""
        if self.folder is None or self.journal is None or not self.unsaved:
            return
        started = time.monotonic()
        checkpoints.save(self.folder / "checkpoints", self.done, self._files(), score=self.score)
        self.unsaved, self.saved_at = False, time.monotonic()
        self.saving_took = self.saved_at - started

    def _files(self) -> dict[str, bytes]:
        """All that a resumed run needs."""
        training = {
            "identity": self._identity(),
            "precision": self.precision,
            "done": self.done,
            "skipped": self.skipped,
            "bad_in_a_row": [active.bad_in_a_row for active in self.updates],
            "called": self.called,
            "figures": self.figures,
            "window": self.window,
        }
        optimizers: dict[str, Tensor] = {}
        for active in self.updates:
            optimizers |= active.state()
        clock = {"seconds": self.seconds, "journal": self.journal.sync() if self.journal is not None else 0}
        contents = (
            storage.pack_tensors(self.model.state_dict()),
            storage.pack_tensors(optimizers),
            storage.to_json(training),
            storage.to_json(clock),
        )
        return dict(zip(FILES, contents, strict=True))

    def _restore(self, checkpoint: storage.Sealed) -> None:
        """Become the run that wrote the checkpoint."""
        state = checkpoint.json("training.json")
        optimizers = checkpoint.tensors("updates.safetensors")
        checkpoint.give("model.safetensors", self.model)
        for active, bad in zip(self.updates, state["bad_in_a_row"], strict=True):
            active.load(optimizers)
            active.bad_in_a_row = bad
        self.precision, self.done, self.skipped = state["precision"], state["done"], state["skipped"]
        self.figures, self.window = state["figures"], state["window"]
        self.called = (state["called"] + [0] * len(self.hooks))[: len(self.hooks)]
        self.clock_start = time.monotonic() - checkpoint.json("clock.json")["seconds"]
        self.score, self.unsaved, self.saved_at = checkpoint.facts["score"], False, time.monotonic()

    def finish(self) -> None:
        """The last figures and the last checkpoint; then the model takes its averaged parameters."""
        if self.window:
            self._record_window()
            self.unsaved = True
        self.save()
        for active in self.updates:
            active.swap()
        for parameter in self.model.parameters():  # the layout a file gives back, so that a loaded copy computes the same bits
            parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
        self.model.eval()

    def close(self) -> None:
        """Let go of the files."""
        if self.journal is not None:
            self.journal.close()


def _leave(stop: Stop, done: int, folder: str | Path | None, display: Display | None) -> None:
    kept = f"saved in {folder}, to be gone on with from there" if folder else "nothing saved, as no folder was given"
    if display is not None:
        display.say(f"stopped by {stop.name} at step {done:,}: {kept}")
    if hasattr(sys, "ps1"):  # in an interactive session the person stays, and so does the model
        raise KeyboardInterrupt
    raise Interrupted(128 + stop.number)
