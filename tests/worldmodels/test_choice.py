"""The best of the last rounds' agents becomes the run's: all play the same episodes, and the worse half leaves."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from numpy.typing import NDArray

from genmodels import storage
from genmodels.model import Model
from worldmodels import choice
from worldmodels.config import Choice, Collect, Evaluation, Experiment, Gradient, MDNRNNConfig, VAEConfig, World
from worldmodels.controller import Controller
from worldmodels.latents import Latents, checksum
from worldmodels.pipeline import alone, learn_and_evaluate, learning
from worldmodels.replay_store import Replay
from worldmodels.run import Run, Stage

LENGTH = 3


class Push(gymnasium.Env[NDArray[np.uint8], NDArray[np.float32]]):
    """An episode pays what was done, and the luck that its seed has."""

    observation_space = gymnasium.spaces.Box(0, 255, (64, 64, 3), np.uint8)
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        super().reset(seed=seed)
        self.t, self.luck = 0, float(self.np_random.normal())
        return self._frame(), {}

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        self.t += 1
        return self._frame(), float(action[0]) + self.luck, self.t == LENGTH, False, {}

    def _frame(self) -> NDArray[np.uint8]:
        return np.full((64, 64, 3), 60 * self.t, np.uint8)


def make_env(name: str, slots: int, seed: int, **options: Any) -> VectorEnv:
    env = SyncVectorEnv([Push] * slots, autoreset_mode=AutoresetMode.SAME_STEP)
    env.reset(seed=seed)
    return env


FIVE = Experiment(
    world=World("push", slots=2),
    collect=Collect(episodes=4, agent_episodes=2, policy="uniform"),
    vision=VAEConfig(latent=4, width=4, sd=0.1, steps=2, later_steps=1, batch=4),
    memory=MDNRNNConfig(hidden=8, window=4, steps=2, later_steps=1, batch=4),
    learner=Gradient(iterations=1, dreams=8, length=2),
    choice=Choice(rounds=5, episodes=4),
    evaluation=Evaluation(episodes=4, baselines="none"),
    rounds=6,
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Six rounds, the last five of which are chosen among."""
    run = Run.create(FIVE, "five", tmp_path_factory.mktemp("choice"), quiet=True)
    learn_and_evaluate(run, make_env)
    return run


@pytest.fixture
def copied(whole: Run, tmp_path: Path) -> Run:
    shutil.copytree(whole.folder, tmp_path / "run")
    return Run.open(tmp_path / "run", quiet=True)


def pushes(run: Run, **always: float) -> None:
    """Each round's contender does the same always."""
    for turn, act in always.items():
        path = run / "contenders" / f"round-{turn[1:]}" / "controller"
        controller = Controller.load(path)
        with torch.no_grad():
            for weight in controller.parameters():
                weight.zero_()
            controller.weights[-1].fill_(act)
        controller.save(path)


def last_layers(run: Run) -> float:
    return Controller.load(run / "controller").weights[-1].item()


def test_the_last_rounds_agents_are_kept_and_one_of_them_is_taken(whole: Run) -> None:
    assert sorted(path.name for path in (whole / "contenders").iterdir()) == [f"round-{turn}" for turn in range(2, 7)]
    assert [(line["stage"], line["round"]) for line in whole.done[-3:]] == [("controller", 6), ("choice", 6), ("evaluate", 6)]
    taken = whole / "contenders" / f"round-{whole.done[-2]['chosen']}"
    for part in choice.PARTS:
        assert storage.read_folder(whole / part).files == storage.read_folder(taken / part).files


def test_the_best_wins_and_the_worse_half_leaves(copied: Run) -> None:
    pushes(copied, r2=0.1, r3=-0.2, r4=0.5, r5=0.3, r6=0.0)
    figures = choice.choose(copied, make_env, 6)
    assert figures["chosen"] == 4
    assert last_layers(copied) == pytest.approx(0.5)
    assert figures["frames"] == LENGTH * (5 * 4 + 2 * 4), "five play four episodes, two of them four more"
    told = [line.split("in ", 1)[1] for line in (copied / "log.txt").read_text().splitlines() if " episodes: " in line][-2:]
    assert [line.count("round") for line in told] == [5, 2]
    means = [float(part.split()[-1]) for part in told[0].split(": ")[1].split(",")]
    wanted = [LENGTH * np.tanh(act) for act in (0.1, -0.2, 0.5, 0.3, 0.0)]
    np.testing.assert_allclose(np.diff(means), np.diff(wanted), atol=0.11)  # the luck, which is as large, is the same for all


def test_it_comes_to_the_same_when_it_was_cut_short_and_entered_again(copied: Run) -> None:
    first = choice.choose(copied, make_env, 6)
    assert choice.choose(copied, make_env, 6) == first
    assert first == {name: copied.done[-2][name] for name in first}


def test_dreams_begin_with_what_the_chosen_v_saw(copied: Run) -> None:
    with Replay.open(copied / "replay") as replay:
        frame = torch.from_numpy(replay.obs(0)[:1]).permute(0, 3, 1, 2).float() / 255
    checksums = set()
    for turn, always in ((2, {"r2": 0.9, "r6": 0.0}), (6, {"r2": 0.0, "r6": 0.9})):
        pushes(copied, r3=0.0, r4=0.0, r5=0.0, **always)
        assert choice.choose(copied, make_env, 6)["chosen"] == turn
        vision = Model.load(copied / "vision")
        checksums.add(checksum(vision))
        with torch.no_grad():
            seen = vision.encode(frame).mean[0]
        kept = torch.from_numpy(np.array(Latents.open(copied / "latents").episode(0).mean[0]))
        torch.testing.assert_close(kept, seen, atol=0.02, rtol=0.02)
    assert len(checksums) == 2


@pytest.mark.parametrize(("rounds", "chosen_among", "is_due"), [(6, 0, False), (6, 1, False), (1, 5, False), (2, 5, True)])
def test_nothing_is_chosen_where_there_is_one(tmp_path: Path, rounds: int, chosen_among: int, is_due: bool) -> None:
    run = Run.create(replace(FIVE, rounds=rounds, choice=Choice(chosen_among)), "one", tmp_path, quiet=True)
    assert choice.due(run) == is_due
    assert any(stage is Stage.CHOICE for _, stage, _ in learning(run)) == is_due
    if not is_due:
        choice.keep(run, rounds)
        assert not (run / "contenders").exists()


def test_the_choice_is_due_after_the_last_controller_and_not_before(copied: Run, tmp_path: Path) -> None:
    lines = [line for line in copied.done if line["stage"] not in ("choice", "evaluate")]
    (copied / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    run = Run.open(copied.folder, quiet=True)
    with pytest.raises(FileNotFoundError, match=r"what comes next is choice: python scripts/train_controller.py"):
        alone(run, make_env, Stage.ROLLOUT)
    alone(run, make_env, Stage.CONTROLLER, Stage.CHOICE)
    assert run.done[-1]["stage"] == "choice"
    began = Run.create(FIVE, "began", tmp_path / "began", quiet=True)
    alone(began, make_env, Stage.ROLLOUT)
    with pytest.raises(FileNotFoundError, match="what comes next is vision"):
        alone(began, make_env, Stage.CONTROLLER, Stage.CHOICE)
