"""Chapter 12: V and M of CarRacing. Does V keep what matters of a frame, and does M foresee what comes of an action?

Learned from random driving in EnvPool's simulator, judged on fresh tracks in Gymnasium's. V: where a car is on its road, how it
is turned and how fast it is are read off z by a ridge regression, as somebody drives who sways about; frames in which the car
is far from the road or turned away from it do not show the answer and do not count. M, under random driving: it is held
against a linear forecast, against shuffled actions and, ten decisions ahead, against expecting no change.
"""

import contextlib
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import torch

import envs
from genmodels import storage
from genmodels.book_recipe import Recipe, at_least, at_most
from genmodels.metrics import PCA
from genmodels.model import Model
from genmodels.viz import reconstructions, uniform_distance
from worldmodels import diagnostics, report
from worldmodels.agent import to_images
from worldmodels.blind_policies import Wanderer
from worldmodels.config import plain
from worldmodels.interfaces import Policy
from worldmodels.pipeline import CHAIN, enter
from worldmodels.presets import carracing
from worldmodels.replay_store import Replay
from worldmodels.rollout import steps
from worldmodels.run import Run, Stage
from worldmodels.types import Episode

FULL = 8.0  # minutes in which the preset's first round is trained on two cores
NEAR = 8.0  # metres from the middle of the road, which is 13 wide
EPISODES = 1024  # four times the preset's, which has more rounds: M has learned 13,000 frames by heart long before the end


def train(recipe: Recipe) -> Run:
    """The first round of the preset up to M; with fewer minutes, fewer steps."""
    share = min(1.0, recipe.minutes / FULL)
    preset = carracing()
    preset = replace(
        preset,
        collect=replace(preset.collect, episodes=recipe.count(EPISODES, 4)),
        vision=replace(preset.vision, steps=recipe.count(int(share * preset.vision.steps) + 1, 3)),
        memory=replace(preset.memory, steps=recipe.count(int(share * preset.memory.steps) + 1, 3)),
        world=replace(preset.world, slots=recipe.count(preset.world.slots, 4)),
        rounds=1,
        seed=recipe.seed,
    )
    storage.write_json(recipe.folder / "config.json", plain(preset))
    run = Run.open(recipe.folder)
    for stage in (Stage.ROLLOUT, Stage.VISION, Stage.ENCODE, Stage.MEMORY):
        enter(run, envs.make, stage, 1, CHAIN[stage])
    return run


class Swaying(Policy):
    """Keeps to the road by telemetry, with correlated noise on the wheel, at speeds of its own: a driver for measuring V."""

    def __init__(self, env: Any, seed: int) -> None:
        self._env, self._noise = env, Wanderer(env.single_action_space, "correlated", span=4, seed=seed)
        self._haste = np.random.default_rng(seed).uniform(10, 40, env.num_envs)  # metres a second

    def initial(self, slots: int) -> Any:
        return self._noise.initial(slots)

    def act(self, obs: np.ndarray, state: Any, first: np.ndarray) -> tuple[np.ndarray, Any]:
        offset, turn, speed = self._env.worlds.telemetry().T
        noise, state = self._noise.act(obs, state, first)
        steer = 0.8 * turn - 0.06 * offset + 0.7 * noise[:, 0]
        return np.clip(np.stack([steer, 0.05 * (self._haste - speed)], 1), -1, 1).astype(np.float32), state


def drive(seed: int, slots: int, length: int, sway: bool) -> tuple[list[Episode], list[np.ndarray]]:
    """Drives on fresh tracks, and the telemetry of every frame but the first; cars that leave the field are dropped."""
    with contextlib.closing(envs.make("carracing", slots, seed, repeat=4, actions=2)) as env:
        random = Wanderer(env.single_action_space, "correlated", span=8, seed=seed, drift=(0.0, 0.2))
        policy = Swaying(env, seed) if sway else random
        driven, told = [], []
        for step in islice(steps(env, policy), length):
            driven.append(step)
            told.append(env.worlds.telemetry())
    whole = [slot for slot in range(slots) if not any(step.over[slot] for step in driven)]
    parts = [[(step.obs[slot], step.act[slot], step.rew[slot]) for step in driven] for slot in whole]
    episodes = []
    for slot, part in zip(whole, parts, strict=True):
        obs, act, rew = zip(*part, strict=True)
        frames = np.stack([*obs, driven[-1].after[slot]])
        episodes.append(Episode(frames, np.stack(act), np.array(rew, np.float32), end=False, trunc=True))
    return episodes, [np.stack([moment[slot] for moment in told]) for slot in whole]


