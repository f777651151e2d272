"""Stable-Baselines3 in the dream: the same dreams by another protocol, and actors that become C to the bit."""

import runpy
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import gymnasium
import numpy as np
import pytest
import torch
from stable_baselines3.common.env_checker import check_env

import envs
from genmodels.autoencoders import VAE
from genmodels.dynamics import MDNRNN
from worldmodels import sb3, stages
from worldmodels.config import Experiment, StableBaselines, World, from_plain, plain
from worldmodels.controller import Controller, Reflex
from worldmodels.dream import DreamEnv, DreamVectorEnv
from worldmodels.learner_loop import improve
from worldmodels.rollout import rollout
from worldmodels.run import Run
from worldmodels.sb3 import REACH, DreamVecEnv, SB3Learner
from worldmodels.starts import Starts

Z, A, H = 3, 2, 8
BOX, CHOICE = gymnasium.spaces.Box(-1.0, 1.0, (A,), np.float32), gymnasium.spaces.Discrete(A)
EVERY = [
    ("PPO", BOX),
    ("PPO", CHOICE),
    ("A2C", BOX),
    ("A2C", CHOICE),
    ("SAC", BOX),
    ("TD3", BOX),
    ("DDPG", BOX),
    ("DQN", CHOICE),
]


def memory(**options: bool) -> MDNRNN:
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        return MDNRNN(Z, A, H, **{"reward": True, "end": True, **options}).eval()


def starts(count: int = 20) -> Starts:
    random = torch.Generator().manual_seed(1)
    return Starts(torch.randn(count, Z, generator=random), torch.full((count, Z), -1.0))


def dreams(count: int = 4, space: gymnasium.Space = BOX, **options: object) -> DreamVectorEnv:
    return DreamVectorEnv(memory(), starts(), count, space, **{"horizon": 9, **options})  # type: ignore[arg-type]


def fresh(space: gymnasium.Space, hidden: tuple[int, ...] = (16,)) -> Controller:
    with torch.random.fork_rng([]):
        torch.manual_seed(2)
        return Controller(Z + H, A, hidden, discrete=space is CHOICE)


def learner(algorithm: str, space: gymnasium.Space, controller: Controller, **options: int) -> SB3Learner:
    settings = {"steps": 64, "seed": 3, **options}
    return SB3Learner(controller, dreams(4, space), algorithm=algorithm, **settings)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------------- the dream


@pytest.mark.parametrize("space", [BOX, CHOICE])
def test_it_is_the_same_dream_by_another_protocol(space: gymnasium.Space) -> None:
    plain, theirs = dreams(5, space, horizon=3), DreamVecEnv(dreams(5, space, horizon=3))
    theirs.seed(7)
    assert np.array_equal(theirs.reset(), plain.reset(seed=7)[0])
    space.seed(0)
    ended = cut = 0
    for _ in range(60):
        actions = np.array([space.sample() for _ in range(5)])
        obs, rew, end, trunc, info = plain.step(actions)
        seen, earned, done, infos = theirs.step(actions)
        assert np.array_equal(seen, obs)
        assert np.array_equal(earned, rew)
        assert np.array_equal(done, end | trunc)
        for slot in range(5):
            assert ("terminal_observation" in infos[slot]) == done[slot]
            if done[slot]:
                assert np.array_equal(infos[slot]["terminal_observation"], info["final_obs"][slot])
                assert infos[slot]["TimeLimit.truncated"] == trunc[slot]
        ended, cut = ended + int(end.sum()), cut + int(trunc.sum())
    assert ended > 0
    assert cut > 0


def test_a_seed_counts_for_one_reset() -> None:
    env = DreamVecEnv(dreams())
    env.seed(7)
    first, second = env.reset(), env.reset()
    assert not np.allclose(first, second)
    env.seed(7)
    assert np.array_equal(env.reset(), first)


