"""Chapter 12: controllers that learn in dreams of several temperatures, and what they are worth when they wake.

The game is Dodge. V and M are learned from a blind policy's episodes, and C in the dream that M makes (PPO). The figures are
mean returns in that dream and over held-out episodes of the real game, where 200 is a whole one; the dreams that are judged
begin where games begin. The agent at temperature 1 is held against the best policy that sees nothing.
"""

from dataclasses import replace

import envs
from genmodels.recipe import Recipe, at_least
from genmodels.viz import intervals
from worldmodels import stages, studies
from worldmodels.config import Experiment
from worldmodels.pipeline import CHAIN, alone, enter
from worldmodels.presets import dodge, dodge_tiny
from worldmodels.run import Run, Stage


def experiment(recipe: Recipe) -> Experiment:
    """Dodge with the recipe's seed, C learning longer in more minutes; with `--fast`, hardly anything of it."""
    if not recipe.fast:
        whole = replace(dodge(), seed=recipe.seed, device=recipe.device or "cpu")
        return replace(whole, learner=replace(whole.learner, iterations=max(1, round(10 * recipe.minutes))))
    tiny = dodge_tiny()
    return replace(
        tiny,
        world=replace(tiny.world, slots=8),
        collect=replace(tiny.collect, episodes=8),
        vision=replace(tiny.vision, steps=2, batch=8),
        memory=replace(tiny.memory, steps=2, batch=8),
        learner=replace(tiny.learner, iterations=1),
        evaluation=replace(tiny.evaluation, episodes=4),
        seed=recipe.seed,
    )


def begin(recipe: Recipe) -> Run:
    """The run in the recipe's folder: the one that is there, or a new one."""
    there = [path.parent for path in sorted(recipe.folder.glob("*/config.json"))]
    return Run.open(there[0]) if there else Run.create(experiment(recipe), "dodge", recipe.folder)


def report(recipe: Recipe, run: Run) -> None:
    """The agent against blindness, then the sweep."""
    agent = next(line for line in run.done if line["stage"] == "evaluate")
    recipe.figure("agent: return", agent["agent"])
    recipe.figure("best blind policy: return", agent["best_baseline"])
    recipe.figure("agent above it, standard errors", agent["standard_errors"], at_least(5))
    lines: dict[str, list[tuple[float, float, float]]] = {"dream": [], "real": []}
    for part in (line for line in run.done if line["stage"] == "sweep"):
        for name, points in lines.items():
            recipe.figure(f"temperature {part['temperature']:g}, {name}: return", part[name])
            recipe.figure(f"temperature {part['temperature']:g}, {name}: half of 95 %", 1.96 * part[f"{name}_error"])
            points.append((part["temperature"], part[name], part[f"{name}_error"]))
    recipe.picture("sweep", intervals(lines, "temperature", "return"))
    recipe.finish()


def main() -> None:
    """The chain, the sweep, and their scores."""
    recipe = Recipe(__doc__, row=46, system="in-dream training", minutes=10.0)
    run = begin(recipe)
    alone(run, envs.make, *CHAIN)
    with run.lock():
        enter(run, envs.make, Stage.EVALUATE, 1, stages.evaluate)
        studies.sweep(run, envs.make, studies.Settings())
    report(recipe, run)


if __name__ == "__main__":
    main()
