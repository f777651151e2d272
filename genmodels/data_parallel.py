"""Several processes that train one model (torchrun starts them): each takes its rows of a batch, and gradients are averaged.

    torchrun --nproc-per-node 2 scripts/train_vision.py runs/FOLDER

    rows       process r of W computes on rows r B / W ... (r + 1) B / W of the batch of this step
    noise      it draws that of the whole batch and keeps its rows (`random_streams.rows`)
    gradient   sum_r n_r g_r / sum_r n_r            n_r: what the loss of process r is a mean over

In float32 that is the gradient of one process on the whole batch, but for the order of sums, whatever W is. Not so where rows
see one another (batch norm), or noise is drawn in other ways (dropout): there each process has the same for its own rows.

Process 0 leads. It alone reads and writes folders, keeps the clock, calls the hooks and speaks; the others hear what it found.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
from torch import Tensor, distributed

PATIENCE = timedelta(days=7)  # the others wait while process 0 does what it does alone


@dataclass(frozen=True)
class Crew:
    """The processes of one training: `count` of them, of which this one is number `rank`."""

    rank: int = 0
    count: int = 1

    @property
    def leads(self) -> bool:
        """Whether this is the process that reads, writes and speaks."""
        return self.rank == 0

    def rows(self, batch: Any) -> Any:
        """This process's rows of a batch: a tensor, or a tuple or dict of them."""
        if self.count == 1:
            return batch
        if isinstance(batch, Tensor):
            if len(batch) % self.count:
                raise ValueError(f"batch: {len(batch)} rows cannot be shared by {self.count} processes alike; take a multiple")
            return batch.chunk(self.count)[self.rank]
        if isinstance(batch, dict):
            return {key: self.rows(value) for key, value in batch.items()}
        parts = [self.rows(value) for value in batch]
        return type(batch)(*parts) if hasattr(batch, "_fields") else tuple(parts)

    def average(
        self,
        loss: Tensor,
        gradients: Sequence[Tensor | None],
        figures: Mapping[str, Tensor | float],
        weight: Tensor | float = 1.0,
    ) -> tuple[Tensor, list[Tensor | None], Mapping[str, Tensor | float]]:
        """Means over the processes, in one exchange; `weight` is what this one's were means over."""
        if self.count == 1:
            return loss, list(gradients), figures
        told = [torch.as_tensor(value, device=loss.device).detach().float() for value in figures.values()]
        parts = [loss.detach(), *told, *(gradient for gradient in gradients if gradient is not None)]
        heavy = torch.as_tensor(weight, dtype=torch.float32, device=loss.device)
        flat = torch.cat([heavy[None], *(heavy * part.float().flatten() for part in parts)])
        distributed.all_reduce(flat)
        means = iter((flat[1:] / flat[0]).split([part.numel() for part in parts]))
        loss, *told = [next(means).view(part.shape) for part in parts[: 1 + len(told)]]
        averaged = [None if gradient is None else next(means).view(gradient.shape).to(gradient.dtype) for gradient in gradients]
        return loss, averaged, dict(zip(figures, told, strict=True))

    def hear(self, data: bytes = b"") -> bytes:
        """What process 0 says; what the others say is not heard."""
        if self.count == 1:
            return data
        size = torch.tensor(len(data))
        distributed.broadcast(size, 0)
        said = torch.frombuffer(bytearray(data), dtype=torch.uint8) if self.leads and data else torch.zeros(int(size)).byte()
        if size:
            distributed.broadcast(said, 0)
        return said.numpy().tobytes()

    def wait(self) -> None:
        """Until all of them are here."""
        self.hear()


def crew() -> Crew:
    """The processes that torchrun started, this one among them; without it this one alone."""
    if not distributed.is_available():
        return Crew()
    if not distributed.is_initialized():
        if "TORCHELASTIC_RUN_ID" not in os.environ:
            return Crew()
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        distributed.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=PATIENCE)
    return Crew(distributed.get_rank(), distributed.get_world_size())


def by_one_process(what: str) -> None:
    """Refuse to do what each process would do by rows of its own, and so differently."""
    count = crew().count
    if count > 1:
        raise RuntimeError(
            f"{what} by its first batch, of which each of {count} processes has other rows: "
            "take the first step in one process, and go on in several from its folder"
        )
