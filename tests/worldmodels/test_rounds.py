"""Rounds: the agent collects, V and M are refitted on all there is, and C goes on."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import envs
from genmodels import checkpoints
from worldmodels import playing, stages, teaching
from worldmodels.config import Collect, Evaluation, Experiment, Gradient, MDNRNNConfig, VAEConfig, World
from worldmodels.controller import Controller
from worldmodels.latents import Latents
from worldmodels.pipeline import conclusion, pipeline
from worldmodels.ppo import PPO
from worldmodels.replay_store import Replay
from worldmodels.run import Run, Stage
from worldmodels.window_batches import WindowBatches

TWO = Experiment(
    world=World("dodge", {"repeat": 4}, slots=4),
    collect=Collect(episodes=8, agent_episodes=4, recent=0.75),
    vision=VAEConfig(latent=4, width=4, sd=0.1, steps=3, later_steps=2, batch=8),
    memory=MDNRNNConfig(hidden=8, reward=False, window=8, steps=3, later_steps=2, batch=8),
    learner=Gradient(iterations=1, dreams=8, length=4),
    evaluation=Evaluation(episodes=4, baselines="none"),
    rounds=2,
)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Run:
    run = Run.create(TWO, "two", tmp_path_factory.mktemp("rounds"), quiet=True)
    pipeline(run, envs.make)
    return run


def test_every_stage_is_entered_in_every_round_and_judged_once(two: Run) -> None:
    entered = [(line["stage"], line["round"]) for line in two.done]
    chain = ["rollout", "vision", "encode", "memory", "controller"]
    assert entered == [(stage, turn) for turn in (1, 2) for stage in chain] + [("evaluate", 2), ("report", 2)]


def test_it_ends_with_what_came_of_it(two: Run) -> None:
    returned = next(line["agent"] for line in two.done if line["stage"] == "evaluate")
    assert conclusion(two) == f"the agent's return is {returned:.1f}; look at {two / 'report.html'}"
    assert (two / "log.txt").read_text().splitlines()[-1].endswith(conclusion(two))
    beside = Run(two.folder, TWO, done=[{"stage": "evaluate", "agent": 9.0, "best_baseline": 10.0, "standard_errors": -2.5}])
    assert "9.0, 2.5 standard errors below the best blind policy's 10.0" in conclusion(beside)


def test_the_agent_plays_later_rounds_and_training_goes_on_where_it_was(two: Run) -> None:
    with Replay.open(two / "replay") as replay:
        assert [episode.facts["round"] for episode in replay.episodes] == [1] * 8 + [2] * 4
    steps = {(line["stage"], line["round"]): line["steps"] for line in two.done if line["stage"] in ("vision", "memory")}
    assert steps == {("vision", 1): 3, ("vision", 2): 5, ("memory", 1): 3, ("memory", 2): 5}


def test_vision_is_frozen_after_its_rounds(tmp_path: Path) -> None:
    run = Run.create(replace(TWO, vision=replace(TWO.vision, rounds=2), rounds=4), "four", tmp_path, quiet=True)
    pipeline(run, envs.make)
    assert [line["steps"] for line in run.done if line["stage"] == "vision"] == [3, 5, 5, 5]
    with Replay.open(run / "replay") as replay:
        assert Latents.open(run / "latents").frames == replay.frames_total


def test_the_controller_of_a_round_begins_as_the_last_one_ended(two: Run) -> None:
    idle = replace(TWO, learner=Gradient(iterations=0), rounds=3)
    run = Run(two.folder, idle, quiet=True)
    before = Controller.load(two / "controller").state_dict()
    stages.train_controller(run, envs.make, 3)
    after = Controller.load(two / "controller").state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_what_learns_goes_on_with_its_own_weights_and_keeps_their_average(two: Run) -> None:
    """What the second round's learner ended with is what a third one's begins with; the controller kept is neither."""
    ended = checkpoints.load(two / "controller/round-2/checkpoints")
    assert ended is not None
    stages.train_controller(Run(two.folder, replace(TWO, learner=Gradient(iterations=0), rounds=3), quiet=True), envs.make, 3)
    begun = checkpoints.load(two / "controller/round-3/checkpoints")
    assert begun is not None
    before, after = (sealed.tensors("ppo.safetensors") for sealed in (ended, begun))
    assert before.keys() == after.keys()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert begun.json("ppo.json") == ended.json("ppo.json")
    for name, kept in Controller.load(two / "controller").state_dict().items():
        assert torch.equal(kept, before[f"actor:ema:actor.{name}"])
        assert not torch.equal(kept, before[f"model:actor.{name}"])


@pytest.mark.parametrize(
    ("falls", "wanted"), [(0, [(0.9, 0.7), (0.7, 0.5), (0.5, 0.3)]), (2, [(0.9, 0.6), (0.6, 0.3), (0.3, 0.3)])]
)
def test_the_noise_of_actions_falls_over_the_rounds(
    two: Run, falls: int, wanted: list[tuple[float, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    noises: list[tuple[float, float]] = []

    class Noted(PPO):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            noises.append((options["sd"], options["sd_last"]))
            super().__init__(*arguments, **options)

    monkeypatch.setattr(teaching, "PPO", Noted)
    learner = Gradient(iterations=0, dreams=8, length=4, sd=0.9, sd_last=0.3, sd_rounds=falls)
    for turn in (1, 2, 3):
        stages.train_controller(Run(two.folder, replace(TWO, learner=learner, rounds=3), quiet=True), envs.make, turn)
    assert np.allclose(noises, wanted)


def test_batches_lean_on_the_last_round(two: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three quarters of V's and M's batches are from the four episodes that the agent played."""
    asked: dict[str, dict[str, float]] = {}

    def note(name: str, kind: type) -> None:
        def make(*arguments: object, **options: float) -> object:
            asked[name] = options
            return kind(*arguments, **options)

        monkeypatch.setattr(stages, name, make)

    note("FrameBatches", stages.FrameBatches)
    note("WindowBatches", WindowBatches)
    stages.train_vision(two, envs.make, 2)
    stages.train_memory(two, envs.make, 2)
    lean = {"recent": 0.75, "recent_episodes": 4}
    assert asked == {"FrameBatches": lean, "WindowBatches": {**lean, "patience": 0}}
    stages.train_memory(two, envs.make, 1)
    assert asked["WindowBatches"] == {"patience": 0}


def test_every_second_slot_explores_and_the_others_play_as_they_can(two: Run) -> None:
    seed = two.seed(Stage.ROLLOUT, 2, 0)
    env, agent = stages.world(two, envs.make, seed), stages.load(two)
    parts = playing.seal(agent.vision, agent.memory, agent.controller)
    cast = playing.Cast(two.experiment, envs.make, parts, agent.precision)
    policy = playing.explorer(cast, env, seed)
    obs, _ = env.reset(seed=seed)
    first = np.ones(4, bool)
    noisy, _ = policy.act(obs, policy.initial(4), first)
    plain, _ = agent.act(obs, agent.initial(4), first)
    env.close()
    same = [bool(np.array_equal(a, b)) for a, b in zip(noisy, plain, strict=True)]
    assert same.count(True) == 2
