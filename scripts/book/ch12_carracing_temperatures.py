"""Chapter 12: CarRacing, driving learned in dreams of several temperatures, and what it is worth on the road.

V and M are those of the run that `ch12_carracing` left for this seed, or of a new one. At each temperature a controller learns
from scratch in the dream; its figures are mean returns there, in dreams of 250 decisions that begin where drives began, and on
the 100 held-out tracks of Gymnasium. What is asked in the long dream differs from what C learns by, which is four decisions.
"""

import envs
from genmodels.book_recipe import Recipe
from worldmodels.book_agents import temperatures, to_study
from worldmodels.presets import carracing


def main() -> None:
    """The run, and the sweep."""
    recipe = Recipe(__doc__, row=46, system="CarRacing, by temperature", minutes=40.0)
    run = to_study(recipe, "ch12_carracing", carracing, minutes=40.0, make_env=envs.make)
    temperatures(recipe, run, envs.make, iterations=400)
    recipe.finish()


if __name__ == "__main__":
    main()
