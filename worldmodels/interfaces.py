"""What the parts of the pipeline ask of one another. A step is given its state and hands it on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv
from numpy.typing import NDArray

from genmodels.storage import Sealed

Array = NDArray[Any]
MakeEnv = Callable[..., VectorEnv]  # make_env(num_envs, seed) -> a vector environment; how worldmodels receives its worlds


class Policy(ABC):
    """Actions for N slots at once.

    Actions are float32 (N, A): within [-1, 1] for a Box, one-hot for a Discrete space. That is what is stored and what M sees;
    only `rollout` knows what the environment is handed.
    """

    @abstractmethod
    def initial(self, slots: int) -> Any:
        """The state of so many slots before anything was seen."""

    @abstractmethod
    def act(self, obs: Array, state: Any, first: NDArray[np.bool_]) -> tuple[NDArray[np.float32], Any]:
        """Actions for obs (N, ...), and the state to hand in next time. In the slots of `first` an episode begins."""


class Learner(ABC):
    """Improves a controller by iterations, each a function of its number and the state: what is saved is all there is."""

    @abstractmethod
    def iterate(self, iteration: int) -> Mapping[str, float]:
        """One generation, or one round of dreaming and descending; figures to record."""

    @abstractmethod
    def state(self) -> Mapping[str, bytes]:
        """Everything a resumed learner needs, as files."""

    @abstractmethod
    def load(self, sealed: Sealed) -> None:
        """The inverse of `state`."""

    def inherit(self, sealed: Sealed) -> None:  # noqa: B027 (many have nothing to go on with)
        """Begin with what the learner of the round before knew, beside the controller's weights."""

    @abstractmethod
    def finish(self) -> None:
        """Put the controller that is to be kept into the module that was given to be trained."""
