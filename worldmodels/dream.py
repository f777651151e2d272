"""The dream: M as an environment.

    obs = [z, h]        act        z', rew, end ~ M(z, act, h)        h' = M's state

It is a Gymnasium vector environment like any other, so the same `rollout` drives it and the same controller acts in it. V is
needed for `render` only.

Noise is a function of (seed, slot, episode, step): a dream does not depend on how many others are dreamt beside it. With
`shared=r` slots i, i + r, i + 2 r, ... have the same noise and the same start, so that candidates are compared on equal luck.

The temperature tau is that of Ha and Schmidhuber: mixture logits are divided by it, standard deviations multiplied by its
root. Above one the dream is less predictable, and its flaws are harder to exploit.
"""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from torch import Tensor

from genmodels.compiled.threads import alone
from genmodels.dynamics import DynamicsModel, steps_of
from genmodels.model import VisionModel
from genmodels.sampling import counter_noise
from worldmodels.controller import Sight, sight, sight_size
from worldmodels.interfaces import Array
from worldmodels.starts import Starts

FAR = 1e6  # no latent is ever there; checkers of environments dislike infinity
EPISODE_STRIDE = 1 << 32  # the noise row of a slot's k-th episode: slot + k * stride


class DreamVectorEnv(VectorEnv[Array, Array, Array]):
    """N dreams side by side; SAME_STEP automatic reset.

    Arguments:
        memory: M.
        starts: where they begin.
        num_envs: N.
        action_space: a Box [-1, 1]^k or a Discrete space, as the real environment's.
        sees: what is shown: z, [z, h] or [z, c, h].
        temperature: tau.
        horizon: steps after which a dream is cut (`trunc`).
        alive: the reward of each step, where M does not predict rewards.
        vision: V, for `render`.
        shared: how many slots have noise of their own; None for all.
        precision: of M's matrix products, "fp32" or "bf16" (`genmodels.dynamics.QuickSteps`).
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": ["rgb_array"]}  # noqa: RUF012 (Gymnasium's own form)
    render_mode = "rgb_array"

    def __init__(
        self,
        memory: DynamicsModel,
        starts: Starts,
        num_envs: int,
        action_space: gymnasium.Space[Any],
        *,
        sees: Sight = "zh",
        temperature: float = 1.0,
        horizon: int = 1000,
        alive: float = 1.0,
        vision: VisionModel | None = None,
        shared: int | None = None,
        precision: str = "fp32",
    ) -> None:
        if len(starts) == 0:
            raise ValueError("there is no moment at which a dream could start")
        if not temperature > 0.0:
            raise ValueError(f"temperature must be above 0, not {temperature}")
        self.memory, self.starts, self.num_envs, self.sees = memory, starts, num_envs, sees
        self.temperature, self.horizon, self.alive, self.vision = temperature, horizon, alive, vision
        size = sight_size(memory, sees)
        self.single_observation_space = gymnasium.spaces.Box(-FAR, FAR, (size,), np.float32)
        self.single_action_space = action_space
        self.observation_space = gymnasium.vector.utils.batch_space(self.single_observation_space, num_envs)
        self.action_space = gymnasium.vector.utils.batch_space(action_space, num_envs)
        self._own = torch.arange(num_envs) % (shared or num_envs)
        self._seed = 0
        self._episode, self._step = torch.zeros(num_envs, dtype=torch.long), torch.zeros(num_envs, dtype=torch.long)
        self._z, state = torch.zeros(num_envs, memory.latent_size), memory.initial(num_envs)
        self._state = type(state)(*(_by_columns(part) for part in state))  # changed in place
        with torch.no_grad():
            self._onward: Any = steps_of(memory, num_envs, precision)
        self._fused = getattr(self._onward, "threads", 1) > 1

    def at_work(self) -> AbstractContextManager[None]:
        """How PyTorch is best set while these are dreamt: without threads of its own, where the steps have theirs."""
        return alone() if self._fused else nullcontext()

    @torch.no_grad()
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin anew in every slot. Without a seed, each goes on to its next episode."""
        if seed is not None:
            self._seed, self._episode = seed, torch.zeros_like(self._episode)
        else:
            self._episode = self._episode + 1
        return self._begin(torch.arange(self.num_envs)), {}

    @torch.no_grad()
    def step(self, actions: Array) -> tuple[Array, Array, Array, Array, dict[str, Any]]:
        """Dream one step on. `info["end_probability"]` is M's belief that it was the last."""
        act = self._actions(actions)
        drawn = counter_noise.uniform(self._seed, self._rows(), self._step, self.memory.noise_size + 1)
        outcome, self._state = self._onward(self._z, act, self._state, drawn[:, :-1], self.temperature)
        self._z, self._step = outcome.z, self._step + 1
        rew = outcome.rew if self.memory.predicts_reward else torch.full((self.num_envs,), self.alive)
        end = (drawn[:, -1] < outcome.end).numpy()
        trunc = ~end & (self._step >= self.horizon).numpy()
        told = self.sees == "zh" and hasattr(self._onward, "seen")
        obs = (self._onward.seen if told else sight(self.memory, self._z, self._state, self.sees)).numpy()
        info = {"end_probability": outcome.end.numpy()}
        if (over := end | trunc).any():
            slots, final = np.flatnonzero(over), np.empty(self.num_envs, object)
            for slot, last in zip(slots, obs[slots], strict=True):
                final[slot] = last
            info |= {"final_obs": final, "_final_obs": over}
            self._episode = self._episode + torch.from_numpy(over)
            obs[slots] = self._begin(torch.from_numpy(slots))
        return obs, rew.numpy(), end, trunc, info

    @torch.no_grad()
    def render(self) -> Any:
        """What the dreams look like, bytes (N, H, W, 3)."""
        if self.vision is None:
            raise ValueError("a dream can only be seen through V: give vision= to DreamVectorEnv")
        frames = self.vision.decode(self._z).clamp(0.0, 1.0)
        return (255.0 * frames.permute(0, 2, 3, 1)).round().byte().numpy()

    def _rows(self) -> Tensor:
        return self._own + EPISODE_STRIDE * self._episode

    def _begin(self, slots: Tensor) -> Array:
        """New dreams in these slots, each at a moment of its own choosing: what they look like."""
        rows, latent = self._rows()[slots], self.memory.latent_size
        chosen = counter_noise.uniform(self._seed, rows, -1, 1)[:, 0].double()
        moment = (chosen * len(self.starts)).long().clamp_max(len(self.starts) - 1)
        spread = self.starts.log_sd[moment].float().exp()
        z = self.starts.mean[moment].float() + spread * counter_noise.normal(self._seed, rows, -2, latent)
        stored = self.starts.state
        states = self.memory.initial(len(slots)) if stored is None else type(stored)(*(part[moment] for part in stored))
        self._z = self._z.index_copy(0, slots, z)  # a copy: the last one may have been shown
        for part, new in zip(self._state, states, strict=True):
            part.index_copy_(0, slots, new.to(part.dtype))
        self._step[slots] = 0
        return sight(self.memory, z, states, self.sees).numpy()

    def _actions(self, actions: Array) -> Tensor:
        space = self.single_action_space
        if np.shape(actions) != self.action_space.shape or not np.isfinite(actions).all():
            raise ValueError(f"actions must be finite and of shape {self.action_space.shape}, not {np.shape(actions)}")
        if isinstance(space, gymnasium.spaces.Discrete):
            return torch.nn.functional.one_hot(torch.as_tensor(actions - space.start).long(), int(space.n)).float()
        return torch.as_tensor(actions, dtype=torch.float32)