def judge_vision(recipe: Recipe, run: Run, episodes: list[Episode], told: list[np.ndarray]) -> None:
    """Reconstructions against principal components, and what a linear map reads off z."""
    vision, half = Model.load(run / "vision"), 2 * len(episodes) // 3
    frames = torch.cat([to_images(episode.obs) for episode in episodes[half:]])
    with Replay.open(run / "replay") as replay:
        known = torch.cat([torch.from_numpy(replay.obs(index)) for index in range(min(len(replay), 64))]).permute(0, 3, 1, 2)
    with torch.no_grad():
        kept = torch.cat([vision.reconstruct(part) for part in frames.split(256)])
    pca = PCA.fit(known[:: len(known) // 3000 + 1], k=min(32, len(known) - 2))
    error = (kept - frames).square().mean().item()
    recipe.figure(
        "V: squared error over PCA-32's", error / (pca.reconstruct(frames) - frames).square().mean().item(), at_most(0.5)
    )
    z = [seen.mean.double().numpy()[1:] for seen in diagnostics.see(vision, episodes)]
    shown = [(abs(each[:, 0]) < NEAR) & (abs(each[:, 1]) < 1.0) for each in told]
    x, y = ([part[there] for part, there in zip(parts, shown, strict=True)] for parts in (z, told))
    found = diagnostics.probe(*(np.concatenate(part) for part in (x[:half], y[:half], x[half:], y[half:])))
    for name, value in zip(("offset from the middle", "turn from the road", "speed"), found, strict=True):
        recipe.figure(f"V: R2 of {name} from z", value, at_least(0.7))
    recipe.picture("reconstructions", reconstructions(frames[:: len(frames) // 10][:10], kept[:: len(frames) // 10][:10]))


def judge_memory(recipe: Recipe, run: Run, episodes: list[Episode]) -> None:
    """M's surprise, its calibration, and how far it sees."""
    vision, memory, half = Model.load(run / "vision"), Model.load(run / "memory"), 2 * len(episodes) // 3
    seen = diagnostics.see(vision, episodes)
    found = diagnostics.surprise(memory, seen[:half], seen[half:], recipe.seed)
    gain = (found.linear - found.memory) / max(1, found.active)
    recipe.figure("M: nats below a linear forecast, per active dimension", gain, at_least(0.1))
    recipe.figure("M: active dimensions", found.active)
    recipe.figure("M: nats that shuffled actions cost", found.shuffled - found.memory, at_least(0.1))
    pit = np.concatenate([report.pit(vision, memory, episode, recipe.seed).ravel() for episode in episodes[half:]])
    recipe.figure("M: distance of the PIT from uniform (KS)", uniform_distance(pit), at_most(0.05))
    ours, still = diagnostics.open_loop(memory, seen[half:])
    recipe.figure("M: error 10 decisions ahead over that of no change", ours / still, at_most(1.0))


def main() -> None:
    """Train both, judge both."""
    recipe = Recipe(__doc__, row=43, system="V and M of CarRacing (rows 43, 44)", minutes=FULL)
    run = train(recipe)
    judge_vision(recipe, run, *drive(run.seed(Stage.EVALUATE, 43), recipe.count(24, 3), recipe.count(150, 24), sway=True))
    judge_memory(recipe, run, drive(run.seed(Stage.EVALUATE, 44), recipe.count(18, 3), recipe.count(150, 24), sway=False)[0])
    recipe.finish()


if __name__ == "__main__":
    main()
