"""The loop sees the same transitions under every way of automatic reset, and counts each slot's own episodes."""

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv, VectorWrapper
from numpy.typing import NDArray

from worldmodels.blind_policies import Constant, Wanderer
from worldmodels.interfaces import Policy
from worldmodels.rollout import action_size, rollout, steps, to_env
from worldmodels.types import Episode


class Counter(gymnasium.Env[NDArray[np.uint8], Any]):
    """Shows how many steps were taken; ends after `length` of them. The reward is the number shown before the step."""

    def __init__(self, length: int, cut: bool = False) -> None:
        self.observation_space = gymnasium.spaces.Box(0, 255, (2, 2, 3), np.uint8)
        self.action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.length, self.cut, self.count = length, cut, 0

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[NDArray[np.uint8], dict[str, Any]]:
        super().reset(seed=seed)
        self.count = 0
        return self._look(), {}

    def step(self, action: Any) -> tuple[NDArray[np.uint8], float, bool, bool, dict[str, Any]]:
        before, self.count = self.count, self.count + 1
        over = self.count >= self.length
        return self._look(), float(before), over and not self.cut, over and self.cut, {}

    def _look(self) -> NDArray[np.uint8]:
        return np.full((2, 2, 3), self.count, np.uint8)


def counters(mode: AutoresetMode, lengths: tuple[int, ...], cut: bool = False) -> VectorEnv:
    return SyncVectorEnv([lambda length=length: Counter(length, cut) for length in lengths], autoreset_mode=mode)


STILL = Constant(np.zeros(1, np.float32))


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_transitions_are_the_same_under_every_mode(mode: AutoresetMode) -> None:
    seen: list[list[tuple[int, float, bool, int, bool]]] = [[], []]
    for count, step in enumerate(steps(counters(mode, (2, 3)), STILL, seed=0)):
        for slot in range(2):
            if step.valid[slot]:
                before, after = int(step.obs[slot].max()), int(step.after[slot].max())
                seen[slot].append((before, float(step.rew[slot]), bool(step.end[slot]), after, bool(step.first[slot])))
        if count == 20:
            break
    assert seen[0][:4] == 2 * [(0, 0.0, False, 1, True), (1, 1.0, True, 2, False)]
    assert seen[1][:6] == 2 * [(0, 0.0, False, 1, True), (1, 1.0, False, 2, False), (2, 2.0, True, 3, False)]


@pytest.mark.parametrize("mode", list(AutoresetMode))
@pytest.mark.parametrize("cut", [False, True])
def test_episodes_are_dealt_to_slots(mode: AutoresetMode, cut: bool) -> None:
    """The quick slot does not get more than its share."""
    kept: list[Episode] = []
    played = rollout(counters(mode, (2, 5, 9), cut), STILL, 7, keep=lambda episode, _: kept.append(episode), quiet=True)
    assert [(one.number, one.slot) for one in played] == [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (2, 0)]
    assert [one.length for one in played] == [2, 5, 9, 2, 5, 9, 2]
    assert [one.ret for one in played] == [1.0, 10.0, 36.0, 1.0, 10.0, 36.0, 1.0]
    assert all(one.end is not cut for one in played)
    assert sorted(episode.length for episode in kept) == [2, 2, 2, 5, 5, 9, 9]
    for episode in kept:
        assert episode.obs[:, 0, 0, 0].tolist() == list(range(episode.length + 1)), "the last frame is the old episode's"
        assert (episode.end, episode.trunc) == (not cut, cut)


class Remembers(Policy):
    """Acts by how long its episode has lasted, which it carries in its state."""

    def initial(self, slots: int) -> NDArray[np.int64]:
        return np.zeros(slots, np.int64)

    def act(
        self, obs: Any, state: NDArray[np.int64], first: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        age = np.where(first, 0, state)
        return (age[:, None] / 10.0).astype(np.float32), age + 1


@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_a_policys_state_starts_anew_with_each_episode(mode: AutoresetMode) -> None:
    kept: list[Episode] = []
    rollout(counters(mode, (3, 4)), Remembers(), 6, keep=lambda episode, _: kept.append(episode), quiet=True)
    for episode in kept:
        assert episode.act[:, 0] == pytest.approx(np.arange(episode.length) / 10.0)


def test_actions_of_a_discrete_space_are_one_hot_inside_and_numbers_outside() -> None:
    space = gymnasium.spaces.Discrete(3, start=5)
    assert action_size(space) == 3
    assert to_env(space, np.eye(3, dtype=np.float32)[[2, 0]]).tolist() == [7, 5]


@pytest.mark.parametrize("space", [gymnasium.spaces.Dict({}), gymnasium.spaces.Box(-1, 1, (2, 2))])
def test_other_spaces_are_refused(space: Any) -> None:
    with pytest.raises(TypeError, match="Discrete space or a Box of one axis"):
        action_size(space)


@pytest.mark.parametrize("kind", ["uniform", "held", "correlated", "network"])
@pytest.mark.parametrize("space", [gymnasium.spaces.Box(-1, 1, (2,), np.float32), gymnasium.spaces.Discrete(4)])
def test_wanderers_are_repeatable_and_stay_in_their_box(kind: Any, space: Any) -> None:
    obs = np.random.default_rng(0).integers(0, 255, (5, 64, 64, 3), dtype=np.uint8)

    def walk(seed: int) -> NDArray[np.float32]:
        policy = Wanderer(space, kind, span=4, seed=seed)
        state, acts = policy.initial(5), []
        for step in range(60):
            act, state = policy.act(obs, state, np.full(5, step == 0))
            acts.append(act)
        return np.stack(acts)

    acts = walk(1)
    assert np.array_equal(acts, walk(1))
    assert not np.array_equal(acts, walk(2))
    assert np.abs(acts).max() <= 1.0
    if isinstance(space, gymnasium.spaces.Discrete):
        assert np.array_equal(acts.sum(-1), np.ones((60, 5)))


def test_held_actions_last_and_correlated_ones_drift() -> None:
    space = gymnasium.spaces.Box(-1, 1, (1,), np.float32)
    obs = np.zeros((200, 64, 64, 3), np.uint8)
    changes = {}
    for kind in ("uniform", "held", "correlated"):
        policy = Wanderer(space, kind, span=10, seed=0)  # type: ignore[arg-type]
        state, acts = policy.initial(200), []
        for step in range(100):
            act, state = policy.act(obs, state, np.full(200, step == 0))
            acts.append(act[:, 0])
        run = np.stack(acts)
        changes[kind] = float((run[1:] != run[:-1]).mean())
        if kind == "correlated":
            neighbours = np.corrcoef(run[1:].ravel(), run[:-1].ravel())[0, 1]
            assert neighbours > 0.8
    assert changes["uniform"] == 1.0
    assert changes["held"] == pytest.approx(1 / 5.5, abs=0.02)


def test_an_unknown_kind_and_a_drift_of_another_size_are_refused() -> None:
    space = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    with pytest.raises(ValueError, match="uniform, held, correlated, network"):
        Wanderer(space, "drunk")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="drift: 1 numbers, where an action has 2"):
        Wanderer(space, "correlated", drift=(0.5,))


def test_slots_that_have_played_their_share_rest() -> None:
    rested: list[list[bool]] = []

    class Restful(VectorWrapper):
        def rest(self, slots: NDArray[np.bool_]) -> None:
            rested.append(slots.tolist())

    rollout(Restful(counters(AutoresetMode.SAME_STEP, (2, 5, 9))), STILL, 5, quiet=True)
    assert rested == [[True, False, False], [True, False, True]]
