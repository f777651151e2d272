"""Figures of V and M against worlds whose answers are known."""

import math

import numpy as np
import pytest
import torch

from genmodels.dynamics import MDNRNN, Window
from genmodels.training import Optimizer, Update, fit
from worldmodels.diagnostics import Seen, open_loop, probe, surprise


def walks(count: int, length: int, seed: int, noise: float = 0.1) -> list[Seen]:
    """z' = z + act + noise, in two dimensions of which the second is nothing but noise of V's."""
    random = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(count):
        act = torch.rand(length, 1, generator=random) * 2 - 1
        moves = 0.3 * act[:, 0] + noise * torch.randn(length, generator=random)
        path = torch.cat([torch.zeros(1), moves.cumsum(0)])
        mean = torch.stack([path, torch.zeros_like(path)], 1)
        found.append(Seen(mean, torch.tensor([-4.0, 0.0]).expand(length + 1, 2), act))
    return found


@pytest.fixture(scope="module")
def memory() -> MDNRNN:
    """An M that has learned these walks."""
    seen = walks(64, 30, seed=1)
    ones = torch.ones(64, 30)
    window = Window(*(torch.stack(part) for part in zip(*seen, strict=True)), 0 * ones, 0 * ones, ones)
    torch.manual_seed(0)
    model = MDNRNN(2, 1, 16, 1, residual=True)
    update = Update("m", model.loss, model.parameters(), Optimizer(lr=0.01, decay="cosine"), clip=2.0)
    fit(model, [update], lambda step: window, steps=250, precision="fp32", quiet=True)
    return model.eval()


def test_a_probe_by_hand() -> None:
    random = np.random.default_rng(0)
    x, x_new = random.standard_normal((500, 3)), random.standard_normal((500, 3))
    weights = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 0.0]])
    noise = random.standard_normal((500, 2))
    found = probe(x, x @ weights + noise, x_new, x_new @ weights + random.standard_normal((500, 2)))
    assert found[0] == pytest.approx(5 / 6, abs=0.04)
    assert found[1] == pytest.approx(0.0, abs=0.04)


def test_where_the_world_is_linear_m_is_no_more_surprised_than_a_line(memory: MDNRNN) -> None:
    """Entropy: the step's noise with V's own for one dimension, a standard normal for the other."""
    found = surprise(memory, walks(64, 30, seed=2), walks(64, 30, seed=3), seed=0)
    spread = math.sqrt(0.1**2 + 2 * math.exp(-8.0))
    floor = 0.5 * math.log(2 * math.pi * math.e * spread**2) + 0.5 * math.log(2 * math.pi * math.e)
    assert found.linear == pytest.approx(floor, abs=0.05)
    assert found.memory == pytest.approx(floor, abs=0.15)
    assert found.shuffled > found.memory + 0.5
    assert found.active == 1


def test_m_foresees_where_actions_lead(memory: MDNRNN) -> None:
    ours, still = open_loop(memory, walks(16, 40, seed=4), ahead=10)
    assert still == pytest.approx(10 * (0.09 / 3 + 0.01), rel=0.3)
    assert ours < 0.6 * still


def test_too_short_an_episode_is_refused(memory: MDNRNN) -> None:
    with pytest.raises(ValueError, match="no episode has 21 steps"):
        open_loop(memory, walks(2, 12, seed=0))
