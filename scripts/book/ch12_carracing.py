"""Chapter 12: the paper's first task, by a controller that learns in dreams alone; the whole of `run.py carracing`.

Eighteen rounds of driving (EnvPool's simulator), seeing, remembering and dreaming; the agents of the last six play against one
another in that simulator, and the best is taken; then 100 tracks of Gymnasium's CarRacing that no stage has seen. The curve is
what was earned while collecting, half of it with noise on the actions, by cars that were taken away where they got nowhere.
"""

import envs
from genmodels.book_recipe import Recipe, at_least, at_most
from worldmodels.book_agents import Headline, begin, headline
from worldmodels.config import Evaluation
from worldmodels.presets import carracing

ASKED = Headline(
    score=(at_least(870), at_least(920)),
    minutes=(at_most(60), at_most(30)),
    thousand_frames=(at_most(800), at_most(400)),
    published="788.6 in the dream, on easier tracks; 906 (the paper) and 914 in the environment",
)


def main() -> None:
    """The chain, its score, and its cost."""
    recipe = Recipe(__doc__, row=46, system="CarRacing, whole", minutes=40.0)
    run = begin(recipe, carracing, minutes=40.0, evaluation=Evaluation(baselines="none"))
    headline(recipe, run, envs.make, ASKED)
    recipe.finish()


if __name__ == "__main__":
    main()
