"""Any Gymnasium environment that shows images is one of ours; any other is refused with what to do."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

import envs
from envs.resize import shrink
from envs.vector_env import episode_seed


class Told(gymnasium.Env[Any, Any]):
    """Observes what it was last told, as the shade of an image; pays its first number; ends after 5 steps."""

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012

    def __init__(self, observation: spaces.Space[Any], action: spaces.Space[Any]) -> None:
        self.observation_space, self.action_space = observation, action
        self.told: Any = None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin."""
        super().reset(seed=seed)
        self.steps = 0
        return self._shade(7), {}

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Note the action."""
        self.told, self.steps = action, self.steps + 1
        return self._shade(self.steps), float(np.ravel(action)[0]), self.steps >= 5, False, {}

    def _shade(self, shade: int) -> Any:
        return np.full(self.observation_space.shape or (), shade, self.observation_space.dtype)


IMAGE = spaces.Box(0, 255, (96, 80, 3), np.uint8)
gymnasium.register("Told-v0", entry_point=Told)


def told(observation: spaces.Space[Any] = IMAGE, action: spaces.Space[Any] | None = None, **options: Any) -> Any:
    gymnasium.register("Told-v1", entry_point=Told, kwargs={"observation": observation, "action": action or spaces.Discrete(3)})
    try:
        return envs.make("gym:Told-v1", 2, 0, **options)
    finally:
        del gymnasium.registry["Told-v1"]


class Sized(Told):
    """It shows as many lines as it is told."""

    def __init__(self, lines: int = 10) -> None:
        super().__init__(spaces.Box(0, 255, (lines, 20), np.uint8), spaces.Discrete(2))


def test_an_environment_is_made_with_options_of_its_own() -> None:
    gymnasium.register("Sized-v0", entry_point=Sized)
    try:
        env = envs.make("gym:Sized-v0", 2, 0, lines=7, repeat=2)
        assert [each.observation_space.shape for each in env.worlds._envs] == [(7, 20)] * 2
        with pytest.raises(ValueError, match=r"gym:Sized-v0: .*unexpected keyword argument 'colour'"):
            envs.make("gym:Sized-v0", 1, 0, colour=1)
    finally:
        del gymnasium.registry["Sized-v0"]


def own(env: Any, slot: int) -> Any:
    return env.worlds._envs[slot].unwrapped.told


@pytest.mark.parametrize("shape", [(96, 80, 3), (64, 64, 1), (30, 40)])
def test_grey_and_colour_images_become_frames(shape: tuple[int, ...]) -> None:
    env = told(spaces.Box(0, 255, shape, np.uint8))
    obs, _ = env.reset()
    assert obs.shape == (2, 64, 64, 3)
    assert (obs == 7).all()


def test_a_bounded_box_is_stretched_from_minus_one_to_one() -> None:
    space = spaces.Box(np.array([[0.0], [-4.0]], np.float32), np.array([[10.0], [-2.0]], np.float32))
    env = told(action=space)
    assert env.single_action_space == spaces.Box(-1, 1, (2,), np.float32)
    env.reset()
    env.step(np.array([[-1.0, 1.0], [0.0, 0.5]]))
    assert own(env, 0).tolist() == [[0.0], [-2.0]]
    assert own(env, 1).tolist() == [[5.0], [-2.5]]
    assert own(env, 1).dtype == np.float32


def test_discrete_actions_pass_as_they_are() -> None:
    env = told(action=spaces.Discrete(3, start=1))
    env.reset()
    env.step(np.array([1, 3]))
    assert [own(env, slot) for slot in (0, 1)] == [1, 3]
    with pytest.raises(ValueError, match="one of 1 to 3"):
        env.step(np.array([0, 1]))


def test_repeated_steps_add_their_rewards_and_stop_at_the_end() -> None:
    env = told(repeat=3)
    env.reset()
    *_, end, _, _ = first = env.step(np.array([1, 2]))
    assert first[1].tolist() == [3, 6]
    assert not end.any()
    obs, rew, end, _, info = env.step(np.array([1, 2]))
    assert rew.tolist() == [2, 4]
    assert end.all()
    assert (info["final_obs"][0] == 5).all()
    assert (obs == 7).all()


def test_what_observes_no_image_is_rendered() -> None:
    env, plain = envs.make("gym:CartPole-v1", 1, 0), gymnasium.make("CartPole-v1", render_mode="rgb_array")
    obs, _ = env.reset()
    plain.reset(seed=episode_seed(0, 0, 0))
    rendered: Any = plain.render()
    assert np.array_equal(obs[0], shrink(rendered))
    env.close()
    plain.close()


class Counted(Told):
    """Shows what it is when it is asked to; how many are open."""

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"]}  # noqa: RUF012
    open = 0

    def __init__(self, render_mode: str | None = None) -> None:
        super().__init__(spaces.Box(0.0, 1.0, (3,)), spaces.Discrete(2))
        self.render_mode = render_mode
        Counted.open += 1

    def render(self) -> Any:
        """Grey."""
        return np.full((20, 30, 3), 100, np.uint8)

    def close(self) -> None:
        """One fewer."""
        Counted.open -= 1


def test_none_is_left_open() -> None:
    gymnasium.register("Counted-v0", entry_point=Counted)
    try:
        env = envs.make("gym:Counted-v0", 4, 0)
        env.reset()
        assert Counted.open == 4
        env.close()
        assert Counted.open == 0
    finally:
        del gymnasium.registry["Counted-v0"]


@pytest.mark.parametrize(
    ("observation", "action", "what"),
    [
        (spaces.Dict({"image": IMAGE}), None, "observations are a Dict.*gymnasium.wrappers"),
        (IMAGE, spaces.Tuple([spaces.Discrete(2)]), "actions are a Tuple.*gymnasium.wrappers"),
        (spaces.Box(-1, 1, (4,)), None, "does not render.*gymnasium.wrappers"),
        (spaces.Box(0, 1, (64, 64, 3)), None, "does not render.*gymnasium.wrappers"),
        (IMAGE, spaces.Box(-np.inf, np.inf, (2,)), "a bounded Box is needed.*gymnasium.wrappers"),
        (IMAGE, spaces.MultiBinary(3), "Discrete or a bounded Box.*gymnasium.wrappers"),
    ],
)
def test_spaces_without_a_map_are_refused_with_the_wrapper_to_use(observation: Any, action: Any, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        told(observation, action)


def test_an_unknown_id_says_so() -> None:
    with pytest.raises(ValueError, match=r"gym:CartPoole-v1: .*CartPole"):
        envs.make("gym:CartPoole-v1", 1, 0)
