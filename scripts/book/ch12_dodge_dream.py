"""Chapter 12: controllers that learn in dreams of several temperatures, and what they are worth when they wake.

The game is Dodge. V and M are learned from a blind policy's episodes, and C in the dream that M makes (PPO). The figures are
mean returns in that dream and over held-out episodes of the real game, where 200 is a whole one; the dreams that are judged
begin where games begin. The agent at temperature 1 is held against the best policy that sees nothing.
"""

import envs
from genmodels.book_recipe import Recipe, at_least
from worldmodels.book_agents import begin, dream_and_wake
from worldmodels.presets import dodge


def main() -> None:
    """The chain, the sweep, and their scores."""
    recipe = Recipe(__doc__, row=46, system="in-dream training, Dodge", minutes=10.0)
    dream_and_wake(recipe, begin(recipe, dodge, minutes=10.0), envs.make, at_least(5))
    recipe.finish()


if __name__ == "__main__":
    main()
