"""Chapter 12: driving learned in dreams of several temperatures, and what it is worth on the road.

CarRacing in its small preset: three rounds of collecting, seeing, remembering and dreaming. The figures are mean returns in the
dream and over 20 held-out tracks of EnvPool's simulator; 1,000 frames are the most an episode has, in the dream 250 decisions.
"""

import envs
from genmodels.book_recipe import Recipe, at_least
from worldmodels.book_agents import begin, dream_and_wake
from worldmodels.presets import carracing_tiny


def main() -> None:
    """The chain, the sweep, and their scores."""
    recipe = Recipe(__doc__, row=46, system="in-dream training, CarRacing", minutes=20.0)
    dream_and_wake(recipe, begin(recipe, carracing_tiny, minutes=20.0), envs.make, at_least(3))
    recipe.finish()


if __name__ == "__main__":
    main()
