"""C: what to do, from what V and M hold of the world. Small on purpose.

    features -> act:     act = tanh(W features + b)                    linear, the paper's
                         act = tanh(W2 tanh(W1 features + b1) + b2)    with one hidden layer; more by `hidden`

For a Discrete space there is no tanh, and the action is the one-hot vector of the largest output.

A population of P candidates acts as one batched product, (P, R, F) x (P, F, A), each for R slots of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal, get_args

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from genmodels.compiled import tanh
from genmodels.dynamics import DynamicsModel
from genmodels.model import Model
from worldmodels.interfaces import Array, Policy

Sight = Literal["z", "zh", "zch"]  # what C sees: V's latent, M's hidden state, M's cell state, in this order


class Controller(Model):
    """A linear map or a small MLP from features to an action.

    Arguments:
        features: the numbers it sees.
        actions: the numbers in an action.
        hidden: the units of its hidden layers; none makes it linear.
        bias: whether layers have one (the paper's for TakeCover has none).
        discrete: whether actions are one of `actions`, one-hot, instead of a point in [-1, 1]^actions.
    """

    def __init__(
        self, features: int, actions: int, hidden: Sequence[int] = (), bias: bool = True, discrete: bool = False
    ) -> None:
        super().__init__()
        self.sizes, self.bias, self.discrete = (features, *hidden, actions), bias, discrete
        self.weights = torch.nn.ParameterList()
        for inputs, outputs in pairwise(self.sizes):
            self.weights.append(torch.nn.Parameter(torch.randn(outputs, inputs) / inputs**0.5))
            if bias:
                self.weights.append(torch.nn.Parameter(torch.zeros(outputs)))

    def scores(self, features: Tensor) -> Tensor:
        """Before the squashing: (..., features) -> (..., actions)."""
        x, each = features, 2 if self.bias else 1
        for layer in range(0, len(self.weights), each):
            x = F.linear(x if layer == 0 else tanh(x), *self.weights[layer : layer + each])
        return x

    def forward(self, features: Tensor) -> Tensor:
        """The action: (..., features) -> (..., actions)."""
        return squash(self.scores(features), self.discrete)

    def crowd(self, vectors: Tensor, features: Tensor) -> Tensor:
        """Each candidate (P, num_parameters) acts in R slots of its own: (P R, features) -> (P R, actions)."""
        pieces, start = [], 0
        for weight in self.weights:
            pieces.append(vectors[:, start : start + weight.numel()].reshape(-1, *weight.shape))
            start += weight.numel()
        scores = _layers(features.reshape(len(vectors), -1, features.shape[-1]), pieces, self.bias)
        return squash(scores, self.discrete).reshape(len(features), -1)

    def vector(self) -> NDArray[np.float64]:
        """All parameters in a row, as an evolution strategy wants them."""
        return torch.nn.utils.parameters_to_vector(self.parameters()).detach().double().numpy()

    def set_vector(self, vector: NDArray[np.float64]) -> None:
        """The inverse of `vector`."""
        torch.nn.utils.vector_to_parameters(torch.from_numpy(np.asarray(vector, np.float32)), self.parameters())


def _layers(x: Tensor, weights: Sequence[Tensor], bias: bool) -> Tensor:
    """The layers of P networks at once: x (P, R, inputs), weights (P, outputs, inputs) and biases (P, outputs)."""
    depth = len(weights) // (2 if bias else 1)
    columns = x.mT  # as dreams show it: one number of all slots is one stretch of memory
    for layer in range(depth):
        weight = weights[layer * (2 if bias else 1)]
        columns = torch.bmm(weight, columns.expand(len(weight), -1, -1))
        if bias:
            columns = columns + weights[2 * layer + 1][:, :, None]
        if layer < depth - 1:
            columns = columns.tanh()
    return columns.mT


def squash(scores: Tensor, discrete: bool) -> Tensor:
    """Scores as an action: within [-1, 1], or the one-hot vector of the largest."""
    if discrete:
        return F.one_hot(scores.argmax(-1), scores.shape[-1]).float()
    return scores.tanh()


def sight(memory: DynamicsModel, z: Tensor, state: Any, sees: Sight) -> Tensor:
    """What C sees of the latent (N, Z) and of M's state."""
    if sees not in get_args(Sight):
        raise ValueError(f"a controller sees one of {', '.join(get_args(Sight))}, not {sees!r}")
    if sees == "z":
        return z
    return torch.cat([z.t(), memory.features(state, carry=sees == "zch").t()]).t()


def sight_size(memory: DynamicsModel, sees: Sight) -> int:
    """How many numbers C sees."""
    with torch.no_grad():
        return sight(memory, torch.zeros(1, memory.latent_size), memory.initial(1), sees).shape[1]


class Reflex(Policy):
    """A controller that acts on what a dream shows it, (N, features): the dream has already looked and remembered."""

    def __init__(self, controller: Controller, population: Tensor | None = None) -> None:
        self.controller, self.population = controller, population

    def initial(self, slots: int) -> None:
        """It remembers nothing."""

    @torch.no_grad()
    def act(self, obs: Array, state: None, first: NDArray[np.bool_]) -> tuple[NDArray[np.float32], None]:
        features = torch.from_numpy(obs)
        if self.population is None:
            return self.controller(features).numpy(), None
        return self.controller.crowd(self.population, features).numpy(), None
