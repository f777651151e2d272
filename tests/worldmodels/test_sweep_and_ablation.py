"""The studies of `run.py --full`: what their parts are, what they cost, and that they go on where they were cut off."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from shutil import copytree
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium.vector import VectorEnv

import envs
from genmodels import checkpoints
from genmodels.dynamics import Window
from genmodels.model import Model
from genmodels.viz import intervals
from worldmodels import evaluate, learner_loop, stages, sweep_and_ablation
from worldmodels.controller import Controller
from worldmodels.evolution import Evolution, Worth
from worldmodels.latents import Latents
from worldmodels.rationed_evolution import SHARES, Rationed
from worldmodels.replay_store import Replay
from worldmodels.run import Run, Stage

FEW = sweep_and_ablation.Settings(
    temperatures=(0.1, 1.3), frames=3.0, evolve=replace(sweep_and_ablation.EVOLVE, population=4, repeats=2, judge_every=2)
)
ARMS = ["V-alone", "untrained-M", "M", "shuffled-M"]


@pytest.fixture(scope="module")
def studied(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A run with both studies."""
    folder = tmp_path_factory.mktemp("studied") / "run"
    copytree(trained, folder)
    run = Run.open(folder, quiet=True)
    sweep_and_ablation.full(run, envs.make, FEW)
    return run


def parts(run: Run, stage: str) -> dict[str, dict[str, Any]]:
    return {line["part"]: line for line in run.done if line["stage"] == stage and "part" in line}


def windows(step: int) -> Window:
    """Eight windows that differ in everything; the actions of window b are all b."""
    random = torch.Generator().manual_seed(step)
    act = torch.arange(8.0)[:, None, None].expand(8, 5, 1).clone()
    mean, log_sd = torch.randn(8, 6, 3, generator=random), torch.randn(8, 6, 3, generator=random)
    rew, end = torch.randn(8, 5, generator=random), torch.zeros(8, 5)
    return Window(mean, log_sd, act, rew, end, torch.ones(8, 5))


def test_each_part_is_in_the_metrics_with_its_score(studied: Run) -> None:
    sweep, arms = parts(studied, "sweep"), parts(studied, "ablation")
    assert [line["temperature"] for line in sweep.values()] == [0.1, 1.3]
    assert list(arms) == ARMS
    for name, line in {**sweep, **arms}.items():
        found = evaluate.read(studied / "studies" / name / "evaluation.jsonl")
        assert line["real"] == pytest.approx(found["agent"].mean)
        assert line["dream_error"] == pytest.approx(found["dream"].error)
    assert Run.open(studied.folder).done == studied.done


def test_a_variant_is_a_run_that_differs_in_what_is_studied(studied: Run) -> None:
    hot = Run.open(studied / "studies" / "tau-1.3").experiment
    whole = studied.experiment
    assert hot == replace(whole, dream=replace(whole.dream, temperature=1.3))
    alone, full = (Run.open(studied / "studies" / name).experiment for name in ("V-alone", "M"))
    assert (alone.controller.sees, full.controller.sees) == ("z", "zh")
    assert replace(alone, controller=full.controller) == full
    agent = stages.load(Run.open(studied / "studies" / "V-alone"))
    assert agent.controller.sizes == (whole.vision.latent, 1)


def test_arms_cost_the_same_but_for_less_than_a_generation(studied: Run) -> None:
    budget = 3 * Latents.open(studied / "latents").frames
    slots = FEW.evolve.population * FEW.evolve.repeats + 3 * FEW.evolve.repeats  # with those that are judged
    for line in parts(studied, "ablation").values():
        assert budget <= line["frames"] < budget + slots * 50
        assert line["generations"] >= 1


def test_each_arm_has_the_memory_it_is_named_for(studied: Run) -> None:
    def weights(name: str) -> torch.Tensor:
        return torch.cat([p.flatten() for p in Model.load(studied / "studies" / name / "memory").parameters()]).detach()

    assert torch.equal(weights("M"), weights("V-alone"))
    assert torch.equal(weights("M"), torch.cat([p.flatten() for p in Model.load(studied / "memory").parameters()]).detach())
    fresh = studied.seeded(Stage.MEMORY, lambda: studied.experiment.memory.build(6, 1))
    assert torch.equal(weights("untrained-M"), torch.cat([p.flatten() for p in fresh.parameters()]).detach())
    assert not torch.equal(weights("shuffled-M"), weights("M"))
    assert not torch.equal(weights("shuffled-M"), weights("untrained-M"))


def test_both_studies_stand_on_the_page(studied: Run) -> None:
    html = (studied / "report.html").read_text()
    for title in ("Temperature", "What M is worth"):
        assert f"<h2>{title}</h2>" in html
    for name, line in parts(studied, "ablation").items():
        row = html[html.index(f'<th scope="row">{name.replace("-", " ")}</th>') :].partition("</tr>")[0]
        assert f">{line['real']:.1f}<" in row
        assert f">{line['frames']:,}<" in row


def test_what_is_done_is_not_done_again(studied: Run) -> None:
    before = (studied / "metrics.jsonl").read_bytes()
    sweep_and_ablation.full(Run.open(studied.folder, quiet=True), envs.make, FEW)
    assert (studied / "metrics.jsonl").read_bytes() == before


