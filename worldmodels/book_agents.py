"""What the recipes about agents share: a run in the recipe's folder, its studies, and dreams held against the world."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from statistics import median
from types import MappingProxyType
from typing import Any, NamedTuple

from genmodels import storage
from genmodels.book_recipe import Bar, Recipe
from genmodels.viz import intervals, spread
from worldmodels import evaluate
from worldmodels.config import Evaluation, Experiment, Option
from worldmodels.interfaces import MakeEnv
from worldmodels.pipeline import learn_and_evaluate
from worldmodels.run import Run
from worldmodels.sweep_and_ablation import Settings, ablation, sweep

NOTHING: Mapping[Any, Any] = MappingProxyType({})


def begin(recipe: Recipe, preset: Callable[[], Experiment], minutes: float, **changes: Any) -> Run:
    """The run in the recipe's folder: the one that is there, or a new one with the recipe's seed, and these changes.

    C learns longer in more than so many minutes, and shorter in fewer; with `--fast` hardly anything is done.
    """
    there = [path.parent for path in sorted(recipe.folder.glob("*/config.json"))]
    if there:
        return Run.open(there[0])
    whole = replace(preset(), **changes)
    iterations = max(1, round(whole.learner.iterations * recipe.minutes / minutes))
    whole = replace(
        whole, seed=recipe.seed, device=recipe.device or "cpu", learner=replace(whole.learner, iterations=iterations)
    )
    return Run.create(_hardly(whole) if recipe.fast else whole, preset.__name__, recipe.folder)


def _hardly(whole: Experiment) -> Experiment:
    cut: dict[str, Option] = {"max_frames": 24} if whole.world.name == "carracing" else {}
    return replace(
        whole,
        world=replace(
            whole.world,
            slots=4,
            options={**whole.world.options, **cut},
            test_options={**whole.world.test_options, **cut},
        ),
        collect=replace(whole.collect, episodes=4, agent_episodes=4),
        vision=replace(whole.vision, steps=2, later_steps=1, batch=8),
        memory=replace(whole.memory, steps=2, later_steps=1, batch=8, hidden=16),
        choice=replace(whole.choice, episodes=2),
        evaluation=replace(whole.evaluation, episodes=4),
        rounds=min(whole.rounds, 2),
    )


def left_by(recipe: Recipe, name: str) -> Run | None:
    """The whole run that another recipe left for the same seed, if there is one."""
    for path in sorted((recipe.folder.parents[1] / name / recipe.folder.name).glob("*/config.json")):
        run = Run.open(path.parent)
        if any(line["stage"] == "evaluate" for line in run.done):
            return run
    return None


def borrow(recipe: Recipe, run: Run) -> None:
    """Put a run into the recipe's folder: links to what it made, so that what is added to it is not added there."""
    folder = recipe.folder / run.folder.name
    folder.mkdir(exist_ok=True)
    for part in sorted(run.folder.iterdir(), key=lambda part: part.name == "config.json"):  # last: with it, the folder is a run
        if part.is_dir() and not (folder / part.name).exists():
            (folder / part.name).symlink_to(part.resolve(), target_is_directory=True)
        elif part.is_file():
            storage.write_bytes(folder / part.name, part.read_bytes())


def to_study(recipe: Recipe, name: str, preset: Callable[[], Experiment], minutes: float, make_env: MakeEnv) -> Run:
    """A whole run in the recipe's folder: the one that is there, or the one that the named recipe left, or a new one."""
    left = left_by(recipe, name)
    if left is not None and not any(recipe.folder.glob("*/config.json")):
        borrow(recipe, left)
    run = begin(recipe, preset, minutes, evaluation=Evaluation(baselines="none"))
    with run.lock():
        learn_and_evaluate(run, make_env)
    return run


def dream_and_wake(recipe: Recipe, run: Run, make_env: MakeEnv, margin: Bar) -> None:
    """The chain, the agent's score against policies that see nothing, and the sweep of temperatures; told, and drawn."""
    with run.lock():
        learn_and_evaluate(run, make_env)
    agent = next(line for line in run.done if line["stage"] == "evaluate")
    recipe.figure("agent: return", agent["agent"])
    recipe.figure("best blind policy: return", agent["best_baseline"])
    recipe.figure("agent above it, standard errors", agent["standard_errors"], margin)
    temperatures(recipe, run, make_env)


