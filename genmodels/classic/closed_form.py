"""Models whose best parameters are a formula of the data: a bounding box, a table of counts.

    statistics of all the data = statistics of one batch, joined with those of the next, and so on

So one pass is enough, in any order and in batches of any size, and what comes of it depends on the data alone: on no seed, no
rate and no clock. A pass is over so soon that it is made anew rather than continued; its result is saved like any model.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from genmodels.batches import Indexed, split, to_device
from genmodels.model import LogProb, Model
from genmodels.training import Fitted, Hook, Precision
from genmodels.updates import Update

BATCH = 4096


class NoDataSeen(RuntimeError):
    """The model knows nothing yet."""


class ClosedForm(Model, ABC):
    """A density that is estimated by a formula. A subclass keeps its statistics in parameters without gradients, in float64."""

    @abstractmethod
    def forget(self) -> None:
        """Make the statistics those of no data."""

    @abstractmethod
    def observe(self, batch: Any) -> None:
        """Join the statistics with those of a batch."""

    @property
    @abstractmethod
    def has_seen_data(self) -> bool:
        """Whether there is anything to estimate from."""

    @abstractmethod
    def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        """log p(x) in nats for each example, exact."""

    @torch.no_grad()
    def loss(self, batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the log-probability of a batch, mean over its examples; a figure to look at, nothing to descend."""
        return -self.log_prob(_examples(batch)).nats.mean(), {}

    def updates(self) -> list[Update]:
        """There are none."""
        raise TypeError(f"{type(self).__name__} is not trained step by step, its parameters are a formula: call fit(data)")

    @torch.no_grad()
    def fit(
        self,
        data: Indexed | Tensor,
        *,
        minutes: float | None = None,
        steps: int | None = None,
        folder: str | Path | None = None,
        batch_size: int = BATCH,
        device: str | torch.device | None = None,
        precision: Precision = "auto",
        seed: int = 0,
        hooks: Sequence[Hook] = (),
        held_out: float = 0.0,
    ) -> Fitted:
        """Estimate the parameters from all of a data set, whatever was seen before, in one pass.

        It takes the arguments of `Model.fit`, so that it can stand where any model does. The pass is complete whatever
        `minutes` and `steps` allow, in float64 whatever the `precision`. The `seed` only chooses which share is `held_out`,
        which is none by default: what is not seen is not in the box.
        """
        started = time.monotonic()
        data, held = split(data, held_out, seed) if held_out else (data, None)
        if len(data) == 0:
            raise ValueError("there are no examples to estimate from")
        if folder is not None:
            self._begin(Path(folder))
        self.to(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        parts = torch.arange(len(data)).split(batch_size)
        self._pass(to_device(data[index], self.device) for index in parts)
        self.eval()
        figures: dict[str, float] = {}
        if held is not None and len(held):
            figures["validation/nats"] = self.loss(to_device(held[torch.arange(len(held))], self.device))[0].item()
        for hook in hooks:
            figures |= hook.call(len(parts)) or {}
        if folder is not None:
            self.save(folder)
        return Fitted(len(parts), time.monotonic() - started, "fp64", 0, figures)

    def _pass(self, batches: Iterable[Any]) -> None:
        """Estimate anew from batches; if one is refused, all stays as it was."""
        before = {name: tensor.clone() for name, tensor in self.state_dict().items()}
        try:
            self.forget()
            for batch in batches:
                self.observe(batch)
        except BaseException:
            self.load_state_dict(before)
            raise

    def _check_seen(self) -> None:
        if not self.has_seen_data:
            raise NoDataSeen(f"this {type(self).__name__} has seen no data yet: call fit(data) first")


def _examples(batch: Any) -> Tensor:
    return batch if isinstance(batch, Tensor) else batch[0]
