"""The environment loop. There is no other, and nobody else knows the rules of automatic reset.

    obs[t], act[t] -> rew[t], end[t], trunc[t], obs[t + 1]

Gymnasium's vector environments start a new episode by themselves, in one of three ways. Under SAME_STEP the step that ends an
episode returns the next one's first observation, and the last one of the old in `info["final_obs"]`. Under NEXT_STEP the
following step ignores its action and returns the first observation: a transition that never was. Under DISABLED we ask.
`steps` hides all three.

Episodes are dealt to the slots beforehand. To take the first N that end, whoever they are, would count the short ones twice.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import gymnasium
import numpy as np
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from genmodels.compiled.threads import alone
from genmodels.interruption import LEAVE, Left
from genmodels.progress import Display
from worldmodels.interfaces import Array, Policy
from worldmodels.types import Episode


@dataclass(frozen=True)
class Step:
    """What one step of all N slots brought."""

    obs: Array
    act: NDArray[np.float32]  # (N, A)
    rew: NDArray[np.float32]  # (N,)
    end: NDArray[np.bool_]
    trunc: NDArray[np.bool_]
    shown: Array  # what the environment showed then: where one is over under SAME_STEP, the next episode's first observation
    first: NDArray[np.bool_]  # where obs begins an episode
    valid: NDArray[np.bool_]  # where this transition happened at all
    state: Any  # the policy's, before it acted
    last: Any = None  # the last observations of the episodes that are over, by slot, where `shown` has not got them
    info: Mapping[str, Any] = field(default_factory=dict)  # what else the environment said

    @property
    def over(self) -> NDArray[np.bool_]:
        """Where an episode is over, for whichever reason."""
        return self.end | self.trunc

    @cached_property
    def after(self) -> Array:
        """What the actions led to: where an episode is over, its last observation. It is put together when it is asked for."""
        if self.last is None:
            return self.shown
        seen, slots = self.shown.copy("K"), np.flatnonzero(self.over)
        seen[slots] = np.stack([self.last[slot] for slot in slots])
        return seen


@dataclass(frozen=True)
class Played:
    """One episode that was played."""

    slot: int
    number: int  # of the slot's episodes, from 0
    ret: float
    length: int
    end: bool


def action_size(space: gymnasium.Space[Any]) -> int:
    """The numbers in an action as policies give it and M sees it."""
    if isinstance(space, gymnasium.spaces.Discrete):
        return int(space.n)
    if isinstance(space, gymnasium.spaces.Box) and len(space.shape) == 1:
        return space.shape[0]
    raise TypeError(
        f"actions are a Discrete space or a Box of one axis, not {space}; "
        "wrap the environment, for example in gymnasium.wrappers.TransformAction"
    )


def to_env(space: gymnasium.Space[Any], act: NDArray[np.float32]) -> Array:
    """A policy's actions (N, A) as the environment takes them: one-hot vectors become numbers."""
    if isinstance(space, gymnasium.spaces.Discrete):
        return space.start + act.argmax(axis=1).astype(space.dtype)
    return act


def at_work(env: VectorEnv) -> AbstractContextManager[None]:
    """How PyTorch is best set while this is driven: simulators want the cores, and a dream knows what it wants."""
    wish: Callable[[], AbstractContextManager[None]] = getattr(env, "at_work", alone)
    return wish()


def rest(env: VectorEnv, slots: NDArray[np.bool_]) -> None:
    """Tell an environment whose slots can rest that nobody looks at these until it is reset."""
    can: Callable[[NDArray[np.bool_]], None] = getattr(env, "rest", lambda slots: None)
    can(slots)


