"""Episodes are a function of root, slot and number alone; ends, actions and seeds follow one rule."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

import envs
from envs.action_checks import box, check
from envs.simulator import FRAME, Frames
from envs.vector_env import AHEAD, episode_seed


def frames_of(num_envs: int, slot: int, seed: int = 5, steps: int = 100) -> list[Frames]:
    """What a slot shows under actions of its own."""
    env = envs.make("dodge", num_envs, seed)
    obs, _ = env.reset()
    shown, streams = [obs[slot]], [np.random.default_rng(i) for i in range(num_envs)]
    for _ in range(steps):
        obs, *_ = env.step(np.array([stream.uniform(-1, 1, 1) for stream in streams]))
        shown.append(obs[slot])
    return shown


def test_a_slots_episodes_do_not_depend_on_how_many_stand_beside_it() -> None:
    assert all(np.array_equal(a, b) for a, b in zip(frames_of(4, 3), frames_of(16, 3), strict=True))


def test_seeds_differ_between_roots_slots_and_episodes() -> None:
    seeds = {episode_seed(root, slot, episode) for root in range(6) for slot in range(6) for episode in range(6)}
    assert len(seeds) == 6**3
    assert all(0 <= seed < 2**31 for seed in seeds)


def test_a_simulator_is_told_of_every_episode_beforehand(monkeypatch: pytest.MonkeyPatch) -> None:
    env, coming, begun = envs.make("dodge", 3, 7), set[tuple[int, int]](), list[tuple[int, int]]()
    begin = env.worlds.begin

    def expect(slots: Sequence[int], seeds: Sequence[int]) -> None:
        coming.clear()
        coming.update(zip(slots, seeds, strict=True))

    def checked(slots: Sequence[int], seeds: Sequence[int]) -> Any:
        begun.extend(zip(slots, seeds, strict=True))
        assert coming >= set(zip(slots, seeds, strict=True))
        coming.difference_update(zip(slots, seeds, strict=True))
        return begin(slots, seeds)

    monkeypatch.setattr(env.worlds, "expect", expect)
    monkeypatch.setattr(env.worlds, "begin", checked)
    env.reset()
    for _ in range(600):
        env.step(env.action_space.sample())
    assert len(begun) == len(set(begun)) > 3 * AHEAD


def test_reset_names_a_root_or_goes_on() -> None:
    env = envs.make("dodge", 3, 7)
    first, _ = env.reset()
    second, _ = env.reset()
    assert not np.array_equal(first, second)
    assert np.array_equal(env.reset(seed=7)[0], first)
    assert np.array_equal(env.reset()[0], second)
    other, _ = env.reset(seed=8)
    mixed, _ = env.reset(seed=[7, 8, 7])
    assert np.array_equal(mixed, np.stack([first[0], other[1], first[2]]))


@pytest.mark.parametrize("seed", [-1, [1, 2], 0.5, True])
def test_reset_refuses_what_is_no_seed(seed: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        envs.make("dodge", 3, 0).reset(seed=seed)


def test_an_end_shows_the_last_frame_and_the_first_of_the_next_episode() -> None:
    env, alone = envs.make("dodge", 2, 0), envs.make("dodge", 1, 0)
    assert env.metadata["autoreset_mode"] == AutoresetMode.SAME_STEP
    env.reset()
    alone.reset()
    second, _ = alone.reset()  # slot 0's episode 1
    while True:
        obs, _, end, _, info = env.step(np.zeros((2, 1)))
        if end[0]:
            break
        assert not info or info["_final_obs"].tolist() == [False, True]
    assert info["_final_obs"].tolist() == (end | False).tolist()
    assert np.array_equal(obs[0], second[0])
    assert info["final_obs"][0].shape == FRAME
    assert not np.array_equal(info["final_obs"][0], obs[0])


def test_what_is_handed_out_is_not_written_to_again() -> None:
    env = envs.make("dodge", 2, 0)
    obs, _ = env.reset()
    kept = obs.copy()
    for _ in range(30):
        env.step(np.ones((2, 1)))
    assert np.array_equal(obs, kept)
    frame = env.render()[0]
    frame[:] = 0
    assert env.render()[0].any()


def test_a_step_before_any_episode_is_refused() -> None:
    with pytest.raises(RuntimeError, match=r"call reset\(\) before step\(\)"):
        envs.make("dodge", 1, 0).step(np.zeros((1, 1)))


# ------------------------------------------------------------------------------------------------------------- actions


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_actions_that_are_not_finite_are_refused_before_anything_moves(value: float) -> None:
    env = envs.make("dodge", 2, 0)
    before, _ = env.reset()
    with pytest.raises(ValueError, match="finite"):
        env.step(np.array([[0.0], [value]]))
    assert np.array_equal(np.stack(env.render()), before)


@pytest.mark.parametrize(
    "actions",
    [np.zeros(2), np.zeros((2, 2)), np.zeros((3, 1)), np.array([["a"], ["b"]]), np.zeros((2, 1), bool), [[None], [0]]],
)
def test_misshapen_actions_are_refused(actions: Any) -> None:
    with pytest.raises(ValueError, match=r"actions: .* of shape \(2, 1\)"):
        check(actions, box(1), 2)


def test_numbers_outside_the_box_are_clipped_and_not_in_place() -> None:
    given = np.array([[2.0], [-1.5]], np.float32)
    assert check(given, box(1), 2).tolist() == [[1.0], [-1.0]]
    assert given.tolist() == [[2.0], [-1.5]]


@pytest.mark.parametrize("actions", [[0, 4], [-1, 0], [0.0, 1.0], [[0], [1]], [0]])
def test_discrete_actions_are_integers_of_the_space(actions: Any) -> None:
    env = envs.make("gym:FrozenLake-v1", 2, 0)
    env.reset()
    with pytest.raises(ValueError, match="actions:"):
        env.step(actions)
    env.close()
