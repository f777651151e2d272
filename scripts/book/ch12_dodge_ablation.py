"""Chapter 12: a controller by evolution (CMA-ES) in the real environment, and what it owes to V and to M.

The game is Dodge. V and M are learned from a blind policy's episodes. Then four linear controllers evolve on equal frames. They
see z alone, or z beside the state of an M: one that learned nothing, the real one, one that learned on other windows' actions.
The figures are mean returns over held-out episodes, the same for all arms; 200 is a whole game.
"""

from dataclasses import replace

import envs
from genmodels.book_recipe import Recipe
from genmodels.viz import spread
from worldmodels import evaluate
from worldmodels.book_agents import begin
from worldmodels.pipeline import alone
from worldmodels.presets import dodge
from worldmodels.run import Run, Stage
from worldmodels.sweep_and_ablation import EVOLVE, Settings, ablation

SENSES = (Stage.ROLLOUT, Stage.VISION, Stage.ENCODE, Stage.MEMORY)


def report(recipe: Recipe, run: Run) -> None:
    """Each arm's score and its frames; M against the arms that lack it."""
    parts = {line["part"]: line for line in run.done if line["stage"] == "ablation"}
    found = {arm: evaluate.read(run / "studies" / arm / "evaluation.jsonl")["agent"] for arm in parts}
    for arm, line in parts.items():
        recipe.figure(f"{arm}: return", line["real"])
        recipe.figure(f"{arm}: half of the 95 % interval", 1.96 * line["real_error"])
        recipe.figure(f"{arm}: real frames", line["frames"])
    for arm in [arm for arm in found if arm != "M"]:
        recipe.figure(f"M above {arm}, standard errors", evaluate.standard_errors_between(found["M"], found[arm]))
    recipe.picture("arms", spread({arm: score.returns for arm, score in found.items()}, "return"))
    recipe.finish()


def main() -> None:
    """V and M, the four arms, and their scores."""
    recipe = Recipe(__doc__, row=45, system="C with CMA-ES", minutes=10.0)
    run = begin(recipe, dodge, minutes=10.0)
    alone(run, envs.make, *SENSES)
    few = replace(EVOLVE, population=4, repeats=1)
    frames = 2.0 * recipe.minutes
    with run.lock():
        ablation(run, envs.make, Settings(frames=frames, evolve=few if recipe.fast else EVOLVE))
    report(recipe, run)


if __name__ == "__main__":
    main()
