"""The dream: a Gymnasium environment in good order, the same for a seed, whatever is dreamt beside it."""

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env
from torch import Tensor

from genmodels.autoencoders import VAE
from genmodels.dynamics import MDNRNN, Outcome
from worldmodels.controller import Controller, Reflex
from worldmodels.dream import DreamEnv, DreamVectorEnv
from worldmodels.rollout import rollout, steps
from worldmodels.starts import Starts

BOX = gymnasium.spaces.Box(-1.0, 1.0, (2,), np.float32)
Z, A, H = 3, 2, 8


@pytest.fixture
def memory() -> MDNRNN:
    torch.manual_seed(0)
    return MDNRNN(Z, A, H, reward=True, end=True).eval()


def starts(count: int = 20, memory: MDNRNN | None = None) -> Starts:
    random = torch.Generator().manual_seed(1)
    mean = torch.randn(count, Z, generator=random)
    state = None
    if memory is not None:
        with torch.no_grad():
            _, state = memory.predict(mean, torch.zeros(count, A), memory.initial(count))
    return Starts(mean, torch.full((count, Z), -1.0), state)


def walk(env: DreamVectorEnv, seed: int, length: int = 30) -> list[np.ndarray]:
    """What is seen, earned and ended under a fixed controller."""
    torch.manual_seed(5)
    controller = Controller(Z + H, A)
    seen = []
    for _, step in zip(range(length), steps(env, Reflex(controller), seed), strict=False):
        seen.append(np.concatenate([step.obs, step.rew[:, None], step.end[:, None], step.trunc[:, None]], 1))
    return seen


def test_the_same_seed_is_the_same_dream(memory: MDNRNN) -> None:
    one, two, other = (walk(DreamVectorEnv(memory, starts(), 6, BOX), seed) for seed in (3, 3, 4))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not np.allclose(one[0], other[0])


def test_a_dream_does_not_depend_on_those_beside_it(memory: MDNRNN) -> None:
    few, many = (walk(DreamVectorEnv(memory, starts(memory=memory), count, BOX, horizon=7), 3) for count in (4, 33))
    for a, b in zip(few, many, strict=True):
        assert a == pytest.approx(b[:4], abs=1e-5)


def test_shared_luck_is_the_same_start_and_the_same_noise(memory: MDNRNN) -> None:
    env = DreamVectorEnv(memory, starts(), 6, BOX, shared=2)
    for seen in walk(env, 0):
        assert seen[0::2] == pytest.approx(np.repeat(seen[:1], 3, 0), abs=1e-5)
        assert seen[1::2] == pytest.approx(np.repeat(seen[1:2], 3, 0), abs=1e-5)
    assert not np.allclose(walk(env, 0)[0][0], walk(env, 0)[0][1])


def test_it_starts_where_it_is_told(memory: MDNRNN) -> None:
    sure = Starts(torch.tensor([[1.0, 2.0, 3.0]]), torch.full((1, Z), -20.0), starts(1, memory).state)
    obs, _ = DreamVectorEnv(memory, sure, 4, BOX).reset(seed=0)
    assert obs[:, :Z] == pytest.approx(np.tile([1.0, 2.0, 3.0], (4, 1)), abs=1e-5)
    assert obs[:, Z:] == pytest.approx(np.repeat(sure.state.h.numpy(), 4, 0))
    anew, _ = DreamVectorEnv(memory, Starts(sure.mean, sure.log_sd), 4, BOX).reset(seed=0)
    assert not anew[:, Z:].any(), "the memory is empty where an episode begins"


def test_every_start_is_used_about_equally(memory: MDNRNN) -> None:
    places = Starts(torch.arange(5.0)[:, None].expand(5, Z).contiguous(), torch.full((5, Z), -20.0))
    obs, _ = DreamVectorEnv(memory, places, 5000, BOX).reset(seed=0)
    counts = np.bincount(obs[:, 0].round().astype(int), minlength=5)
    assert np.abs(counts - 1000).max() < 150


def test_the_horizon_cuts_and_does_not_end(memory: MDNRNN) -> None:
    endless = MDNRNN(Z, A, H, reward=True)
    env = DreamVectorEnv(endless, starts(), 3, BOX, horizon=4)
    for number, step in zip(range(1, 9), steps(env, Reflex(Controller(Z + H, A)), 0), strict=False):
        assert step.trunc.all() == (number % 4 == 0)
        assert not step.end.any()
        assert step.first.all() == (number % 4 == 1)


