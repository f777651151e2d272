"""CMA-ES (Hansen 2016, arXiv 1604.00772): the controller by evolution.

    ask      x_1 ... x_P ~ N(mean, sigma^2 C)
    fitness  mean return of each over R episodes, all P x R of them in one batch, every candidate on the same luck
    tell     mean, sigma and C move towards the better half

What a candidate is worth is not its training fitness, the largest of P noisy numbers: at intervals the mean and the best are
played again on luck that no generation has had, and the best of these is what is kept.

The engine is pycma, with a random stream of its own. Its state is the fitnesses it was told: `load` asks and tells again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import cma
import numpy as np
import torch
from numpy.typing import NDArray

from genmodels import storage
from genmodels.random_streams import stream
from genmodels.storage import Sealed
from worldmodels.controller import Controller
from worldmodels.interfaces import Learner
from worldmodels.rollout import Played


class Worth(NamedTuple):
    """What candidates were worth, and what it took to know."""

    returns: NDArray[np.float64]
    """(P,), mean over the episodes of each"""
    frames: int
    """steps of the world, of all of them"""

    @classmethod
    def of(cls, played: Sequence[Played], candidates: int) -> Worth:
        """Of candidates that shared the slots in equal parts, an episode in each slot."""
        returns = np.array([one.ret for one in sorted(played, key=lambda one: one.slot)])
        return cls(returns.reshape(candidates, -1).mean(axis=1), sum(one.length for one in played))


Fitness = Callable[[torch.Tensor, int], Worth]  # candidates (P, n) and a seed

_ENGINE, _FITNESS, _HELD_OUT = range(3)  # the random streams below a learner's seed


class Evolution(Learner):
    """CMA-ES over the weights of a controller.

    Arguments:
        controller: whose weights are evolved; `finish` puts the elite into it.
        fitness: (candidates, seed) -> what they are worth. Equal seeds are equal luck.
        population: P.
        sigma: the first step size.
        diagonal: whether C is diagonal: for many weights, faster and with fewer generations.
        judge_every: generations between two judgements on held-out luck.
        judgements: how often each is played there: where a fitness is of few episodes, one is too few to judge by.
        seed: of everything it draws.
    """

    def __init__(
        self,
        controller: Controller,
        fitness: Fitness,
        *,
        population: int = 64,
        sigma: float = 0.1,
        diagonal: bool = False,
        judge_every: int = 10,
        judgements: int = 1,
        seed: int = 0,
    ) -> None:
        self.controller, self.fitness, self.seed = controller, fitness, seed
        self.population, self.sigma, self.diagonal = population, sigma, diagonal
        self.judge_every, self.judgements = judge_every, judgements
        self._start = controller.vector()
        self._engine = self._new_engine()
        self._told: list[NDArray[np.float64]] = []
        self._elite, self._elite_score = self._start, -np.inf
        self.frames = 0  # of all that was played, judgements included

    def iterate(self, iteration: int) -> Mapping[str, float]:
        """One generation."""
        asked = self._engine.ask()
        returns = self._play(asked, stream(self.seed, _FITNESS, iteration))
        if not np.isfinite(returns).all():
            raise ValueError(
                f"generation {iteration}: a return is not finite; look at the rewards of the world it is played in"
            )
        self._tell(asked, returns)
        figures = {"mean": float(returns.mean()), "best": float(returns.max()), "sigma": float(self._engine.sigma)}
        if (iteration + 1) % self.judge_every == 0:
            figures |= self._judge(asked[int(returns.argmax())])
        return figures | {"frames": float(self.frames)}

    def finish(self) -> None:
        """Give the controller the elite's weights; where none was judged, the mean's."""
        judged = np.isfinite(self._elite_score)
        self.controller.set_vector(self._elite if judged else self._mean())

    def state(self) -> Mapping[str, bytes]:
        """The fitnesses of every generation, and the elite."""
        told = np.array(self._told).reshape(-1, self.population)
        tensors = {
            "told": torch.from_numpy(told),
            "elite": torch.from_numpy(self._elite),
            "start": torch.from_numpy(self._start),
        }
        score = self._elite_score if np.isfinite(self._elite_score) else None
        return {
            "evolution.safetensors": storage.pack_tensors(tensors),
            "evolution.json": storage.to_json({"elite_score": score, "frames": self.frames}),
        }

    def load(self, sealed: Sealed) -> None:
        """Ask and tell again what was told."""
        tensors, facts = sealed.tensors("evolution.safetensors"), sealed.json("evolution.json")
        score, self.frames = facts["elite_score"], facts["frames"]
        self._start, self._elite = tensors["start"].numpy(), tensors["elite"].numpy()
        self._elite_score = -np.inf if score is None else score
        self._engine, self._told = self._new_engine(), []
        for returns in tensors["told"].numpy():
            self._tell(self._engine.ask(), returns)

    def _judge(self, best: NDArray[np.float64]) -> dict[str, float]:
        """Mean, best and elite on held-out luck, the same luck each time, so that the elite's claim is renewed, not drawn."""
        claimants = [self._mean(), best, self._elite]
        lucks = [stream(self.seed, _HELD_OUT, each) for each in range(self.judgements)]
        scores = np.mean([self._play(claimants, luck) for luck in lucks], axis=0)
        self._elite, self._elite_score = claimants[int(scores.argmax())], float(scores.max())
        return {"held_out": self._elite_score, "held_out_mean": float(scores[0])}

    def _play(self, candidates: Sequence[NDArray[np.float64]], luck: int) -> NDArray[np.float64]:
        returns, frames = self.fitness(torch.from_numpy(np.array(candidates, dtype=np.float32)), luck)
        self.frames += frames
        return returns

    def _tell(self, asked: list[NDArray[np.float64]], returns: NDArray[np.float64]) -> None:
        self._engine.tell(asked, (-returns).tolist())
        self._told.append(returns)

    def _mean(self) -> NDArray[np.float64]:
        return np.array(self._engine.mean)

    def _new_engine(self) -> Any:
        random = np.random.default_rng(stream(self.seed, _ENGINE))
        options = {
            "popsize": self.population,
            "randn": lambda *shape: random.standard_normal(shape),
            "seed": np.nan,  # leave numpy's global stream alone
            "CMA_diagonal": self.diagonal,
            "verbose": -9,
            "verb_log": 0,
            "verb_disp": 0,
        }
        return cma.CMAEvolutionStrategy(self._start, self.sigma, options)
