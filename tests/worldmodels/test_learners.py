"""Learners: a toy that each must solve in seconds, exact resumption, and answers worked out by hand."""

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.vector import AutoresetMode, VectorEnv
from numpy.typing import NDArray

from genmodels import checkpoints
from worldmodels.controller import Controller, Reflex
from worldmodels.evolution import Evolution, Worth
from worldmodels.interfaces import Learner
from worldmodels.learner_loop import improve
from worldmodels.ppo import PPO, Stretch, gae
from worldmodels.rollout import Played, rollout

BOX = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)


class Point(VectorEnv):
    """A sliding point is pushed left or right; each of 20 steps earns 1 less its distance from the middle."""

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012

    def __init__(self, slots: int, discrete: bool = False) -> None:
        self.num_envs, self.discrete = slots, discrete
        self.single_action_space = gymnasium.spaces.Discrete(3) if discrete else BOX

    def reset(self, *, seed: int | None = None, options: Any = None) -> tuple[NDArray[np.float32], dict[str, Any]]:
        self._random = np.random.default_rng(seed)
        self._x = self._random.uniform(-1, 1, self.num_envs)
        self._v, self._age = np.zeros(self.num_envs), np.zeros(self.num_envs, int)
        return self._look(), {}

    def step(self, actions: NDArray[Any]) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        push = actions - 1.0 if self.discrete else actions[:, 0]
        self._v = 0.8 * self._v + 0.1 * push
        self._x, self._age = self._x + self._v, self._age + 1
        rew, trunc, seen, info = 1.0 - np.abs(self._x), self._age >= 20, self._look(), {}
        if trunc.any():
            info = {"final_obs": seen}
            self._x[trunc], self._v[trunc], self._age[trunc] = self._random.uniform(-1, 1, trunc.sum()), 0.0, 0
        return self._look(), rew, np.zeros(self.num_envs, bool), trunc, info

    def _look(self) -> NDArray[np.float32]:
        return np.stack([self._x, self._v], 1).astype(np.float32)


def controller(discrete: bool = False, seed: int = 0) -> Controller:
    torch.manual_seed(seed)
    return Controller(2, 3 if discrete else 1, discrete=discrete)


def fitness(made: Controller) -> Any:
    def of(candidates: torch.Tensor, seed: int) -> Worth:
        played = rollout(Point(4 * len(candidates)), Reflex(made, candidates), 4 * len(candidates), seed=seed >> 1, quiet=True)
        return Worth.of(played, len(candidates))

    return of


def ppo(made: Controller, discrete: bool = False) -> PPO:
    world: Any = Point(64, discrete)
    return PPO(made, world, iterations=30, length=20, minibatch=256, gamma=0.95, lr=0.01, seed=3)


def evolution(made: Controller) -> Evolution:
    return Evolution(made, fitness(made), population=12, sigma=0.5, judge_every=4, seed=3)


def score(made: Controller, discrete: bool = False) -> float:
    played = rollout(Point(64, discrete), Reflex(made), 64, seed=99, quiet=True)
    return float(np.mean([one.ret for one in played]))


@pytest.mark.parametrize(("make", "discrete"), [(ppo, False), (lambda made: ppo(made, True), True), (evolution, False)])
def test_each_learner_brings_the_point_to_the_middle(make: Any, discrete: bool, tmp_path: Path) -> None:
    made = controller(discrete)
    before = score(made, discrete)
    improve(make(made), 30, tmp_path, quiet=True)
    assert score(made, discrete) > max(16.0, before)


@pytest.mark.parametrize("make", [ppo, evolution])
def test_a_learner_that_was_cut_short_ends_with_the_same_bits(make: Any, tmp_path: Path) -> None:
    whole, parts = controller(), controller()
    improve(make(whole), 9, tmp_path / "whole", quiet=True)
    for iterations in (2, 5, 9):
        improve(make(parts), iterations, tmp_path / "parts", quiet=True)
    assert np.array_equal(whole.vector(), parts.vector())
    lines = [(tmp_path / name / "metrics.jsonl").read_text().splitlines() for name in ("whole", "parts")]
    assert [line.partition('"seconds"')[0] for line in lines[0]] == [line.partition('"seconds"')[0] for line in lines[1]]


@pytest.mark.parametrize("make", [ppo, evolution])
def test_another_seed_learns_otherwise(make: Any) -> None:
    one, other = controller(), controller()
    first, second = make(one), make(other)
    second.seed = 4
    for learner in (first, second):
        learner.iterate(0)
    assert str(first.state()) != str(second.state())


