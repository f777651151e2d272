"""Chapter 12: TakeCover, hiding learned in dreams of several temperatures, and what it is worth in the game.

V and M are those of the run that `ch12_takecover` left for this seed, or of a new one. At each temperature a controller learns
from scratch in the dream; its figures are mean returns there, in dreams that begin where games began, and in the 100 held-out
games. 2,100 is a whole game in both.
"""

import envs
from genmodels.book_recipe import Recipe
from worldmodels.book_agents import temperatures, to_study
from worldmodels.presets import takecover

PAPER = {0.1: (2086, 193), 0.5: (2060, 196), 1.0: (1145, 868), 1.15: (918, 1092), 1.3: (732, 753)}  # dream, real


def main() -> None:
    """The run, and the sweep."""
    recipe = Recipe(__doc__, row=46, system="TakeCover, by temperature", minutes=140.0)
    run = to_study(recipe, "ch12_takecover", takecover, minutes=140.0, make_env=envs.make)
    temperatures(recipe, run, envs.make, iterations=400, published=PAPER)
    recipe.finish()


if __name__ == "__main__":
    main()