def steps(env: VectorEnv, policy: Policy, seed: int | list[int] | None = None) -> Iterator[Step]:
    """Drive an environment by a policy for ever, one step of all slots at a time."""
    mode = AutoresetMode(env.metadata.get("autoreset_mode", AutoresetMode.NEXT_STEP))
    obs, _ = env.reset(seed=seed)  # type: ignore[arg-type]  # vector environments take a list of seeds too
    state = policy.initial(env.num_envs)
    first, junk = np.ones(env.num_envs, bool), np.zeros(env.num_envs, bool)
    while True:
        act, onward = policy.act(obs, state, first)
        after, rew, end, trunc, info = env.step(to_env(env.single_action_space, act))
        end, trunc = end.astype(bool), trunc.astype(bool)
        over = end | trunc
        last = info["final_obs"] if mode is AutoresetMode.SAME_STEP and over.any() else None
        yield Step(obs, act, rew.astype(np.float32), end, trunc, after, first, ~junk, state, last, info)
        if mode is AutoresetMode.SAME_STEP:
            first = over
        elif mode is AutoresetMode.NEXT_STEP:
            first, junk = junk, over
        elif over.any():
            after, _ = env.reset(options={"reset_mask": over})
            first = over
        else:
            first = over
        obs, state = after, onward


def rollout(
    env: VectorEnv,
    policy: Policy,
    episodes: int,
    *,
    seed: int | list[int] | None = None,
    keep: Callable[[Episode, Played], None] | None = None,
    quiet: bool = False,
) -> list[Played]:
    """Play a number of episodes, dealt to the slots in turn: slot i plays episodes i, i + N, i + 2 N, ...

    Arguments:
        env: any vector environment: real, toy or dream.
        policy: who acts.
        episodes: how many are played and counted in all.
        seed: handed to `env.reset`.
        keep: is given each counted episode whole, as it ends; without it frames are not held.
        quiet: whether to show no progress.
    """
    slots = env.num_envs
    quota = np.full(slots, episodes // slots) + (np.arange(slots) < episodes % slots)
    number, length, ret = np.zeros(slots, int), np.zeros(slots, int), np.zeros(slots)
    records: list[list[tuple[Array, Array, float, Array]]] = [[] for _ in range(slots)]
    played: list[Played] = []
    resting, leave = np.zeros(slots, bool), LEAVE.get()
    frames, began = 0, time.monotonic()

    def figures() -> dict[str, float]:
        recent = [episode.ret for episode in played[-100:]]
        return {"frames": frames, "return": float(np.mean(recent)) if recent else 0.0}

    with at_work(env), Display(episodes, None, unit="episode", quiet=quiet) as display:
        for step in steps(env, policy, seed):
            if leave is not None and leave.is_set():
                raise Left
            counted = step.valid & (number < quota)
            frames += int(counted.sum())
            ret += np.where(counted, step.rew, 0.0)
            length += counted
            if keep is not None:
                for slot in np.flatnonzero(counted):
                    records[slot].append((step.obs[slot], step.act[slot], float(step.rew[slot]), step.after[slot]))
            for slot in np.flatnonzero(counted & step.over):
                one = Played(int(slot), int(number[slot]), float(ret[slot]), int(length[slot]), bool(step.end[slot]))
                played.append(one)
                if keep is not None:
                    keep(_episode(records[slot], one, step), one)
                    records[slot] = []
                number[slot], length[slot], ret[slot] = number[slot] + 1, 0, 0.0
            display.show(len(played), time.monotonic() - began, figures)
            if (number >= quota).all():
                break
            if (resting != (number >= quota)).any():
                rest(env, resting := number >= quota)
        display.show(len(played), time.monotonic() - began, figures, last=True)
    return sorted(played, key=lambda episode: (episode.number, episode.slot))


def _episode(record: list[tuple[Array, Array, float, Array]], played: Played, step: Step) -> Episode:
    obs, act, rew, after = zip(*record, strict=True)
    return Episode(
        obs=np.stack([*obs, after[-1]]),
        act=np.stack(act).astype(np.float32),
        rew=np.array(rew, np.float32),
        end=played.end,
        trunc=bool(step.trunc[played.slot]),
        facts={"slot": played.slot, "number": played.number},
    )
