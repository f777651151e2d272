"""Evolution on a ration of real frames, so that arms of a study that live long and short cost the same."""

from __future__ import annotations

from collections.abc import Mapping

from genmodels import storage
from genmodels.storage import Sealed
from worldmodels.evolution import Evolution
from worldmodels.interfaces import Learner

SHARES = 20  # iterations that the frames are divided into


class Rationed(Learner):
    """Evolution by frames instead of generations: an iteration lasts until its share of the frames is used up.

    An arm whose candidates live longer has fewer generations. It overruns by less than one of them.

    Arguments:
        evolution: what learns.
        frames: how many it may use.
    """

    def __init__(self, evolution: Evolution, frames: int) -> None:
        self.evolution, self.frames = evolution, frames
        self.generation = 0

    def iterate(self, iteration: int) -> Mapping[str, float]:
        """As many generations as it takes; none, where the one before took this share too."""
        figures: Mapping[str, float] = {}
        while self.evolution.frames * SHARES < self.frames * (iteration + 1):
            figures = self.evolution.iterate(self.generation)
            self.generation += 1
        return {"frames": self.evolution.frames, **figures, "generation": self.generation}

    def finish(self) -> None:
        """As evolution does."""
        self.evolution.finish()

    def state(self) -> Mapping[str, bytes]:
        """Evolution's, and its generations."""
        return {**self.evolution.state(), "ration.json": storage.to_json({"generation": self.generation})}

    def load(self, sealed: Sealed) -> None:
        """The inverse of `state`."""
        self.generation = sealed.json("ration.json")["generation"]
        self.evolution.load(sealed)