def test_a_study_that_is_cut_off_goes_on_and_ends_the_same(
    studied: Run, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cut off three times, wherever the fourth, eighth and fifteenth environment is made: in generations and between arms."""
    monkeypatch.setattr(learner_loop, "SAVE_SECONDS", 0.0)  # each iteration leaves a checkpoint to go on from
    copytree(trained, tmp_path / "run")
    run = Run.open(tmp_path / "run", quiet=True)
    worlds = 0

    def breaks(at: int) -> Callable[..., VectorEnv]:
        def make(*about: Any, **options: Any) -> VectorEnv:
            nonlocal worlds
            worlds += 1
            if worlds == at:
                raise KeyboardInterrupt
            return envs.make(*about, **options)

        return make

    for at in (4, 8, 15):
        worlds = 0
        with pytest.raises(KeyboardInterrupt):
            sweep_and_ablation.ablation(Run.open(run.folder, quiet=True), breaks(at), FEW)
    again = Run.open(run.folder, quiet=True)
    sweep_and_ablation.ablation(again, envs.make, FEW)
    untimed = [
        {name: {key: value for key, value in line.items() if key != "seconds"} for name, line in parts(one, "ablation").items()}
        for one in (again, studied)
    ]
    assert untimed[0] == untimed[1]
    for name in ARMS:
        one, other = (run / "studies" / name / "controller" / "model.safetensors" for run in (again, studied))
        assert one.read_bytes() == other.read_bytes()


def test_a_study_that_was_begun_otherwise_is_refused(studied: Run) -> None:
    other = replace(studied.experiment, dream=replace(studied.experiment.dream, temperature=9.0))
    with pytest.raises(FileExistsError, match="remove this folder"):
        sweep_and_ablation.variant(studied, "tau-0.1", other, [])


def test_shuffled_windows_have_anothers_actions_and_nothing_else_is_changed() -> None:
    shuffled = sweep_and_ablation.Shuffled(windows, 3)
    first = shuffled(0)
    owner = first.act[:, 0, 0].long()
    assert sorted(owner.tolist()) == list(range(8))
    assert not (owner == torch.arange(8)).any()
    assert torch.equal(first.act, windows(0).act[owner])
    for name in ("mean", "log_sd", "rew", "end", "mask"):
        assert torch.equal(getattr(first, name), getattr(windows(0), name))
    assert torch.equal(shuffled(0).act, first.act)
    assert any(not torch.equal(shuffled(step).act, first.act) for step in range(1, 4))


def rationed(frames: int, cost: int = 10) -> Rationed:
    """A generation of a toy costs so many frames, a judgement as many."""
    torch.manual_seed(0)

    def fitness(candidates: torch.Tensor, seed: int) -> Worth:
        return Worth(-candidates.square().sum(1).double().numpy(), cost)

    return Rationed(Evolution(Controller(2, 1), fitness, population=6, judge_every=3, seed=5), frames)


def test_evolution_lasts_as_long_as_its_ration() -> None:
    """500 frames: 25 an iteration, 10 a generation, and 10 more for the judgement after each third."""
    learner = rationed(500)
    seen = [learner.iterate(iteration) for iteration in range(SHARES)]
    assert [line["frames"] for line in seen[:4]] == [40, 50, 80, 100]
    assert seen[-1]["frames"] == 500
    assert seen[-1]["generation"] == learner.generation == 38


def test_a_generation_may_take_several_shares() -> None:
    learner = rationed(100, cost=40)
    assert [learner.iterate(iteration)["generation"] for iteration in range(SHARES)] == [1] * 8 + [2] * 8 + [3] * 4


def test_a_ration_is_gone_on_with(tmp_path: Path) -> None:
    whole, begun, resumed = rationed(500), rationed(500), rationed(500)
    for iteration in range(9):
        begun.iterate(iteration)
    checkpoints.save(tmp_path, 9, begun.state())
    sealed = checkpoints.load(tmp_path)
    assert sealed is not None
    resumed.load(sealed)
    left = [whole.iterate(iteration) for iteration in range(SHARES)][9:]
    assert left == [resumed.iterate(iteration) for iteration in range(9, SHARES)]
    whole.finish()
    resumed.finish()
    assert np.array_equal(whole.evolution.controller.vector(), resumed.evolution.controller.vector())


def test_dreams_that_are_judged_begin_where_episodes_began(trained: Path) -> None:
    latents = Latents.open(trained / "latents")
    starts = sweep_and_ablation.beginnings(latents)
    assert starts.state is None
    assert np.array_equal(starts.mean.numpy(), np.stack([latents.episode(index).mean[0] for index in range(len(latents))]))
    with Replay.open(trained / "replay") as replay:
        assert len(starts) == len(replay)


def test_figures_of_a_part_are_one_line(studied: Run) -> None:
    lines = [json.loads(line) for line in (studied / "metrics.jsonl").read_text().splitlines()]
    assert [line["stage"] for line in lines].count("ablation") == 4
    assert lines[-1]["stage"] == "report"
    assert lines[-1]["part"] == "full"


def test_intervals_are_drawn_in_any_order_of_their_points() -> None:
    points = [(0.1, 107.6, 5.4), (0.5, 101.7, 5.2), (1.3, 113.2, 5.9)]
    assert np.array_equal(intervals({"dream": points}), intervals({"dream": points[::-1]}))
    assert not np.array_equal(intervals({"dream": points}), intervals({"dream": [(x, y, 2 * error) for x, y, error in points]}))
    with pytest.raises(ValueError, match="a point on each"):
        intervals({"dream": points, "real": []})
