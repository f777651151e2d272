"""The two simulators of CarRacing, as V sees them: before an agent made in one is scored in the other."""

from typing import Any

import numpy as np
import pytest
import torch

import envs
from genmodels.autoencoders import VAE
from genmodels.training import Shuffled, fit
from worldmodels.agent import to_images
from worldmodels.blind_policies import Wanderer
from worldmodels.rollout import rollout, steps
from worldmodels.types import Episode

OPTIONS: dict[str, Any] = {"repeat": 4, "actions": 2}


def frames(backend: str, seed: int, moments: int, slots: int = 8) -> np.ndarray:
    """(moments, slots, 64, 64, 3) under the same random actions, each slot's first episode."""
    env = envs.make("carracing", slots, seed, backend=backend, **OPTIONS)
    policy = Wanderer(env.single_action_space, "correlated", span=8, seed=0, drift=(0.0, 0.2))
    seen = np.stack([step.obs for _, step in zip(range(moments), steps(env, policy), strict=False)])
    env.close()
    return seen


@pytest.mark.slow
def test_what_v_sees_of_both_simulators_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    episodes: list[Episode] = []
    env = envs.make("carracing", 8, 1, backend="envpool", max_frames=400, **OPTIONS)
    policy = Wanderer(env.single_action_space, "correlated", span=8, seed=1, drift=(0.0, 0.2))
    rollout(env, policy, 24, keep=lambda episode, _: episodes.append(episode), quiet=True)
    env.close()
    data = torch.from_numpy(np.concatenate([episode.obs for episode in episodes])).permute(0, 3, 1, 2).contiguous()
    torch.manual_seed(0)
    vision = VAE((3, 64, 64), 32, 32, blocks=0, patch=4, sd=0.1)
    fit(vision, vision.updates(), Shuffled(data, 64), steps=400, quiet=True)
    ours, theirs = frames("gymnasium", 5, 50), frames("envpool", 5, 50)
    same = np.abs(ours[0].astype(float) - theirs[0]).mean(axis=(1, 2, 3)) < 6.0  # tracks that both draw alike
    assert same.sum() >= 4
    pixel = np.abs(ours[:, same].astype(float) - theirs[:, same]).mean()
    with torch.no_grad():
        seen = [vision.encode(to_images(part[:, same].reshape(-1, 64, 64, 3))).mean for part in (ours, theirs)]
    error = (seen[0] - seen[1]).square().mean().sqrt() / seen[0].std(0).mean()
    with capsys.disabled():
        print(f"\n{same.sum()} of {len(same)} tracks alike; a pixel differs by {pixel:.1f}, a latent by {error:.2f} spreads")
    assert error < 0.5