def test_squashed_actions_are_the_tanh_of_what_is_given() -> None:
    squashed, plain = DreamVecEnv(dreams(), squash=True), DreamVecEnv(dreams())
    assert np.array_equal(squashed.action_space.high, np.full(A, REACH, np.float32))  # type: ignore[attr-defined]
    for env in (squashed, plain):
        env.seed(1)
        env.reset()
    given = np.linspace(-2.0, 2.0, 4 * A, dtype=np.float32).reshape(4, A)
    assert np.array_equal(squashed.step(given)[0], plain.step(np.tanh(given))[0])
    with pytest.raises(ValueError, match="only a point in a Box"):
        DreamVecEnv(dreams(space=CHOICE), squash=True)


def test_it_is_seen_through_vision() -> None:
    env = DreamVecEnv(dreams(4, vision=VAE((3, 16, 16), Z, 4)))
    env.reset()
    picture = env.render()
    assert picture is not None
    assert picture.shape == (32, 32, 3)
    assert DreamVecEnv(dreams()).render_mode is None


def test_what_dreams_share_is_set_for_all() -> None:
    env = DreamVecEnv(dreams())
    env.set_attr("temperature", 0.5)
    assert env.get_attr("temperature", [0, 1]) == [0.5, 0.5]
    with pytest.raises(ValueError, match="set it for all"):
        env.set_attr("temperature", 2.0, [0])
    assert env.env_is_wrapped(gymnasium.Wrapper) == [False] * 4


@pytest.mark.parametrize("space", [BOX, CHOICE])
def test_one_dream_is_an_environment_in_their_eyes(space: gymnasium.Space) -> None:
    """Warnings are errors here: their check has nothing to say."""
    check_env(DreamEnv(memory(), starts(), space, horizon=20, vision=VAE((3, 16, 16), Z, 4)))


def test_the_example_runs_as_it_stands(trained: Path, tmp_path: Path) -> None:
    """That of the module's docstring, in a small run and for a short while."""
    lines = [line.strip() for line in (sb3.__doc__ or "").splitlines() if line.startswith("    ")]
    code = "\n".join(lines[: next(at for at, line in enumerate(lines) if ".learn(" in line) + 1])
    smaller = {"runs/FOLDER": str(trained), "slots=64": "slots=4", "n_steps=256": "n_steps=16", "100_000": "64"}
    for whole, small in smaller.items():
        assert whole in code
        code = code.replace(whole, small)
    (tmp_path / "example.py").write_text(code)
    names = runpy.run_path(str(tmp_path / "example.py"))
    assert names["dream"].num_envs == 4


# ----------------------------------------------------------------------------------------------------------- the learner


@pytest.mark.parametrize(("algorithm", "space"), EVERY)
def test_what_the_actor_does_the_controller_does(algorithm: str, space: gymnasium.Space) -> None:
    controller = fresh(space)
    before = controller.vector()
    one = learner(algorithm, space, controller, steps=256)
    obs = np.random.default_rng(0).standard_normal((50, Z + H)).astype(np.float32)

    def theirs() -> np.ndarray:
        acts = one.model.predict(obs, deterministic=True)[0]
        if space is CHOICE:
            return np.eye(A, dtype=np.float32)[acts]
        return np.tanh(acts) if algorithm in ("PPO", "A2C") else acts

    assert controller(torch.from_numpy(obs)).detach().numpy() == pytest.approx(theirs(), abs=1e-5), "from the first"
    figures = one.iterate(0)
    assert 256 <= figures["steps"] < 256 + 4 * 5, "whole rollouts"
    assert 1.0 <= figures["length"] <= 9.0
    one.finish()
    assert not np.array_equal(controller.vector(), before)
    assert controller(torch.from_numpy(obs)).detach().numpy() == pytest.approx(theirs(), abs=1e-5), "and after"


