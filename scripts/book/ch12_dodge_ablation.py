"""Chapter 12: a controller by evolution (CMA-ES) in the real environment, and what it owes to V and to M.

The game is Dodge. V and M are learned from a blind policy's episodes. Then four linear controllers evolve on equal frames. They
see z alone, or z beside the state of an M: one that learned nothing, the real one, one that learned on other windows' actions.
The figures are mean returns over held-out episodes, the same for all arms; 200 is a whole game.
"""

from dataclasses import replace

import envs
from genmodels.book_recipe import Recipe
from worldmodels.book_agents import arms, begin
from worldmodels.pipeline import alone
from worldmodels.presets import dodge
from worldmodels.run import Stage
from worldmodels.sweep_and_ablation import EVOLVE, Settings

SENSES = (Stage.ROLLOUT, Stage.VISION, Stage.ENCODE, Stage.MEMORY)


def main() -> None:
    """V and M, the four arms, and their scores."""
    recipe = Recipe(__doc__, row=45, system="C with CMA-ES", minutes=10.0)
    run = begin(recipe, dodge, minutes=10.0)
    alone(run, envs.make, *SENSES)
    few = replace(EVOLVE, population=4, repeats=1)
    frames = 2.0 * recipe.minutes
    arms(recipe, run, envs.make, Settings(frames=frames, evolve=few if recipe.fast else EVOLVE))
    recipe.finish()


if __name__ == "__main__":
    main()
