"""How much image and how much noise there is at a time: x_t = signal(t) x_0 + noise(t) eps, t from 0 to 1.

    linear           beta rises from .0001 to .02 over a thousand steps (Ho et al. 2020): signal^2 = exp(-integral of beta)
    cosine           signal = cos, noise = sin of an angle that grows evenly (Nichol and Dhariwal 2021, arXiv 2102.09672)
    offset_cosine    the same between the angles at which 95 % and 2 % of signal are left: at no time is there nothing to do

signal^2 + noise^2 = 1 at every time; the ratio of the two falls all the way, and is finite at both ends.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, get_args

import torch
from torch import Tensor

ScheduleName = Literal["linear", "cosine", "offset_cosine"]
Schedule = Callable[[Tensor], tuple[Tensor, Tensor]]
"""Times (...) in [0, 1] to signal and noise, each (...)."""

LEAST = 1e-3  # of signal or noise
STEPS, FIRST, LAST = 1000, 1e-4, 0.02  # of the linear one


def linear(t: Tensor) -> tuple[Tensor, Tensor]:
    """beta rises evenly."""
    t = (1.0 + (STEPS - 1.0) * t) / STEPS  # from the first step to the last
    log_signal = -0.5 * STEPS * (FIRST * t + 0.5 * (LAST - FIRST) * t.square())
    return log_signal.exp(), (-torch.expm1(2.0 * log_signal)).sqrt()


def cosine(t: Tensor) -> tuple[Tensor, Tensor]:
    """The angle grows evenly."""
    return _between(t, math.asin(LEAST), math.acos(LEAST))


def offset_cosine(t: Tensor) -> tuple[Tensor, Tensor]:
    """The angle grows evenly, from and to where there is something of both."""
    return _between(t, math.acos(0.95), math.acos(0.02))


def _between(t: Tensor, first: float, last: float) -> tuple[Tensor, Tensor]:
    angle = first + (last - first) * t
    return angle.cos(), angle.sin()


SCHEDULES: dict[ScheduleName, Schedule] = {"linear": linear, "cosine": cosine, "offset_cosine": offset_cosine}
assert set(SCHEDULES) == set(get_args(ScheduleName))