def test_the_generalised_advantage_by_hand() -> None:
    """Two steps, then an end; in the second slot a cut, worth what the value says of the last sight; in the third dice that
    ended what M gave three chances in four to go on."""
    stretch = Stretch(
        x=torch.zeros(2, 3, 1),
        act=torch.zeros(2, 3, 1),
        old=torch.zeros(2, 3),
        rew=torch.tensor([[1.0, 1.0, 1.0], [2.0, 2.0, 2.0]]),
        going=torch.tensor([[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]),
        alive=torch.tensor([[1.0, 1.0, 1.0], [0.0, 1.0, 0.75]]),
        last=torch.tensor([[0.0, 0.0, 0.0], [8.0, 10.0, 12.0]]),
        after=torch.tensor([100.0, 100.0, 100.0]),
    )
    value = torch.tensor([[3.0, 3.0, 3.0], [4.0, 4.0, 4.0]])
    last = (2.0 - 4.0, 2.0 + 0.9 * 10.0 - 4.0, 2.0 + 0.9 * 0.75 * 12.0 - 4.0)
    first = tuple(1.0 + 0.9 * 4.0 - 3.0 + 0.9 * 0.5 * each for each in last)
    assert gae(stretch, value, gamma=0.9, lam=0.5) == pytest.approx(torch.tensor([first, last]))


def test_without_decay_the_advantage_is_the_return_less_the_value() -> None:
    random = torch.Generator().manual_seed(0)
    rew, value, after = torch.rand(5, 3, generator=random), torch.rand(5, 3, generator=random), torch.rand(3, generator=random)
    nothing = torch.zeros(5, 3)
    stretch = Stretch(nothing[..., None], nothing[..., None], nothing, rew, nothing + 1.0, nothing + 1.0, nothing, after)
    returns = torch.stack([sum(0.9 ** (k - t) * rew[k] for k in range(t, 5)) + 0.9 ** (5 - t) * after for t in range(5)])
    assert gae(stretch, value, gamma=0.9, lam=1.0) == pytest.approx(returns - value, abs=1e-5)


def test_the_values_units_change_and_what_it_says_does_not() -> None:
    learner = ppo(controller())
    x = torch.randn(10, 2)
    with torch.no_grad():
        learner.value.rescale(torch.tensor([100.0, 300.0]))
    before = learner.value(x)
    with torch.no_grad():
        learner.value.rescale(torch.tensor([-5000.0, 1000.0, 30.0]))
    assert learner.value(x).detach() == pytest.approx(before.detach(), rel=1e-3, abs=1e-3)


def test_a_batch_of_candidates_scores_as_each_alone() -> None:
    made = controller()
    candidates = torch.randn(5, made.num_parameters, generator=torch.Generator().manual_seed(0))
    together = rollout(Point(5), Reflex(made, candidates), 5, seed=1, quiet=True)
    start = np.random.default_rng(1).uniform(-1, 1, 5)
    for index, one in enumerate(sorted(together, key=lambda one: one.slot)):
        x, v, total = start[index], 0.0, 0.0
        made.set_vector(candidates[index].double().numpy())
        for _ in range(20):
            v = 0.8 * v + 0.1 * made(torch.tensor([[x, v]], dtype=torch.float32)).item()
            x += v
            total += 1.0 - abs(x)
        assert one.ret == pytest.approx(total, abs=1e-4)


def test_the_elite_is_judged_on_luck_no_generation_had() -> None:
    """Fitness that rewards the seed of a generation, and nothing else: training scores rise, the elite's claim does not."""
    seeds: list[int] = []

    def lucky(candidates: torch.Tensor, seed: int) -> Worth:
        seeds.append(seed)
        return Worth(np.arange(len(candidates), dtype=float) + seed % 7, 10)

    learner = Evolution(controller(), lucky, population=6, judge_every=2, judgements=3)
    for iteration in range(4):
        figures = learner.iterate(iteration)
    held_out = seeds[2:5]
    assert seeds == [*seeds[:2], *held_out, *seeds[5:7], *held_out]
    assert len(set(seeds)) == 7
    assert figures["held_out"] == pytest.approx(2.0 + np.mean([luck % 7 for luck in held_out]))
    assert figures["frames"] == 10 * len(seeds)


def test_what_a_candidate_is_worth_is_the_mean_of_its_slots() -> None:
    """Two candidates of two slots each; episodes come in the order in which they end."""
    played = [Played(slot, 0, ret, length, True) for slot, ret, length in ((2, 5.0, 1), (0, 1.0, 2), (3, 7.0, 4), (1, 2.0, 8))]
    returns, frames = Worth.of(played, 2)
    assert returns.tolist() == [1.5, 6.0]
    assert frames == 15


def test_a_return_that_is_not_finite_is_refused() -> None:
    learner = Evolution(controller(), lambda candidates, seed: Worth(np.full(len(candidates), np.nan), 1), population=6)
    with pytest.raises(ValueError, match="a return is not finite"):
        learner.iterate(0)


def test_evolution_leaves_numpys_global_stream_alone() -> None:
    state = repr(np.random.get_state())  # noqa: NPY002
    learner: Learner = evolution(controller())
    learner.iterate(0)
    assert repr(np.random.get_state()) == state  # noqa: NPY002


def test_a_damaged_checkpoint_is_passed_over(tmp_path: Path) -> None:
    made = controller()
    improve(ppo(made), 2, tmp_path, quiet=True)
    improve(ppo(made), 4, tmp_path, quiet=True)
    newest = max((tmp_path / "checkpoints").iterdir()) / "ppo.safetensors"
    newest.write_bytes(newest.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="damaged checkpoint"):
        sealed = checkpoints.load(tmp_path / "checkpoints")
    assert sealed is not None
    assert sealed.json("learning.json")["iteration"] == 2
