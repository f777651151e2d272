"""Runs made small, and those that come with the package."""

import contextlib
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch

import envs
from genmodels import storage
from genmodels.model import Model
from worldmodels import after_training, packing, pretrained, stages, teaching
from worldmodels.config import Evolve
from worldmodels.evaluate import Score
from worldmodels.latents import Latents
from worldmodels.rollout import steps
from worldmodels.run import Run


@pytest.fixture(scope="module")
def small(trained: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("small") / "dodge"
    packing.pack(Run.open(trained, quiet=True), envs.make, folder, episodes=3, seed=7)
    return folder


def test_the_small_run_is_the_run_in_half_precision(trained: Path, small: Path) -> None:
    whole, run = Run.open(trained), Run.open(small)
    assert (run.experiment, run.done) == (whole.experiment, whole.done)
    for name in ("vision", "memory", "controller"):
        ours, theirs = Model.load(small / name).state_dict(), Model.load(trained / name).state_dict()
        for key, value in theirs.items():
            torch.testing.assert_close(ours[key], value.half().to(value.dtype), rtol=0, atol=0)
    ours, theirs = Latents.open(small / "latents"), Latents.open(trained / "latents")
    ours.verify()
    assert ours.lengths.tolist() == theirs.lengths.tolist()
    np.testing.assert_array_equal(ours.episode(3).mean, theirs.episode(3).mean.astype(np.float16))
    np.testing.assert_array_equal(ours.episode(3).act, theirs.episode(3).act)


def test_the_last_episodes_are_kept(trained: Path, tmp_path: Path) -> None:
    whole = Latents.open(trained / "latents")
    few = whole.excerpt([1, 4], tmp_path / "few", dtype="float32")
    assert few.lengths.tolist() == whole.lengths[[1, 4]].tolist()
    np.testing.assert_array_equal(few.episode(1).mean, whole.episode(4).mean)
    with pytest.raises(FileExistsError):
        whole.excerpt([0], tmp_path / "few")


def test_the_card_says_what_it_earned_and_how_to_see_it_again(trained: Path, small: Path) -> None:
    card = (small / "card.md").read_text()
    meta = storage.read_json(trained / "meta.json")
    found = after_training.held_out(Run.open(small, quiet=True), envs.make, 3, baselines="none", seed=7, name="again.jsonl")
    assert f"| score | {found}, over held-out" in card
    assert " ".join(f"{one:.1f}" for one in found.returns) in card
    assert f"`{meta['command']}`" in card
    assert f"evaluate.py {small} --episodes 3 --seed 7" in card
    assert "learned in the dream of its own world model, never in the real environment." in card


def test_the_card_of_what_evolved_on_the_road_says_so(trained: Path, tmp_path: Path) -> None:
    run = Run.open(trained, quiet=True)
    experiment = replace(run.experiment, learner=Evolve(where="real"))
    evolved = Run(trained, experiment, quiet=True, done=[{"frames": 0, **line} for line in run.done])
    card = packing.card(evolved, Score((1.0, 2.0)), 0, {}, "--pretrained dodge")
    assert "evolved in the real environment." in card
    assert "never" not in card
    assert "evaluate.py --pretrained dodge --episodes 2" in card


def test_nothing_is_written_over(trained: Path, small: Path) -> None:
    with pytest.raises(FileExistsError, match="is there already"):
        packing.pack(Run.open(trained), envs.make, small, episodes=1, seed=0)


def test_what_was_broken_off_is_made_anew(trained: Path, tmp_path: Path) -> None:
    def closed(*arguments: object, **options: object) -> NoReturn:
        raise OSError("the world is closed today")

    folder = tmp_path / "small"
    with pytest.raises(OSError, match="closed today"):
        packing.pack(Run.open(trained, quiet=True), closed, folder, episodes=1, seed=0)
    assert not folder.exists()
    packing.pack(Run.open(trained, quiet=True), envs.make, folder, episodes=1, seed=0)
    assert (folder / "card.md").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["small"]


def test_it_is_unpacked_once_and_scripts_write_beside_it(small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pretrained, "HERE", small.parent)
    assert pretrained.names() == ["dodge"]
    folder = pretrained.unpack("dodge", tmp_path / "runs")
    assert folder.name == f"dodge__pretrained__{storage.read_json(small / 'meta.json')['commit']}"
    (folder / "held_out.jsonl").touch()
    assert pretrained.unpack("dodge", tmp_path / "runs") == folder
    assert (folder / "held_out.jsonl").exists()
    assert not (small / "held_out.jsonl").exists()
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]
    with pytest.raises(FileNotFoundError, match="no pretrained agent 'doge'; there are: dodge"):
        pretrained.unpack("doge", tmp_path)


@pytest.mark.parametrize("name", pretrained.names())
def test_what_comes_with_the_package_plays(name: str, tmp_path: Path) -> None:
    shipped = pretrained.HERE / name
    assert sum(path.stat().st_size for path in shipped.rglob("*")) < 20 * 2**20
    assert f"--pretrained {name} --episodes 100" in (shipped / "card.md").read_text()
    run = Run.open(pretrained.unpack(name, tmp_path), quiet=True)
    agent = after_training.agent(run)
    with contextlib.closing(stages.world(run, envs.make, 1, test=True, slots=1)) as env:
        acts = np.concatenate([step.act for step in islice(steps(env, agent), 3)])
    assert acts.shape == (3, env.single_action_space.shape[0])
    assert np.isfinite(acts).all()
    dream = teaching.dream(run, agent.memory, stages.actions(run, envs.make), 4)
    assert dream.reset(seed=1)[0].shape[0] == 4
