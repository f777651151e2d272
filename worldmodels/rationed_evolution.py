"""Evolution on a ration of real frames, so that arms of a study that live long and short cost the same."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium.vector import VectorEnv, VectorWrapper

from genmodels import storage
from genmodels.storage import Sealed
from worldmodels.evolution import Evolution
from worldmodels.interfaces import Array, Learner, MakeEnv

SHARES = 20  # iterations that the frames are divided into


class Rationed(Learner):
    """Evolution by frames instead of generations: an iteration lasts until its share of the frames is used up.

    An arm whose candidates live longer has fewer generations. It overruns by less than one of them.

    Arguments:
        evolution: what learns.
        meter: counts the frames it uses.
        frames: how many there are.
    """

    def __init__(self, evolution: Evolution, meter: Meter, frames: int) -> None:
        self.evolution, self.meter, self.frames = evolution, meter, frames
        self.generation = 0

    def iterate(self, iteration: int) -> Mapping[str, float]:
        """As many generations as it takes; none, where the one before took this share too."""
        figures: Mapping[str, float] = {}
        while self.meter.frames * SHARES < self.frames * (iteration + 1):
            figures = self.evolution.iterate(self.generation)
            self.generation += 1
        return {**figures, "frames": self.meter.frames, "generation": self.generation}

    def finish(self) -> None:
        """As evolution does."""
        self.evolution.finish()

    def state(self) -> Mapping[str, bytes]:
        """Evolution's, and what was counted."""
        facts = {"frames": self.meter.frames, "generation": self.generation}
        return {**self.evolution.state(), "ration.json": storage.to_json(facts)}

    def load(self, sealed: Sealed) -> None:
        """The inverse of `state`."""
        facts = sealed.json("ration.json")
        self.meter.frames, self.generation = facts["frames"], facts["generation"]
        self.evolution.load(sealed)


class Meter:
    """Counts frames of real environments: those up to the end of the first episode of each slot, which is all that is used."""

    def __init__(self) -> None:
        self.frames = 0

    def around(self, make_env: MakeEnv) -> MakeEnv:
        """Environments that are counted."""

        def make(*about: Any, **options: Any) -> VectorEnv:
            return _Counted(make_env(*about, **options), self)

        return make


class _Counted(VectorWrapper):
    def __init__(self, env: VectorEnv, meter: Meter) -> None:
        super().__init__(env)
        self._meter, self._going = meter, np.ones(env.num_envs, bool)

    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        obs, rew, end, trunc, info = self.env.step(actions)
        self._meter.frames += int(self._going.sum())
        self._going &= ~(end | trunc)
        return obs, rew, end, trunc, info
