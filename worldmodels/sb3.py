"""Stable-Baselines3 in the dream (Raffin et al. 2021, JMLR 22). The only file of the package that imports it.

`BatchVecEnv` is any vector environment whose episodes begin anew in the same step as Stable-Baselines3 knows environments, and
`DreamVecEnv` is the dream, for whoever has an algorithm of theirs to try in it:

    import envs
    from stable_baselines3 import PPO
    from worldmodels.sb3 import DreamVecEnv

    dream = DreamVecEnv.of("runs/FOLDER", envs.make, slots=64)
    PPO("MlpPolicy", dream, n_steps=256).learn(100_000)

`SB3Learner` makes such an algorithm a stage of a run. Its actor is given the layers of C, so that what it has learned is put
into C weight by weight, and nothing that comes after knows who taught it:

    act = tanh(scores(x))       SAC, TD3 and DDPG squash by themselves; PPO and A2C explore before it, and the dream squashes
    act = argmax scores(x)      a Discrete space; DQN's scores are its values
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import gymnasium
import numpy as np
import stable_baselines3
import torch
from gymnasium.vector import VectorEnv
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.utils import set_random_seed
from stable_baselines3.common.vec_env import VecEnv, VecMonitor
from torch import Tensor, nn

from genmodels import storage
from genmodels.model import Model
from genmodels.random_streams import stream
from genmodels.storage import Sealed
from worldmodels import stages, teaching
from worldmodels.config import Algorithm
from worldmodels.controller import Controller
from worldmodels.dream import DreamVectorEnv
from worldmodels.interfaces import Array, Learner, MakeEnv
from worldmodels.run import Run

REACH = 8.0  # before the squashing; tanh of it is 1 to six digits
BUFFER, TRANSITIONS = 100_000, 32  # that an algorithm with a memory of them keeps, and to each of its gradient steps
ON_POLICY, BOX_ONLY, DISCRETE_ONLY = ("PPO", "A2C"), ("SAC", "TD3", "DDPG"), ("DQN",)


class BatchVecEnv(VecEnv):
    """Slots side by side, as Stable-Baselines3 wants them: one `done`, and in the infos why and what was seen last.

    Arguments:
        env: the slots, under `AutoresetMode.SAME_STEP`.
        squash: actions are taken before their tanh, which is done here.
    """

    def __init__(self, env: VectorEnv, *, squash: bool = False) -> None:
        self.env, self.squash = env, squash
        space = env.single_action_space
        if squash:
            if not isinstance(space, gymnasium.spaces.Box):
                raise ValueError(f"squash: only a point in a Box can be squashed, not a choice of {space}")
            space = gymnasium.spaces.Box(-REACH, REACH, space.shape, np.float32)
        self._actions: Array = np.zeros(0)
        super().__init__(env.num_envs, env.single_observation_space, space)

    def reset(self) -> Array:
        """Begin anew in every slot; `seed` beforehand decides how."""
        obs, _ = self.env.reset(seed=self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        return obs

    def step_async(self, actions: Array) -> None:
        """What is done next."""
        self._actions = np.tanh(actions) if self.squash else actions

    def step_wait(self) -> tuple[Array, Array, Array, list[dict[str, Any]]]:
        """One step on; where an episode is over, obs begins the next."""
        obs, rew, end, trunc, info = self.env.step(self._actions)
        done = end | trunc
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for slot in np.flatnonzero(done):
            infos[slot] = {"terminal_observation": info["final_obs"][slot], "TimeLimit.truncated": bool(trunc[slot])}
        return obs, rew, done, infos

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """What the next reset begins from; one seed for all slots, of which each makes its own."""
        self._seeds = [seed] * self.num_envs
        return self._seeds

    def get_images(self) -> Sequence[Array | None]:
        """What the slots look like; `render` shows them as one picture."""
        images: Any = self.env.render()
        return list(images)

    def close(self) -> None:
        """Close the slots."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """An attribute of the slots, which they share."""
        return [getattr(self.env, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: int | Iterable[int] | None = None) -> None:
        """Set it, for all of them."""
        if len(list(self._get_indices(indices))) != self.num_envs:
            raise ValueError(f"{attr_name}: slots share their settings; set it for all, with indices=None")
        setattr(self.env, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: int | Iterable[int] | None = None, **method_kwargs: Any
    ) -> list[Any]:
        """Refused: slots side by side are one batch."""
        raise NotImplementedError(f"{method_name}: slots side by side are one batch; call it on `.env`")

    def env_is_wrapped(self, wrapper_class: Any, indices: int | Iterable[int] | None = None) -> list[bool]:
        """No slot has a wrapper of its own."""
        return [False for _ in self._get_indices(indices)]


class DreamVecEnv(BatchVecEnv):
    """Dreams side by side.

    Arguments:
        dream: the dreams.
        squash: actions are taken before their tanh, which is done here.
    """

    def __init__(self, dream: DreamVectorEnv, *, squash: bool = False) -> None:
        self.dream = dream
        super().__init__(dream, squash=squash)

    @classmethod
    def of(cls, folder: str | Path, make_env: MakeEnv, slots: int = 64, **options: Any) -> Self:
        """The dream of a run; `options` are those of `DreamVectorEnv`, the run's own where they are not given."""
        run = Run.open(folder)
        memory, space = Model.load(run / "memory"), stages.actions(run, make_env)
        return cls(teaching.dream(run, memory, space, slots, **{"vision": Model.load(run / "vision"), **options}))

    def get_attr(self, attr_name: str, indices: int | Iterable[int] | None = None) -> list[Any]:
        """An attribute of the dreams; without V there is nothing to render."""
        if attr_name == "render_mode" and self.dream.vision is None:
            return [None for _ in self._get_indices(indices)]
        return super().get_attr(attr_name, indices)


