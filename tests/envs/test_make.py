"""One table of names: what it makes is alike from outside, and what it cannot make it explains."""

import subprocess
import sys
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env
from stable_baselines3.common.env_checker import check_env as check_env_of_sb3

import envs
from envs.extras import require
from envs.simulator import FRAME

NAMES = ["dodge", "carracing", "takecover", "gym:CartPole-v1"]
IDS = {"dodge": "Dodge", "carracing": "CarRacing", "takecover": "TakeCover"}


@pytest.mark.parametrize("name", NAMES)
def test_every_environment_is_alike_from_outside(name: str) -> None:
    env = envs.make(name, 2, 0)
    obs, _ = env.reset()
    again, _ = env.reset(seed=0)
    assert env.single_observation_space == spaces.Box(0, 255, FRAME, np.uint8)
    assert np.array_equal(obs, again)
    assert obs.std() > 1
    env.action_space.seed(0)
    for _ in range(3):
        obs, rew, end, trunc, _ = env.step(env.action_space.sample())
        assert env.observation_space.contains(obs)
        assert rew.dtype == np.float64
        assert end.dtype == trunc.dtype == np.bool_
    env.close()


@pytest.mark.parametrize("name", IDS)
def test_the_checkers_of_gymnasium_and_of_stable_baselines_are_content(name: str) -> None:
    env = gymnasium.make(f"WorldModels/{IDS[name]}-v0", render_mode="rgb_array")
    check_env(env.unwrapped)
    check_env_of_sb3(env)
    env.reset(seed=0)
    frame: Any = env.render()
    assert frame.shape == FRAME
    env.close()


def test_a_single_environment_meets_the_episodes_of_slot_0() -> None:
    single, slots = gymnasium.make("WorldModels/Dodge-v0"), envs.make("dodge", 1, 4)
    assert np.array_equal(single.reset(seed=4)[0], slots.reset()[0][0])
    assert np.array_equal(single.reset()[0], slots.reset()[0][0])


@pytest.mark.parametrize(
    ("name", "hint"), [("dogde", "did you mean 'dodge'"), ("CarRacing", "mean 'carracing'"), ("x", "gym:ID")]
)
def test_an_unknown_name_suggests_one(name: str, hint: str) -> None:
    with pytest.raises(ValueError, match=hint):
        envs.make(name, 1, 0)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unknown_option_names_the_known(workers: int) -> None:
    with pytest.raises(TypeError, match="no option 'skil': its options are skill"):
        envs.make("takecover", 1, 0, workers=workers, skil=5)
    with pytest.raises(TypeError, match="dodge has no option 'speed': its options are repeat"):
        envs.make("dodge", 1, 0, workers=workers, speed=2)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("carracing", {"backend": "pool"}),
        ("carracing", {"actions": 4}),
        ("carracing", {"repeat": 0}),
        ("carracing", {"stalled": 0}),
        ("carracing", {"max_frames": 0}),
        ("takecover", {"skill": 0}),
        ("gym:CartPole-v1", {"repeat": 0}),
    ],
)
def test_a_value_out_of_range_names_its_option(name: str, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"{next(iter(options))}: "):
        envs.make(name, 1, 0, **options)


def test_no_slots_or_a_negative_number_of_workers_are_refused() -> None:
    with pytest.raises(ValueError, match="num_envs: at least 1"):
        envs.make("dodge", 0, 0)
    with pytest.raises(ValueError, match="workers: "):
        envs.make("dodge", 1, 0, workers=-1)


def test_a_missing_package_is_named_with_the_line_that_installs_it() -> None:
    with pytest.raises(ImportError, match=r'takecover needs nosuchthing, .* pip install "worldmodels\[doom\]"'):
        require("nosuchthing.part", "doom", "takecover")


def test_importing_envs_imports_no_simulator() -> None:
    program = "import envs, sys; print({'vizdoom', 'envpool', 'Box2D', 'pygame', 'torch'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout == "set()\n"
