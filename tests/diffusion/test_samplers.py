"""Samplers on images of one Gaussian pixel: what is in the noise can be told exactly, and what must come out as well."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels.diffusion import SAMPLERS, SCHEDULES
from genmodels.diffusion.predictions import PREDICTIONS
from genmodels.diffusion.samplers import evenly

MEAN, SD = 0.3, 0.2


def told(schedule: Any) -> Callable[[Tensor, float], tuple[Tensor, Tensor]]:
    """E [x_0 | x_t] of x_0 ~ N(MEAN, SD^2), and the noise that goes with it."""

    def parts(x: Tensor, t: float) -> tuple[Tensor, Tensor]:
        signal, noise = schedule(torch.tensor(t, dtype=torch.float64))
        x0 = MEAN + SD**2 * signal / (signal**2 * SD**2 + noise**2) * (x - signal * MEAN)
        return x0, (x - signal * x0) / noise

    return parts


def drawn(sampler: Any, schedule: Any, steps: int, n: int = 20_000) -> Tensor:
    z = torch.randn(n, 1, 1, 1, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    z = (z - z.mean()) / z.std()
    way = SAMPLERS[sampler](told(schedule), schedule, z, evenly(schedule, sampler, steps), torch.Generator().manual_seed(1))
    *_, x = way
    return x / schedule(torch.zeros(()))[0]


@pytest.mark.parametrize("name", ["linear", "cosine"])
@pytest.mark.parametrize(
    ("sampler", "steps", "close"), [("ancestral", 200, 0.02), ("ddim", 200, 0.01), ("heun", 60, 0.01), ("dpm", 20, 0.01)]
)
def test_a_gaussian_comes_out(sampler: str, steps: int, close: float, name: Any) -> None:
    x = drawn(sampler, SCHEDULES[name], steps)
    assert x.mean().item() == pytest.approx(MEAN, abs=0.01)
    assert x.std().item() == pytest.approx(SD, abs=close)


def test_of_second_order_fewer_steps_do() -> None:
    def error(sampler: str, steps: int) -> float:
        return abs(drawn(sampler, SCHEDULES["cosine"], steps, 2000).std().item() - SD)

    assert error("dpm", 16) < 0.2 * error("ddim", 16)
    assert error("heun", 32) < 0.5 * error("ddim", 64)  # at as many questions
    assert error("heun", 64) == pytest.approx(error("heun", 32) / 4, rel=0.2)


@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_only_the_ancestral_one_draws_fresh_noise(sampler: Any) -> None:
    schedule, x = SCHEDULES["cosine"], torch.randn(50, 1, 1, 1, dtype=torch.float64)
    ends = []
    for seed in (0, 1):
        random = torch.Generator().manual_seed(seed)
        *_, end = SAMPLERS[sampler](told(schedule), schedule, x, evenly(schedule, sampler, 10), random)
        ends.append(end)
    assert torch.equal(*ends) == (sampler != "ancestral")


@pytest.mark.parametrize("sampler", list(SAMPLERS))
@pytest.mark.parametrize("name", list(SCHEDULES))
def test_times_fall_from_one_to_nothing(sampler: Any, name: Any) -> None:
    times = evenly(SCHEDULES[name], sampler, 7)
    assert len(times) == 8
    assert times[0] == pytest.approx(1, abs=1e-6)
    assert times[-1] == pytest.approx(0, abs=1e-6)
    assert all(a > b for a, b in pairwise(times))


def test_from_image_to_noise_and_back() -> None:
    schedule = SCHEDULES["cosine"]
    times = evenly(schedule, "ddim", 400)
    x = schedule(torch.zeros(()))[0] * (MEAN + SD * torch.randn(500, 1, 1, 1, dtype=torch.float64))
    *_, z = SAMPLERS["ddim"](told(schedule), schedule, x, times[::-1], None)
    assert z.std().item() == pytest.approx(1, abs=0.1)
    *_, back = SAMPLERS["ddim"](told(schedule), schedule, z, times, None)
    torch.testing.assert_close(back, x, rtol=0, atol=0.02)


@pytest.mark.parametrize("name", list(PREDICTIONS))
def test_a_right_answer_means_the_image_and_the_noise(name: Any) -> None:
    x0, eps = torch.randn(2, 4, 1, 3, 3, dtype=torch.float64)
    signal, noise = (
        part[:, None, None, None] for part in SCHEDULES["cosine"](torch.linspace(0.1, 0.9, 4, dtype=torch.float64))
    )
    answer = PREDICTIONS[name].target(x0, eps, signal, noise)
    found = PREDICTIONS[name].parts(signal * x0 + noise * eps, answer, signal, noise)
    for right, told_ in zip((x0, eps), found, strict=True):
        torch.testing.assert_close(told_, right)
