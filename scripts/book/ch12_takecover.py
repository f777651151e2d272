"""Chapter 12: the paper's second task, by a controller that learns in dreams alone; the whole of `run.py takecover`.

Rounds of playing, seeing, remembering and dreaming; the agents of the last ones play against one another, and the best is
judged by 100 held-out games of the paper's own configuration (2,100 tics, one point for each that is survived). A policy that
sees nothing and only walks from side to side lives long too, so the agent is held against that as well.
"""

import contextlib

import numpy as np
from numpy.typing import NDArray

import envs
from genmodels.book_recipe import Recipe, at_least, at_most
from worldmodels import stages
from worldmodels.book_agents import Headline, begin, headline
from worldmodels.config import Evaluation
from worldmodels.evaluate import score
from worldmodels.interfaces import Policy
from worldmodels.presets import takecover
from worldmodels.rollout import rollout
from worldmodels.run import Run, Stage

ASKED = Headline(
    score=(at_least(750), at_least(1092)),
    minutes=(at_most(180), at_most(60)),
    published="1092 (the paper) and 933 (re-implementation), in the dream",
)
PERIOD = 64  # decisions from wall to wall and back: of those tried (24 to 80) the one that lives longest


class Sweeping(Policy):
    """To the left for half a period, to the right for the other."""

    def initial(self, slots: int) -> NDArray[np.int64]:
        return np.zeros(slots, np.int64)

    def act(
        self, obs: NDArray[np.uint8], state: NDArray[np.int64], first: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        time = np.where(first, 0, state)
        act = np.where(time % PERIOD < PERIOD // 2, -1.0, 1.0).astype(np.float32)[:, None]
        return act, time + 1


def sweep(recipe: Recipe, run: Run) -> None:
    """The same episodes, swept through."""
    with contextlib.closing(stages.world(run, envs.make, run.seed(Stage.EVALUATE), test=True)) as env:
        played = score(rollout(env, Sweeping(), run.experiment.evaluation.episodes))
    recipe.figure("a blind sweep from wall to wall", played.mean)
    recipe.figure("the blind sweep: standard error", played.error)


def main() -> None:
    """The chain, its score, its cost, and the blind sweep's score."""
    recipe = Recipe(__doc__, row=46, system="TakeCover, whole", minutes=140.0)
    run = begin(recipe, takecover, minutes=140.0, evaluation=Evaluation(baselines="random"))
    headline(recipe, run, envs.make, ASKED)
    sweep(recipe, run)
    recipe.finish()


if __name__ == "__main__":
    main()