@pytest.mark.parametrize("algorithm", ["PPO", "SAC"])
def test_resumed_it_ends_with_the_same_bits(algorithm: str, tmp_path: Path) -> None:
    whole, parts = fresh(BOX), fresh(BOX)
    improve(learner(algorithm, BOX, whole), 3, tmp_path / "whole", quiet=True)
    improve(learner(algorithm, BOX, parts), 2, tmp_path / "parts", quiet=True)
    torch.rand(5)  # whoever else draws from torch's stream
    resumed = fresh(BOX)
    improve(learner(algorithm, BOX, resumed), 3, tmp_path / "parts", quiet=True)
    assert np.array_equal(whole.vector(), resumed.vector())
    assert not np.array_equal(whole.vector(), parts.vector())


def test_a_run_kept_by_another_algorithm_is_refused(tmp_path: Path) -> None:
    improve(learner("PPO", BOX, fresh(BOX)), 1, tmp_path, quiet=True)
    with pytest.raises(ValueError, match="begun with PPO, not SAC"):
        improve(learner("SAC", BOX, fresh(BOX)), 2, tmp_path, quiet=True)


def test_nothing_is_kept_that_could_run(tmp_path: Path) -> None:
    improve(learner("PPO", BOX, fresh(BOX)), 1, tmp_path, quiet=True)
    kept = {path.name for path in (tmp_path / "checkpoints").rglob("*") if path.is_file()} - {".lock"}
    assert kept == {"MANIFEST.json", "policy.safetensors", "start.safetensors", "sb3.json", "learning.json"}


def test_it_finds_what_is_worth_doing() -> None:
    """M's reward is made to be the first number of an action of the step; the most of it is earned by act[0] = 1."""

    class Paid(DreamVectorEnv):
        def step(self, actions):  # type: ignore[no-untyped-def]
            obs, _, end, trunc, info = super().step(actions)
            return obs, actions[:, 0].astype(np.float32), end, trunc, info

    space = BOX
    controller = fresh(space)
    env = Paid(memory(end=False), starts(), 16, space, horizon=10)
    before = np.mean([one.ret for one in rollout(env, Reflex(controller), 32, seed=0, quiet=True)])
    one = SB3Learner(controller, env, algorithm="PPO", steps=512, lr=3e-3, gamma=0.9)
    for iteration in range(12):
        one.iterate(iteration)
    one.finish()
    after = np.mean([one.ret for one in rollout(env, Reflex(controller), 32, seed=0, quiet=True)])
    assert before < 4.0
    assert after > 8.0


@pytest.mark.parametrize(
    ("algorithm", "space", "told"),
    [
        ("SAC", CHOICE, "SAC is for actions in a Box"),
        ("DQN", BOX, "DQN is for a choice"),
        ("ACKTR", BOX, "algorithm: PPO, A2C, SAC, TD3, DDPG, DQN, not 'ACKTR'"),
    ],
)
def test_what_does_not_go_together_is_refused(algorithm: str, space: gymnasium.Space, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        learner(algorithm, space, fresh(space))


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ValueError, match=r"controller\.bias"):
        learner("PPO", BOX, Controller(Z + H, A, bias=False))
    with pytest.raises(ValueError, match="steps: 3 in an iteration"):
        learner("PPO", BOX, fresh(BOX), steps=3)


def test_it_is_a_learner_of_experiments(trained: Path, tmp_path: Path) -> None:
    """A run whose C is taught by it goes on as any other: C is a Controller."""
    folder = tmp_path / "run"
    copytree(trained, folder, ignore=lambda *_: {"controller"})
    run = Run.open(folder, quiet=True)
    run.experiment = replace(run.experiment, learner=StableBaselines("A2C", iterations=1, steps=64, dreams=8))
    stages.train_controller(run, envs.make, 1)
    env = stages.world(run, envs.make, 0, slots=2)
    assert len(rollout(env, stages.load(run), 2, quiet=True)) == 2
    env.close()


def test_its_settings_are_plain_data() -> None:
    experiment = Experiment(World("dodge"), learner=StableBaselines("SAC", steps=100))
    assert from_plain(plain(experiment)) == experiment
