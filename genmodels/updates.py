"""An `Update` is one objective: a loss, the parameters it may move, and how. `ActiveUpdate` is one at work."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from torch import Tensor, nn

Loss = Callable[[Any], tuple[Tensor, Mapping[str, Tensor | float]]]


@dataclass(frozen=True)
class Optimizer:
    """AdamW, and how its rate moves: up over `warmup` steps, then down to nothing as `decay` says.

    Weight decay is kept from norms and biases (parameters of one dimension). Parameters that are a single number, such as the
    logarithm of a deviation, move `haste` times as fast: a step moves any parameter by about its rate, and they have far to go.
    """

    lr: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    weight_decay: float = 0.0
    warmup: int = 0
    decay: Literal["none", "linear", "cosine"] = "none"
    haste: float = 1.0

    def __post_init__(self) -> None:
        if self.decay not in ("none", "linear", "cosine"):
            raise ValueError(f"a rate decays 'none', 'linear' or 'cosine', not {self.decay!r}")

    def build(self, parameters: Sequence[nn.Parameter]) -> torch.optim.Optimizer:
        """The optimiser over these parameters."""
        groups = [
            {"params": [p for p in parameters if p.ndim > 1], "weight_decay": self.weight_decay, "haste": 1.0},
            {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0, "haste": 1.0},
            {"params": [p for p in parameters if p.ndim == 0], "weight_decay": 0.0, "haste": self.haste},
        ]
        return torch.optim.AdamW([g for g in groups if g["params"]], lr=self.lr, betas=self.betas, fused=True)

    def rate(self, step: int, share: float) -> float:
        """The learning rate at a step, when a `share` in [0, 1] of the run is done.

        >>> Optimizer(lr=1.0, warmup=10, decay="cosine").rate(step=4, share=0.5)
        0.25
        """
        rise = min(1.0, (step + 1) / self.warmup) if self.warmup else 1.0
        fall = {"none": 1.0, "linear": 1.0 - share, "cosine": 0.5 * (1.0 + math.cos(math.pi * share))}[self.decay]
        return self.lr * rise * fall


@dataclass(frozen=True)
class Update:
    """One objective of a model.

    Arguments:
        name: what its figures are called: `name/loss`, `name/grad_norm`, `name/...`.
        loss: batch -> (scalar loss, figures to record).
        parameters: what this objective moves; nothing else gets a gradient from it. Those that are frozen are left out.
        optimizer: how it moves them.
        every: it is taken at every so many steps, on the batch of that step.
        clip: the largest gradient norm let through, or None.
        ema: the decay of an exponential moving average of these parameters (never of buffers), or None. Hooks see the
            average, and the model holds it when `fit` returns; checkpoints hold both.
        weight: batch -> what its loss is a mean over, where that is not its rows: how much a process's part of a batch counts
            where several train together (`data_parallel`). It is asked after the loss.
        after: called without gradients after each step of the optimiser, as to keep parameters within bounds.
    """

    name: str
    loss: Loss
    parameters: Iterable[nn.Parameter]
    optimizer: Optimizer = field(default_factory=Optimizer)
    every: int = 1
    clip: float | None = None
    ema: float | None = None
    weight: Callable[[Any], Tensor | float] | None = None
    after: Callable[[], None] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "parameters", tuple(p for p in self.parameters if p.requires_grad))
        if not self.parameters:
            raise ValueError(f"update {self.name!r} has no parameters to move (was their iterator used up, or are all frozen?)")
        if ":" in self.name or "/" in self.name:
            raise ValueError(f"update {self.name!r}: a name has no ':' and no '/'")
        if self.every < 1:
            raise ValueError(f"update {self.name!r}: every must be at least 1, not {self.every}")
        if self.ema is not None and not 0.0 <= self.ema < 1.0:
            raise ValueError(f"update {self.name!r}: ema must lie in [0, 1), not {self.ema}")


class ActiveUpdate:
    """An update with its optimiser and its average, for one model on its device."""

    def __init__(self, update: Update, model: nn.Module) -> None:
        name_of = {id(parameter): name for name, parameter in model.named_parameters()}
        if any(id(parameter) not in name_of for parameter in update.parameters):
            raise ValueError(f"update {update.name!r} moves a parameter that is not the model's, so it would not be saved")
        self.update = update
        self.parameters = {name_of[id(parameter)]: parameter for parameter in update.parameters}
        self.optimizer = update.optimizer.build(list(self.parameters.values()))
        self.average: dict[str, Tensor] = {}
        if update.ema is not None:
            self.average = {name: parameter.detach().clone() for name, parameter in self.parameters.items()}
        self.bad_in_a_row = 0

    def gradients(self, batch: Any) -> tuple[Tensor, list[Tensor | None], Mapping[str, Tensor | float]]:
        """The loss, its gradient in each parameter (and in nothing else), and the figures to record."""
        loss, figures = self.update.loss(batch)
        return loss, list(torch.autograd.grad(loss, list(self.parameters.values()), allow_unused=True)), figures

    def move(self, gradients: Sequence[Tensor | None], norm: Tensor, step: int, share: float) -> None:
        """Take one step of the optimiser, and let the average follow."""
        parameters = list(self.parameters.values())
        for parameter, gradient in zip(parameters, gradients, strict=True):
            parameter.grad = None if gradient is None else _laid_out_like(parameter, gradient)
        if self.update.clip is not None:
            torch.nn.utils.clip_grads_with_norm_(parameters, self.update.clip, norm)
        for group in self.optimizer.param_groups:
            group["lr"] = group["haste"] * self.update.optimizer.rate(step, share)
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        if self.update.after is not None:
            with torch.no_grad():
                self.update.after()
        if self.update.ema is not None:
            taken = (step + 1) // self.update.every
            decay = min(self.update.ema, (1 + taken) / (10 + taken))  # a young average must forget its start
            torch._foreach_lerp_(list(self.average.values()), [p.detach() for p in parameters], 1.0 - decay)

    def swap(self) -> None:
        """Exchange the parameters with their averages, where there are any."""
        for name, average in self.average.items():
            parameter = self.parameters[name]
            parameter.data, self.average[name] = average, parameter.data

    def state(self) -> dict[str, Tensor]:
        """Everything a resumed run needs besides the parameters, as named tensors."""
        state = {f"ema:{name}": average for name, average in self.average.items()}
        for name, parameter in self.parameters.items():
            state |= {f"{slot}:{name}": value for slot, value in self.optimizer.state[parameter].items()}
        return {f"{self.update.name}:{key}": value for key, value in state.items()}

    def load(self, state: Mapping[str, Tensor]) -> None:
        """The inverse of `state`; entries of other updates are passed over."""
        for key, value in state.items():
            update, slot, name = key.split(":")
            if update != self.update.name:
                continue
            if slot == "ema":
                self.average[name].copy_(value)
            else:
                parameter = self.parameters[name]
                like = parameter if parameter.shape == value.shape else value  # keeps the parameter's memory layout
                held = torch.empty_like(like, dtype=value.dtype, device=parameter.device)
                self.optimizer.state[parameter][slot] = held.copy_(value)


def _laid_out_like(parameter: Tensor, gradient: Tensor) -> Tensor:
    """The gradient in the parameter's own memory order: fused optimisers walk both as they lie, and do not ask."""
    if gradient.stride() == parameter.stride():
        return gradient
    return torch.empty_like(parameter).copy_(gradient)
