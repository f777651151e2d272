"""The world in a mirror: what is twice there, and what V, M and the stages make of it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import envs
from genmodels.distributions import DiagonalGaussian
from worldmodels import stages
from worldmodels.config import Collect, Evaluation, Experiment, Gradient, MDNRNNConfig, VAEConfig, World
from worldmodels.latents import Latents
from worldmodels.mirror import Mirrored, now_and_then
from worldmodels.pipeline import pipeline
from worldmodels.replay_store import Replay
from worldmodels.run import Run
from worldmodels.types import Episode
from worldmodels.window_batches import WindowBatches

SIDE = 8


class Sides(nn.Module):
    """z is what there is on the left, and on the right."""

    latent_size = 2

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def encode(self, x: Tensor) -> DiagonalGaussian:
        mean = self.weight * torch.stack([half.mean((1, 2, 3)) for half in x.chunk(2, -1)], 1)
        return DiagonalGaussian(mean, mean - 1.0)


def played(folder: Path, count: int) -> Replay:
    """A replay of short episodes, of which every other one ends."""
    with Replay.create(folder, obs_shape=(SIDE, SIDE, 3), action_size=2) as replay:
        for seed in range(len(replay), count):
            random, length = np.random.default_rng(seed), 3 + seed
            frames = random.integers(0, 256, (length + 1, SIDE, SIDE, 3), np.uint8)
            act, rew = random.random((length, 2), np.float32), random.random(length, np.float32)
            replay.append(Episode(frames, act, rew, end=seed % 2 == 0, trunc=seed % 2 == 1))
    return Replay.open(folder)


def test_each_episode_is_followed_by_its_mirror_image(tmp_path: Path) -> None:
    replay = played(tmp_path, 3)
    mirrored = Mirrored(replay, (-1.0, 1.0))
    assert [entry.index for entry in mirrored.episodes] == list(range(6))
    assert len({entry.seal for entry in mirrored.episodes}) == 6
    for index in range(3):
        assert np.array_equal(mirrored.obs(2 * index), replay.obs(index))
        assert np.array_equal(mirrored.obs(2 * index + 1), replay.obs(index)[:, :, ::-1])
        assert np.array_equal(mirrored.act(2 * index + 1), replay.act(index) * np.array([-1, 1], np.float32))
        assert np.array_equal(mirrored.rew(2 * index + 1), replay.rew(index))


def test_latents_hold_both_and_more_are_added_as_more_are_played(tmp_path: Path) -> None:
    Latents.encode(Mirrored(played(tmp_path / "replay", 2), (-1.0, 1.0)), Sides(), tmp_path / "latents", quiet=True)
    more = Mirrored(played(tmp_path / "replay", 4), (-1.0, 1.0))
    latents = Latents.encode(more, Sides(), tmp_path / "latents", quiet=True)
    latents.verify()
    assert latents.lengths.tolist() == [3, 3, 4, 4, 5, 5, 6, 6]
    assert latents.ends.tolist() == [True, True, False, False] * 2
    for index in range(0, 8, 2):
        seen, other = latents.episode(index), latents.episode(index + 1)
        assert np.allclose(other.mean, seen.mean[:, ::-1])
        assert np.array_equal(other.act, seen.act * np.array([-1, 1], np.float32))
        assert np.array_equal(other.rew, seen.rew)


def test_images_of_odd_steps_are_seen_in_a_mirror() -> None:
    batches = now_and_then(lambda step: torch.arange(4.0).view(1, 1, 1, 4) + step)
    assert batches(2).flatten().tolist() == [2, 3, 4, 5]
    assert batches(3).flatten().tolist() == [6, 5, 4, 3]


@pytest.mark.parametrize("signs", [(-1.0,), (-1.0, 0.5), (-1.0, 1.0, 1.0)])
def test_signs_that_do_not_fit_are_refused(tmp_path: Path, signs: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match=r"collect.mirror: 1 or -1 for each of the 2 numbers of an action, not \("):
        Mirrored(played(tmp_path, 1), signs)


def test_a_run_in_two_rounds_learns_from_both_worlds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    about = Experiment(
        world=World("dodge", {"repeat": 4}, slots=4),
        collect=Collect(episodes=6, agent_episodes=4, mirror=(-1.0,)),
        vision=VAEConfig(latent=4, width=4, sd=0.1, steps=2, later_steps=2, batch=8),
        memory=MDNRNNConfig(hidden=8, reward=False, window=8, steps=2, later_steps=2, batch=8),
        learner=Gradient(iterations=1, dreams=8, length=4),
        evaluation=Evaluation(episodes=2, baselines="none"),
        rounds=2,
    )
    run = Run.create(about, "mirror", tmp_path, quiet=True)
    pipeline(run, envs.make)
    with Replay.open(run / "replay") as replay:
        assert len(replay) == 10
        assert Latents.open(run / "latents").frames == 2 * replay.frames_total
    asked: list[int] = []

    def batches(*arguments: Any, recent_episodes: int, **options: Any) -> WindowBatches:
        asked.append(recent_episodes)
        return WindowBatches(*arguments, recent_episodes=recent_episodes, **options)

    monkeypatch.setattr(stages, "WindowBatches", batches)
    stages.train_memory(Run(run.folder, replace(about, rounds=3), quiet=True), envs.make, 2)
    assert asked == [8]
