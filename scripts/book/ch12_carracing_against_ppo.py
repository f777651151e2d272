"""Chapter 12: what a world model buys: the dreamer of `ch12_carracing` beside PPO that learns in the environment itself.

Stable-Baselines3's PPO, with the settings that RL Zoo has for CarRacing, in the same EnvPool simulator, for as many minutes on
the same cores as the dreamer took; then both play the same 100 held-out tracks of Gymnasium. The curves are what each earned
while it collected: the dreamer half with noise, in 32 episodes a round; PPO with its own, in the last 100 episodes.

The dreamer is the run that `ch12_carracing` left for this seed, or a new one. A PPO that was broken off begins anew.
"""

import contextlib
import time
from typing import Any

import numpy as np
import stable_baselines3
from gymnasium import spaces
from gymnasium.vector import VectorWrapper
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import VecFrameStack, VecMonitor, VecNormalize
from torch import nn

import envs
from genmodels.book_recipe import Recipe
from genmodels.viz import intervals
from worldmodels.book_agents import to_study
from worldmodels.evaluate import Score, score
from worldmodels.interfaces import Policy
from worldmodels.presets import NEVER, carracing
from worldmodels.rollout import rollout
from worldmodels.run import Run, Stage
from worldmodels.sb3 import BatchVecEnv

SKIP, STACK, SLOTS = 2, 2, 8
GREY = np.array([0.299, 0.587, 0.114], np.float32)
Curve = list[tuple[float, float, float]]  # real frames in thousands, minutes, return


class Grey(VectorWrapper):
    """One channel of brightness."""

    def __init__(self, env: Any) -> None:
        super().__init__(env)
        self.single_observation_space = spaces.Box(0, 255, (64, 64, 1), np.uint8)

    def reset(self, **options: Any) -> Any:
        obs, info = self.env.reset(**options)
        return grey(obs), info

    def step(self, actions: Any) -> Any:
        obs, rew, end, trunc, info = self.env.step(actions)
        for slot in np.flatnonzero(info.get("_final_obs", ())):
            info["final_obs"][slot] = grey(info["final_obs"][slot])
        return grey(obs), rew, end, trunc, info


def grey(obs: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(..., 3) -> (..., 1)."""
    return (obs @ GREY).astype(np.uint8)[..., None]


class Watch(BaseCallback):
    """Notes the curve after each collecting, and stops when the time is up, but not before the first."""

    def __init__(self, minutes: float) -> None:
        super().__init__()
        self.until, self.began, self.curve = 60 * minutes, time.monotonic(), list[tuple[float, float, float]]()

    def _on_step(self) -> bool:
        return not self.curve or time.monotonic() - self.began < self.until

    def _on_rollout_end(self) -> None:
        recent = self.model.ep_info_buffer or ()
        if recent:
            minutes = (time.monotonic() - self.began) / 60
            earned = float(np.mean([episode["r"] for episode in recent]))
            self.curve.append((self.num_timesteps * SKIP / 1000, minutes, earned))
            print(f"  {self.curve[-1][0]:.0f} thousand frames  {minutes:.1f} min  return {earned:.1f}", flush=True)


class Playing(Policy):
    """What PPO learned, without its noise. It remembers the frames before this one."""

    def __init__(self, model: stable_baselines3.PPO) -> None:
        self.model = model

    def initial(self, slots: int) -> NDArray[np.uint8]:
        return np.zeros((slots, 64, 64, STACK), np.uint8)

    def act(self, obs: Any, state: NDArray[np.uint8], first: NDArray[np.bool_]) -> tuple[NDArray[np.float32], Any]:
        kept = np.where(first[:, None, None, None], 0, state[..., 1:])
        state = np.concatenate([kept, grey(obs)], -1)
        act, _ = self.model.predict(np.ascontiguousarray(state.transpose(0, 3, 1, 2)), deterministic=True)
        return np.asarray(act, np.float32), state


def learn(seed: int, minutes: float, fast: bool) -> tuple[stable_baselines3.PPO, Curve]:
    """PPO as RL Zoo has it for CarRacing."""
    env = Grey(envs.make("carracing", SLOTS, seed, backend="envpool", repeat=SKIP, **({"max_frames": 24} if fast else {})))
    slots = VecNormalize(VecFrameStack(VecMonitor(BatchVecEnv(env)), STACK), norm_obs=False, norm_reward=True)
    with contextlib.closing(slots):
        model = stable_baselines3.PPO(
            "CnnPolicy",
            slots,
            learning_rate=lambda left: 1e-4 * left,
            n_steps=16 if fast else 512,
            batch_size=128,
            n_epochs=10,
            gamma=0.99,
            gae_lambda=0.95,
            clip_range=0.2,
            use_sde=True,
            sde_sample_freq=4,
            policy_kwargs={
                "log_std_init": -2.0,
                "ortho_init": False,
                "activation_fn": nn.GELU,
                "net_arch": {"pi": [256], "vf": [256]},
            },
            seed=seed,
            device="cpu",
        )
        model.set_logger(Logger(None, []))  # Watch tells what there is to tell
        watch = Watch(minutes)
        model.learn(4_000_000, callback=watch)
    return model, watch.curve


def curve_of(run: Run) -> Curve:
    """What the dreamer's rounds of collecting earned, and when they were over."""
    found, seconds, repeat = [], 0.0, run.experiment.world.repeat
    for line in run.done:
        seconds += line["seconds"]
        if line["stage"] == "rollout":
            found.append((line["frames"] * repeat / 1000, seconds / 60, line["return"]))
    return found


def held_out(model: stable_baselines3.PPO, run: Run, fast: bool) -> Score:
    """On the tracks that the dreamer was scored on."""
    options = {"max_frames": 24} if fast else {}
    seed, episodes = run.seed(Stage.EVALUATE), run.experiment.evaluation.episodes
    env = envs.make("carracing", run.experiment.world.slots, seed, repeat=SKIP, stalled=NEVER, **options)
    with contextlib.closing(env):
        return score(rollout(env, Playing(model), episodes))


def main() -> None:
    """Both, and their curves."""
    recipe = Recipe(__doc__, row=46, system="CarRacing, beside PPO without a dream", minutes=40.0)
    run = to_study(recipe, "ch12_carracing", carracing, minutes=40.0, make_env=envs.make)
    ours = curve_of(run)
    model, theirs = learn(run.seed(Stage.BASELINES) % 2**31, recipe.minutes if recipe.fast else run.minutes, recipe.fast)
    scored = held_out(model, run, recipe.fast)
    recipe.figure("dreamer: return", next(line for line in run.done if line["stage"] == "evaluate")["agent"])
    recipe.figure("PPO: return", scored.mean)
    recipe.figure("PPO: standard deviation over episodes", scored.sd)
    recipe.figure("dreamer: real frames, thousands", run.frames / 1000)
    recipe.figure("PPO: real frames, thousands", model.num_timesteps * SKIP / 1000)
    recipe.figure("minutes of each", run.minutes)
    both = {"learning in the dream": ours, "Stable-Baselines3's PPO": theirs}
    for column, name, label in ((0, "frames", "real frames, thousands"), (1, "minutes", "minutes")):
        lines = {who: [(point[column], point[2], 0.0) for point in curve] for who, curve in both.items()}
        recipe.picture(name, intervals(lines, label, "return while collecting"))
    recipe.finish()


if __name__ == "__main__":
    main()