def _by_columns(part: Tensor) -> Tensor:
    """A copy in which one number of all dreams is one stretch of memory, as `QuickSteps` likes it."""
    return part.transpose(0, -1).clone(memory_format=torch.contiguous_format).transpose(0, -1)


class DreamEnv(gymnasium.Env[Array, Any]):
    """One dream, as a plain Gymnasium environment."""

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012 (Gymnasium's own form)

    def __init__(self, memory: DynamicsModel, starts: Starts, action_space: gymnasium.Space[Any], **options: Any) -> None:
        self._dreams = DreamVectorEnv(memory, starts, 1, action_space, **options)
        self.observation_space, self.action_space = self._dreams.single_observation_space, action_space
        self.render_mode = "rgb_array" if self._dreams.vision is not None else None

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Begin a dream."""
        super().reset(seed=seed)
        obs, info = self._dreams.reset(seed=seed)
        return obs[0], info

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Dream one step on."""
        obs, rew, end, trunc, info = self._dreams.step(np.asarray(action)[None])
        over = bool(end[0] or trunc[0])
        seen = info["final_obs"][0] if over else obs[0]
        return seen, float(rew[0]), bool(end[0]), bool(trunc[0]), {"end_probability": float(info["end_probability"][0])}

    def render(self) -> Any:
        """What the dream looks like, (H, W, 3)."""
        return self._dreams.render()[0]