def temperatures(
    recipe: Recipe, run: Run, make_env: MakeEnv, iterations: int = 0, published: Mapping[float, tuple[float, float]] = NOTHING
) -> None:
    """The sweep: what a C of each temperature has in the dream and in the real environment, beside what the paper's had."""
    few = Settings(temperatures=(1.0,), iterations=1)
    with run.lock():
        sweep(run, make_env, few if recipe.fast else Settings(iterations=iterations))
    lines: dict[str, list[tuple[float, float, float]]] = {"dream": [], "real": []}
    for part in (line for line in run.done if line["stage"] == "sweep"):
        known = dict(zip(lines, published.get(part["temperature"], ()), strict=False))
        for name, points in lines.items():
            beside = f"{known[name]:g} (the paper)" if name in known else ""
            recipe.figure(f"temperature {part['temperature']:g}, {name}: return", part[name], published=beside)
            recipe.figure(f"temperature {part['temperature']:g}, {name}: half of 95 %", 1.96 * part[f"{name}_error"])
            points.append((part["temperature"], part[name], part[f"{name}_error"]))
    recipe.picture("sweep", intervals(lines, "temperature", "return"))


def arms(recipe: Recipe, run: Run, make_env: MakeEnv, settings: Settings, published: Mapping[str, str] = NOTHING) -> None:
    """The ablation: each arm's score and its frames, and M against the arms that lack it."""
    with run.lock():
        ablation(run, make_env, settings)
    parts = {line["part"]: line for line in run.done if line["stage"] == "ablation"}
    found = {arm: evaluate.read(run / "studies" / arm / "evaluation.jsonl")["agent"] for arm in parts}
    for arm, line in parts.items():
        recipe.figure(f"{arm}: return", line["real"], published=published.get(arm, ""))
        recipe.figure(f"{arm}: half of the 95 % interval", 1.96 * line["real_error"])
        recipe.figure(f"{arm}: real frames, thousands", line["frames"] * run.experiment.world.repeat / 1000)
    for arm in [arm for arm in found if arm != "M"]:
        recipe.figure(f"M above {arm}, standard errors", evaluate.standard_errors_between(found["M"], found[arm]))
    recipe.picture("arms", spread({arm: score.returns for arm, score in found.items()}, "return"))


class Headline(NamedTuple):
    """What is asked of a whole run: each a pair of what must be reached and what is aimed at."""

    score: tuple[Bar, Bar]
    minutes: tuple[Bar, Bar]
    published: str
    thousand_frames: tuple[Bar | None, Bar | None] = (None, None)


def headline(recipe: Recipe, run: Run, make_env: MakeEnv, asked: Headline) -> None:
    """The chain from nothing: what the agent is worth, and what it cost in minutes and in frames of the real environment."""
    with run.lock():
        learn_and_evaluate(run, make_env)
    played = [json.loads(line) for line in (run / "evaluation.jsonl").read_text().splitlines()]
    returns = [each["return"] for each in played if each["policy"] == "agent"]
    end = run.done[-1]
    recipe.figure("return in the real environment", end["agent"], *asked.score, asked.published)
    recipe.figure("its standard deviation over episodes", end["sd"])
    recipe.figure("its median over episodes", median(returns))
    recipe.figure("its lowest episode", min(returns))
    reached = sum(asked.score[0].holds(one) for one in returns)
    recipe.figure(f"episodes with {asked.score[0]}, %", 100 * reached / len(returns))
    recipe.figure("return in the dream", end["dream"])
    recipe.figure("minutes from nothing, evaluation apart", run.minutes, *asked.minutes)
    collected = [line for line in run.done if line["stage"] == "rollout"]
    chosen = [line for line in run.done if line["stage"] == "choice"]
    repeat = run.experiment.world.repeat
    recipe.figure("real frames, thousands", run.frames / 1000, *asked.thousand_frames)
    for line in chosen:
        recipe.figure("of them to choose among the last rounds' agents", line["frames"] * repeat / 1000)
        recipe.figure("the round whose agent was taken", line["chosen"])
    curve = [(line["frames"] * repeat / 1000, line["return"], 0.0) for line in collected]
    recipe.picture("curve", intervals({"while collecting": curve}, "real frames, thousands", "return"))
