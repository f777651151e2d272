"""Chapter 12: CarRacing by evolution (CMA-ES) in the real environment, and what it owes to V and to M.

V and M are those of the run that `ch12_carracing` left for this seed, or of a new one. Four linear controllers evolve on two
million frames each, in EnvPool's simulator. They see z alone, or z beside the state of an M: one that learned nothing, the
run's own, one that learned on other windows' actions. The figures are mean returns on the 100 held-out tracks of Gymnasium.
"""

from dataclasses import replace

import envs
from genmodels.book_recipe import Recipe
from worldmodels.book_agents import arms, to_study
from worldmodels.config import Evolve
from worldmodels.presets import carracing
from worldmodels.replay_store import Replay
from worldmodels.sweep_and_ablation import Settings

EVOLVE = Evolve(population=32, repeats=2, judgements=8, where="real", at_once=32)  # half of a generation on each core
FRAMES = 2_000_000
PUBLISHED = {
    "V-alone": "632 (the paper)",
    "untrained-M": "870 (another study)",
    "M": "906 (the paper), 860 (the study with 870)",
}


def main() -> None:
    """The run, and the four arms."""
    recipe = Recipe(__doc__, row=45, system="CarRacing, what V and M are worth", minutes=40.0)
    run = to_study(recipe, "ch12_carracing", carracing, minutes=40.0, make_env=envs.make)
    with Replay.open(run / "replay") as replay:
        collected = replay.frames_total * run.experiment.world.repeat
    few = Settings(frames=0.1, evolve=replace(EVOLVE, population=4, repeats=1, judgements=1))
    arms(recipe, run, envs.make, few if recipe.fast else Settings(frames=FRAMES / collected, evolve=EVOLVE), PUBLISHED)
    recipe.finish()


if __name__ == "__main__":
    main()
