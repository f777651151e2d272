"""The agent: frames in, actions out.

    z = V(obs)      act = C(z, h)      h <- M(z, act, h)

M does not predict anything here. Its state is what the agent remembers, and that is enough.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genmodels.dynamics import DynamicsModel
from genmodels.model import VisionModel
from genmodels.nn import for_looking
from genmodels.precision import checked_precision
from worldmodels.controller import Controller, Sight, sight
from worldmodels.interfaces import Array, Policy


class Mind(NamedTuple):
    """What an agent carries from one step to the next."""

    memory: Any  # M's state before the last action
    z: Tensor  # what was seen then
    act: Tensor  # what was done


class Agent(Policy):
    """V, M and C together, for N slots at once.

    Arguments:
        vision, memory, controller: the three.
        sees: what C sees.
        population: candidates (P, num_parameters) that share the slots in equal parts, instead of the controller's own weights.
        noise: the standard deviation of what is added to the actions of every second slot, for exploration: the others show
            where the agent itself would go.
        seed: of that noise.
        precision: of V's convolutions, "fp32" or "bf16". M remembers in float32 either way.
    """

    def __init__(
        self,
        vision: VisionModel,
        memory: DynamicsModel,
        controller: Controller,
        sees: Sight,
        *,
        population: Tensor | None = None,
        noise: float = 0.0,
        seed: int = 0,
        precision: str = "fp32",
    ) -> None:
        self.vision, self.memory, self.controller, self.sees = vision, memory, controller, sees
        self.population, self.noise, self.precision = population, noise, checked_precision(precision)
        self._eye = for_looking(vision)
        self._random = np.random.default_rng(seed)

    def initial(self, slots: int) -> Mind:
        z, act = torch.zeros(slots, self.memory.latent_size), torch.zeros(slots, self.memory.action_size)
        return Mind(self.memory.initial(slots), z, act)

    @torch.no_grad()
    def act(self, obs: Array, state: Mind, first: NDArray[np.bool_]) -> tuple[NDArray[np.float32], Mind]:
        _, onward = self.memory.predict(state.z, state.act, state.memory)
        memory = self.memory.reset(onward, torch.from_numpy(first))
        with torch.autocast("cpu", torch.bfloat16, enabled=self.precision == "bf16"):
            z = self._eye.encode(to_images(obs)).mean.float()
        features = sight(self.memory, z, memory, self.sees)
        act = self.controller(features) if self.population is None else self.controller.crowd(self.population, features)
        if self.noise and not self.controller.discrete:
            wander = self.noise * self._random.standard_normal(tuple(act.shape), dtype=np.float32)
            wander[::2] = 0.0
            act = (act + torch.from_numpy(wander)).clamp(-1.0, 1.0)
        return act.numpy(), Mind(memory, z, act)


def to_images(obs: Array) -> Tensor:
    """Frames as environments give them, bytes (N, H, W, 3), as vision models take them: (N, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(obs)).permute(0, 3, 1, 2).float().div_(255.0)