def test_without_rewards_each_step_is_worth_living() -> None:
    env = DreamVectorEnv(MDNRNN(Z, A, H), starts(), 3, BOX, horizon=5, alive=2.0)
    played = rollout(env, Reflex(Controller(Z + H, A)), 6, seed=0, quiet=True)
    assert [one.ret for one in played] == [10.0] * 6


class Known(MDNRNN):
    """A memory whose every dream ends with a known probability."""

    def predict(self, z: Tensor, act: Tensor, state: object) -> tuple[object, object]:  # type: ignore[override]
        prediction, after = super().predict(z, act, state)  # type: ignore[arg-type]

        class Sure:
            def sample(self, noise: Tensor, temperature: float = 1.0) -> Outcome:
                drawn = prediction.sample(noise, temperature)
                return Outcome(drawn.z, torch.ones(len(z)), torch.full((len(z),), 0.25))

        return Sure(), after


def test_dreams_end_as_often_as_they_should() -> None:
    env = DreamVectorEnv(Known(Z, A, H, reward=True, end=True), starts(), 64, BOX, horizon=10_000)  # type: ignore[arg-type]
    played = rollout(env, Reflex(Controller(Z + H, A)), 1280, seed=0, quiet=True)
    assert np.mean([one.length for one in played]) == pytest.approx(4.0, abs=0.4)
    assert all(one.end for one in played)


def test_the_last_sight_is_the_old_dreams(memory: MDNRNN) -> None:
    env = DreamVectorEnv(MDNRNN(Z, A, H), starts(), 2, BOX, horizon=1)
    env.reset(seed=0)
    obs, _, _, trunc, info = env.step(np.zeros((2, A), np.float32))
    assert trunc.all()
    assert not np.allclose(np.stack(info["final_obs"]), obs)
    assert not obs[:, Z:].any()


@pytest.mark.parametrize(
    "actions", [np.zeros((3, A), np.float32), np.full((2, A), np.nan, np.float32), np.zeros((2, A + 1), np.float32)]
)
def test_bad_actions_are_refused(memory: MDNRNN, actions: np.ndarray) -> None:
    env = DreamVectorEnv(memory, starts(), 2, BOX)
    env.reset(seed=0)
    with pytest.raises(ValueError, match=r"actions must be finite and of shape \(2, 2\)"):
        env.step(actions)


def test_bad_settings_are_refused(memory: MDNRNN) -> None:
    with pytest.raises(ValueError, match="no moment"):
        DreamVectorEnv(memory, Starts(torch.zeros(0, Z), torch.zeros(0, Z)), 2, BOX)
    with pytest.raises(ValueError, match="temperature must be above 0"):
        DreamVectorEnv(memory, starts(), 2, BOX, temperature=0.0)
    with pytest.raises(ValueError, match="give vision="):
        DreamVectorEnv(memory, starts(), 2, BOX).render()


def test_discrete_actions_are_shown_to_the_memory_as_one_hot(memory: MDNRNN) -> None:
    space = gymnasium.spaces.Discrete(A)
    env = DreamVectorEnv(memory, starts(), 2, space)
    env.reset(seed=0)
    obs, *_ = env.step(np.array([0, 1]))
    boxed = DreamVectorEnv(memory, starts(), 2, BOX)
    boxed.reset(seed=0)
    assert obs == pytest.approx(boxed.step(np.eye(2, dtype=np.float32))[0])


@pytest.mark.parametrize("space", [BOX, gymnasium.spaces.Discrete(A)])
def test_one_dream_is_an_environment_in_gymnasiums_eyes(memory: MDNRNN, space: gymnasium.Space) -> None:
    vision = VAE((3, 16, 16), Z, 4)
    env = DreamEnv(memory, starts(), space, horizon=20, vision=vision)
    check_env(env, skip_render_check=True)
    assert env.render().shape == (16, 16, 3)


def test_colder_dreams_vary_less(memory: MDNRNN) -> None:
    """Over one step from one place, the spread of what is dreamt grows with the temperature."""
    place = Starts(torch.zeros(1, Z), torch.full((1, Z), -20.0))
    spreads = []
    for temperature in (0.1, 1.0, 2.0):
        env = DreamVectorEnv(memory, place, 2000, BOX, temperature=temperature)
        env.reset(seed=0)
        obs, *_ = env.step(np.zeros((2000, A), np.float32))
        spreads.append(float(obs[:, :Z].std(0).mean()))
    assert spreads[0] < spreads[1] < spreads[2]
