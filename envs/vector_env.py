"""A Gymnasium vector environment over any `Simulator`, with one rule for seeds and one for ends.

Episode k of slot i has the seed of `SeedSequence(root, spawn_key=(i, k))`: the episodes of a slot are the same however many
slots stand beside it, and however many processes simulate them.

An episode that ends begins anew in the same step (`AutoresetMode.SAME_STEP`): the observation is the first of the next
episode, and `info["final_obs"][i]` the last of the one that ended, where the mask `info["_final_obs"]` is true.

An episode that was lost with its process is reported as cut off (trunc, reward 0), with the last frame that was seen and the
mask `info["restarted"]`, and begins again with its own seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import ArrayLike, NDArray

from envs.action_checks import check
from envs.simulator import FRAME, Frames, Simulator

Mask = NDArray[np.bool_]

AHEAD = 4  # episodes of each slot that a simulator is told of beforehand


def episode_seed(root: int, slot: int, episode: int) -> int:
    """The seed of an episode, 31 bits, which every simulator takes.

    >>> episode_seed(0, 1, 2) == episode_seed(0, 1, 2), episode_seed(0, 1, 2) == episode_seed(0, 2, 1)
    (True, False)
    """
    return int(np.random.SeedSequence(root, spawn_key=(slot, episode)).generate_state(1, np.uint32)[0] >> 1)


class Slots(VectorEnv[Frames, Any, Any]):
    """The vector environment over `worlds`.

    Arguments:
        worlds: the simulator of N slots; it is closed with this environment.
        seed: the root of all episodes' seeds, until `reset` names another.
    """

    def __init__(self, worlds: Simulator, seed: int) -> None:
        self.worlds = worlds
        self.num_envs = len(worlds.frames)
        self.single_observation_space = spaces.Box(0, 255, FRAME, np.uint8)
        self.single_action_space = worlds.action_space
        self.observation_space = batch_space(self.single_observation_space, self.num_envs)
        self.action_space = batch_space(self.single_action_space, self.num_envs)
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": ["rgb_array"]}
        self.render_mode = "rgb_array"
        self._roots = [_root(seed)] * self.num_envs
        self._episodes = [-1] * self.num_envs  # of each slot, the number of the one in progress
        self._expected = [-1] * self.num_envs  # of each slot, the number of the last one that the simulator was told of

    def reset(
        self, *, seed: int | Sequence[int] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Frames, dict[str, Any]]:
        """Begin an episode at every slot: with a seed the first below that root (or below each slot's own), else the next."""
        if options:
            raise ValueError(f"options: there are none for reset here, not {sorted(options)}")
        if seed is not None:
            roots = [seed] * self.num_envs if isinstance(seed, (int, np.integer)) else list(seed)
            if len(roots) != self.num_envs:
                raise ValueError(f"seed: one for all {self.num_envs} slots or one for each, not {len(roots)}")
            self._roots = [_root(root) for root in roots]
            self._episodes, self._expected = [-1] * self.num_envs, [-1] * self.num_envs
        everywhere = np.ones(self.num_envs, np.bool_)
        self.rest(~everywhere)
        self._number(everywhere)
        while everywhere.any():
            everywhere = self._begin(everywhere)
        return self.worlds.frames.copy(), {}

    def step(self, actions: ArrayLike) -> tuple[Frames, Any, Any, Any, dict[str, Any]]:
        """Step every slot; where an episode ended, the observation is the first of the next."""
        checked = check(actions, self.single_action_space, self.num_envs)
        if self._episodes[0] < 0:
            raise RuntimeError("no episode has begun: call reset() before step()")
        rew, end, trunc, lost = self.worlds.step(checked)
        info: dict[str, Any] = {}
        self._number((end | trunc) & ~lost)
        over = end | trunc | lost
        if over.any():
            final = np.full(self.num_envs, None, dtype=object)
            starting = over
            while starting.any():
                for slot in np.flatnonzero(starting):
                    final[slot] = self.worlds.frames[slot].copy() if final[slot] is None else final[slot]
                starting = self._begin(starting)
                lost, over = lost | starting & ~over, over | starting
            info = {"final_obs": final, "_final_obs": over}
        if lost.any():
            info["restarted"] = lost
        return self.worlds.frames.copy(), rew, end, trunc | lost, info

    def rest(self, slots: Mask) -> None:
        """Nobody looks at these slots until the next reset: what they show means nothing, and costs little."""
        self.worlds.rest(slots)

    def render(self) -> tuple[Frames, ...]:
        """What each slot shows, at the resolution at which it is observed."""
        return tuple(self.worlds.frames.copy())

    def close_extras(self, **kwargs: Any) -> None:
        """Close the simulator."""
        self.worlds.close()

    def _number(self, slots: Mask) -> None:
        """Count these slots' episodes on by one."""
        for slot in np.flatnonzero(slots):
            self._episodes[slot] += 1

    def _begin(self, slots: Mask) -> Mask:
        """Begin the episodes that these slots are at; the answer masks the slots that were lost meanwhile."""
        indices = [int(slot) for slot in np.flatnonzero(slots)]
        if any(self._episodes[slot] > self._expected[slot] for slot in indices):
            self._expect(slots)
        return self.worlds.begin(indices, [self._seed(slot, self._episodes[slot]) for slot in indices])

    def _expect(self, slots: Mask) -> None:
        """Tell the simulator what every slot is to begin next; these are about to."""
        first = [episode + (not now) for episode, now in zip(self._episodes, slots, strict=True)]
        coming = [(slot, first[slot] + later) for later in range(AHEAD) for slot in range(self.num_envs)]
        self._expected = [episode + AHEAD - 1 for episode in first]
        self.worlds.expect([slot for slot, _ in coming], [self._seed(slot, episode) for slot, episode in coming])

    def _seed(self, slot: int, episode: int) -> int:
        return episode_seed(self._roots[slot], slot, episode)


def _root(seed: int) -> int:
    if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or seed < 0:
        raise ValueError(f"seed: an integer from 0 up, not {seed!r}")
    return int(seed)
