"""Chapter 12: CarRacing in the paper's own form: a linear controller of 867 weights, by CMA-ES in the real environment.

V and M are learned once, from drives by policies that see nothing; then C evolves, 64 candidates a generation on two tracks of
EnvPool's simulator, the same for all. Every tenth generation the mean, its best and the elite play sixteen tracks that no
generation has had, and the best of these is the elite. At the end it drives 100 tracks of Gymnasium's CarRacing.
"""

import json

import envs
from genmodels.book_recipe import Recipe, at_least
from genmodels.viz import intervals
from worldmodels.book_agents import begin
from worldmodels.config import Evaluation
from worldmodels.pipeline import learn_and_evaluate
from worldmodels.presets import carracing_evolved
from worldmodels.run import Run

PUBLISHED = "906 after 1,800 generations of 64 x 16 drives, 823 after 25 (the paper)"


def report(recipe: Recipe, run: Run) -> None:
    """The score, its cost, and what generations were worth."""
    end = run.done[-1]
    recipe.figure("return in the real environment", end["agent"], at_least(700), at_least(906), PUBLISHED)
    recipe.figure("its standard deviation over episodes", end["sd"])
    recipe.figure("minutes from nothing, evaluation apart", run.minutes)
    recipe.figure("real frames, thousands", run.frames / 1000)
    recipe.figure("generations", run.experiment.learner.iterations)
    journal = [json.loads(line) for line in (run / "controller" / "round-1" / "metrics.jsonl").read_text().splitlines()]
    curves = {
        label: [(line["step"], line[name], 0.0) for line in journal if name in line]
        for name, label in (("mean", "mean of the candidates"), ("held_out", "the elite, on other tracks"))
    }
    recipe.picture("curve", intervals({label: curve for label, curve in curves.items() if curve}, "generation", "return"))
    recipe.finish()


def main() -> None:
    """V and M, evolution, and the score."""
    recipe = Recipe(__doc__, row=45, system="CarRacing by CMA-ES", minutes=100.0)
    run = begin(recipe, carracing_evolved, minutes=100.0, evaluation=Evaluation(baselines="none"))
    with run.lock():
        learn_and_evaluate(run, envs.make)
    report(recipe, run)


if __name__ == "__main__":
    main()
