"""A recipe about agents: one run to a folder, and dreams held against the world."""

from dataclasses import replace
from pathlib import Path

import pytest

import envs
from genmodels.book_recipe import Recipe, at_least, at_most
from worldmodels.book_agents import Headline, begin, dream_and_wake, headline, left_by, temperatures, to_study
from worldmodels.config import Choice, Experiment
from worldmodels.pipeline import learn_and_evaluate
from worldmodels.presets import dodge, dodge_tiny
from worldmodels.run import Run


def recipe(folder: Path, *options: str) -> Recipe:
    return Recipe("Toy.", row=99, system="toy", minutes=10.0, arguments=["--folder", str(folder), *options])


def test_the_run_is_begun_once_and_minutes_are_iterations(tmp_path: Path) -> None:
    first = begin(recipe(tmp_path, "--seed", "3", "--minutes", "5"), dodge, minutes=10.0)
    assert first.experiment.seed == 3
    assert first.experiment.learner.iterations == dodge().learner.iterations // 2
    assert first.experiment.vision == dodge().vision
    again = begin(recipe(tmp_path), dodge, minutes=10.0)
    assert (again.folder, again.experiment) == (first.folder, first.experiment)


def in_two_rounds() -> Experiment:
    return replace(dodge_tiny(), rounds=2)


def chosen_of_two() -> Experiment:
    return replace(in_two_rounds(), choice=Choice(rounds=2))


def test_dreams_and_the_world_are_told_beside_each_other(tmp_path: Path) -> None:
    hurried = recipe(tmp_path, "--fast")
    run = begin(hurried, in_two_rounds, minutes=10.0)
    run.quiet = True
    dream_and_wake(hurried, run, envs.make, at_least(5))
    told = {figure["name"]: figure["value"] for figure in hurried.figures}
    evaluated = next(line for line in run.done if line["stage"] == "evaluate")
    assert told["agent: return"] == evaluated["agent"]
    assert told["agent above it, standard errors"] == evaluated["standard_errors"]
    assert {line["round"] for line in run.done if line["stage"] == "controller"} == {1, 2}
    assert told["temperature 1, real: return"] > 0.0
    assert (tmp_path / "sweep.png").exists()


def test_a_study_borrows_what_another_recipe_left_and_adds_nothing_to_it(tmp_path: Path) -> None:
    whole = recipe(tmp_path / "one" / "seed-0", "--fast")
    left = begin(whole, dodge_tiny, minutes=10.0)
    study = recipe(tmp_path / "other" / "seed-0", "--fast")
    assert left_by(study, "one") is None, "it is not at its end"
    with left.lock():
        learn_and_evaluate(left, envs.make)
    before = left.done
    run = to_study(study, "one", dodge_tiny, minutes=10.0, make_env=envs.make)
    run.quiet = True
    temperatures(study, run, envs.make, published={1.0: (2.0, 3.0)})
    assert run.done[: len(before)] == before
    assert [line["stage"] for line in run.done[len(before) :]] == ["sweep"]
    assert Run.open(left.folder).done == before
    assert (run / "studies").exists()
    assert not (left / "studies").exists()
    assert [figure["published"] for figure in study.figures] == ["2 (the paper)", "", "3 (the paper)", ""]
    again = to_study(study, "one", dodge_tiny, minutes=10.0, make_env=envs.make)
    assert again.done == run.done


def test_a_whole_run_is_told_with_what_it_cost(tmp_path: Path) -> None:
    hurried = recipe(tmp_path, "--fast")
    run = begin(hurried, chosen_of_two, minutes=10.0)
    run.quiet = True
    asked = Headline((at_least(70), at_least(90)), (at_most(1e-6), at_most(1e-9)), "none", (at_most(1e6), at_most(1e5)))
    headline(hurried, run, envs.make, asked)
    told = {figure["name"]: figure["value"] for figure in hurried.figures}
    rollouts = [line for line in run.done if line["stage"] == "rollout"]
    (choice,) = [line for line in run.done if line["stage"] == "choice"]
    assert told["real frames, thousands"] == (rollouts[-1]["frames"] + choice["frames"]) * 4 / 1000
    assert told["the round whose agent was taken"] == choice["chosen"]
    assert told["its lowest episode"] <= told["its median over episodes"]
    apart = sum(line["seconds"] for line in run.done) - run.done[-1]["seconds"]
    assert told["minutes from nothing, evaluation apart"] * 60 == pytest.approx(apart)
    assert {figure["name"]: figure["bar"]["high"] for figure in hurried.figures if figure["bar"]}[
        "minutes from nothing, evaluation apart"
    ] == 1e-6
    assert (tmp_path / "curve.png").exists()
