"""The agent: what it remembers, where it explores, and that a crowd of agents is its members."""

import numpy as np
import pytest
import torch

from genmodels.autoencoders import VAE
from genmodels.dynamics import MDNRNN
from worldmodels.agent import Agent, to_images
from worldmodels.controller import Controller

Z, A, H = 4, 2, 8


@pytest.fixture
def parts() -> tuple[VAE, MDNRNN, Controller]:
    torch.manual_seed(0)
    return VAE((3, 16, 16), Z, 4).eval(), MDNRNN(Z, A, H).eval(), Controller(Z + H, A)


def frames(count: int, moments: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (moments, count, 16, 16, 3), dtype=np.uint8)


def play(agent: Agent, obs: np.ndarray, first: np.ndarray | None = None) -> np.ndarray:
    """The actions of an agent over (moments, slots, ...) of frames."""
    state, acts = agent.initial(obs.shape[1]), []
    for moment, seen in enumerate(obs):
        begins = np.full(obs.shape[1], moment == 0) if first is None else first[moment]
        act, state = agent.act(seen, state, begins)
        acts.append(act)
    return np.stack(acts)


def test_it_acts_as_its_parts_do_by_hand(parts: tuple[VAE, MDNRNN, Controller]) -> None:
    vision, memory, controller = parts
    obs = frames(1, 3)
    acts = play(Agent(vision, memory, controller, "zh"), obs)
    state = memory.initial(1)
    with torch.no_grad():
        for moment in range(3):
            z = vision.encode(to_images(obs[moment])).mean
            act = controller(torch.cat([z, state.h], 1))
            assert acts[moment] == pytest.approx(act.numpy(), abs=1e-5)
            _, state = memory.predict(z, act, state)


def test_what_it_saw_before_matters_until_an_episode_begins(parts: tuple[VAE, MDNRNN, Controller]) -> None:
    agent = Agent(*parts, "zh")
    one, other = frames(1, 4, seed=1), frames(1, 4, seed=2)
    other[2:] = one[2:]
    assert not np.allclose(play(agent, one)[2:], play(agent, other)[2:], atol=1e-6)
    begins = np.array([[True], [False], [True], [False]])
    assert play(agent, one, begins)[2:] == pytest.approx(play(agent, other, begins)[2:])


def test_slots_do_not_see_one_another(parts: tuple[VAE, MDNRNN, Controller]) -> None:
    agent, obs = Agent(*parts, "zh"), frames(3, 4)
    together = play(agent, obs)
    for slot in range(3):
        assert together[:, slot] == pytest.approx(play(agent, obs[:, slot : slot + 1])[:, 0], abs=1e-5)


def test_noise_is_for_every_second_slot_and_repeatable(parts: tuple[VAE, MDNRNN, Controller]) -> None:
    obs = frames(4, 3)
    calm = play(Agent(*parts, "zh"), obs)
    noisy, again = (play(Agent(*parts, "zh", noise=0.3, seed=5), obs) for _ in range(2))
    assert np.array_equal(noisy, again)
    assert np.array_equal(noisy[:, ::2], calm[:, ::2])
    assert (noisy[:, 1::2] != calm[:, 1::2]).all()
    assert np.abs(noisy).max() <= 1.0


def test_a_crowd_of_agents_is_its_members(parts: tuple[VAE, MDNRNN, Controller]) -> None:
    vision, memory, controller = parts
    obs = np.repeat(frames(1, 3), 6, axis=1)
    vectors = torch.randn(3, controller.num_parameters, generator=torch.Generator().manual_seed(0))
    together = play(Agent(vision, memory, controller, "zh", population=vectors), obs)
    for member in range(3):
        controller.set_vector(vectors[member].double().numpy())
        alone = play(Agent(vision, memory, controller, "zh"), obs[:, :2])
        assert together[:, 2 * member : 2 * member + 2] == pytest.approx(alone, abs=1e-5)


def test_frames_become_images_without_a_change_of_colour() -> None:
    obs = frames(2, 1)[0]
    images = to_images(obs)
    assert images.shape == (2, 3, 16, 16)
    assert images[1, 2, 5, 7].item() == pytest.approx(obs[1, 5, 7, 2] / 255.0)