class SB3Learner(Learner):
    """An algorithm of Stable-Baselines3, whose actor has C's layers.

    Replay buffers, optimisers and random streams of theirs are kept by pickle alone, so they are not kept: a learner that is
    resumed learns again from the seed up to where it was.

    Arguments:
        controller: what is trained, from the weights it has.
        dream: where.
        algorithm: PPO, A2C, SAC, TD3, DDPG or DQN.
        steps: dreamt steps of an iteration, over all dreams.
        gamma, lr: discount and learning rate.
        seed: of everything it draws.
    """

    def __init__(
        self,
        controller: Controller,
        dream: DreamVectorEnv,
        *,
        algorithm: Algorithm = "PPO",
        steps: int = 16_384,
        gamma: float = 0.99,
        lr: float = 3e-4,
        seed: int = 0,
    ) -> None:
        check_algorithm(controller, algorithm)
        if steps < dream.num_envs:
            raise ValueError(f"steps: {steps} in an iteration are less than one for each of {dream.num_envs} dreams")
        self.controller, self.dream, self.algorithm, self.steps = controller, dream, algorithm, steps
        self.gamma, self.lr, self.seed = gamma, lr, seed
        self._start = {name: weight.clone() for name, weight in controller.state_dict().items()}
        self._done = 0
        self.model = self._begin()

    def iterate(self, iteration: int) -> Mapping[str, float]:
        """So many steps, and what the algorithm makes of them."""
        with torch.random.fork_rng([]):
            set_random_seed(_short(self.seed, iteration))  # theirs is one global stream; none of ours is touched by it
            self.model.learn(self.steps, log_interval=1 << 30, reset_num_timesteps=False)
        self._done = iteration + 1
        recent = self.model.ep_info_buffer or [{"r": 0.0, "l": 0.0}]
        return {
            "return": float(np.mean([episode["r"] for episode in recent])),
            "length": float(np.mean([episode["l"] for episode in recent])),
            "steps": float(self.model.num_timesteps),
        }

    def finish(self) -> None:
        """Give the controller the actor's layers."""
        with torch.no_grad():
            for weight, learned in zip(self.controller.weights, _actor(self.model), strict=True):
                weight.copy_(learned)

    def state(self) -> Mapping[str, bytes]:
        """The weights of all its networks, those it began with, and how often it has iterated."""
        return {
            "policy.safetensors": storage.pack_tensors(self.model.policy.state_dict()),
            "start.safetensors": storage.pack_tensors(self._start),
            "sb3.json": storage.to_json({"algorithm": self.algorithm, "iterations": self._done}),
        }

    def load(self, sealed: Sealed) -> None:
        """Learn again what was learned: the same bits on the same machine."""
        kept = sealed.json("sb3.json")
        if kept["algorithm"] != self.algorithm:
            raise ValueError(f"algorithm: this was begun with {kept['algorithm']}, not {self.algorithm}; begin a new run")
        self._start = sealed.tensors("start.safetensors")
        self.model = self._begin()
        for iteration in range(kept["iterations"]):
            self.iterate(iteration)
        sealed.give("policy.safetensors", self.model.policy)

    def _begin(self) -> BaseAlgorithm:
        """The algorithm before its first step, with the controller's weights in its actor."""
        hidden = list(self.controller.sizes[1:-1])
        squash = self.algorithm in ON_POLICY and not self.controller.discrete
        env = VecMonitor(DreamVecEnv(self.dream, squash=squash))
        shape: dict[str, Any] = {"activation_fn": nn.Tanh}
        settings: dict[str, Any] = {"gamma": self.gamma, "learning_rate": self.lr}
        if self.algorithm in ON_POLICY:
            shape["net_arch"] = {"pi": hidden, "vf": [128, 128]}
        else:
            shape["net_arch"] = hidden if self.algorithm in DISCRETE_ONLY else {"pi": hidden, "qf": [128, 128]}
            settings |= {"buffer_size": BUFFER, "gradient_steps": math.ceil(self.dream.num_envs / TRANSITIONS)}
        if self.algorithm == "PPO":
            length = max(2, self.steps // self.dream.num_envs)
            settings |= {"n_steps": length, "batch_size": _minibatch(length * self.dream.num_envs)}
        with torch.random.fork_rng([]):
            found = getattr(stable_baselines3, self.algorithm)
            model: BaseAlgorithm = found(
                "MlpPolicy", env, policy_kwargs=shape, seed=_short(self.seed), device="cpu", verbose=0, **settings
            )
        model.set_logger(Logger(None, []))  # one of their own begins a folder for temporary files, which stays
        with torch.no_grad():
            for target, name in zip(_actor(model), self.controller.state_dict(), strict=True):
                target.copy_(self._start[name])
            for name in ("actor", "q_net"):  # where the algorithm also keeps an older self
                if hasattr(model.policy, f"{name}_target"):
                    getattr(model.policy, f"{name}_target").load_state_dict(getattr(model.policy, name).state_dict())
        return model


def _actor(model: BaseAlgorithm) -> list[Tensor]:
    """The weights and biases of what acts, from the first layer to the last."""
    policy: Any = model.policy
    if isinstance(model, (stable_baselines3.PPO, stable_baselines3.A2C)):
        parts = [policy.mlp_extractor.policy_net, policy.action_net]
    elif isinstance(model, stable_baselines3.SAC):
        parts = [policy.actor.latent_pi, policy.actor.mu]
    elif isinstance(model, stable_baselines3.DQN):
        parts = [policy.q_net.q_net]
    else:
        parts = [policy.actor.mu]
    layers = [layer for part in parts for layer in part.modules() if isinstance(layer, nn.Linear)]
    return [tensor for layer in layers for tensor in (layer.weight, layer.bias)]


def check_algorithm(controller: Controller, algorithm: str) -> None:
    """Whether an algorithm can teach this controller."""
    if algorithm not in (*ON_POLICY, *BOX_ONLY, *DISCRETE_ONLY):
        raise ValueError(f"algorithm: {', '.join((*ON_POLICY, *BOX_ONLY, *DISCRETE_ONLY))}, not {algorithm!r}")
    if not controller.bias:
        raise ValueError("controller.bias: the layers of Stable-Baselines3 have one; set it to True")
    if controller.discrete and algorithm in BOX_ONLY:
        raise ValueError(f"algorithm: {algorithm} is for actions in a Box; for a choice take PPO, A2C or DQN")
    if not controller.discrete and algorithm in DISCRETE_ONLY:
        raise ValueError(f"algorithm: {algorithm} is for a choice of actions; for a Box take PPO, A2C, SAC, TD3 or DDPG")


def _minibatch(steps: int) -> int:
    """The largest divisor of `steps` up to 2,048: their PPO wants minibatches of one size.

    >>> _minibatch(16_384), _minibatch(6_000), _minibatch(7)
    (2048, 2000, 7)
    """
    return max(size for size in range(1, min(steps, 2048) + 1) if steps % size == 0)


def _short(seed: int, *key: int) -> int:
    """A seed of 32 bits, as they take them."""
    return stream(seed, *key) % 2**32
