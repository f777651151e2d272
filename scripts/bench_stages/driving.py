"""Stages in the real CarRacing, each beside EnvPool alone where cars are driven alike."""

from __future__ import annotations

from functools import partial

from bench_stages.rates import Measured, rates
from bench_stages.small_run import Bench


def measure_rollout(bench: Bench) -> Measured:
    """Random drives to disk, against EnvPool alone and one process of Gymnasium."""
    rate, bound, plain = rates(4 * bench.seconds, bench.collected(), bench.envpool(16, bench.wanderer()), bench.gymnasium())
    holds = rate >= 0.9 * bound and rate >= 8 * plain
    return Measured("rollout", rate, "frames/s", ">= 0.9 of EnvPool, 8 x Gymnasium", holds, plain, bound)


def measure_agent(bench: Bench) -> Measured:
    """V, M and C at the wheel."""
    rate, bound, plain = rates(
        2 * bench.seconds, bench.driven(16, bench.agent), bench.envpool(16, bench.agent(), 2), bench.gymnasium()
    )
    return Measured("agent", rate, "frames/s", ">= 0.75 of EnvPool", rate >= 0.75 * bound, plain, bound)


def measure_fitness(bench: Bench) -> Measured:
    """32 candidates on each core, each with a car."""
    some = partial(bench.candidates, 32)
    rate, bound, plain = rates(2 * bench.seconds, bench.driven(32, some), bench.envpool(32, some(), 2), bench.gymnasium())
    return Measured("fitness", rate, "frames/s", ">= 0.75 of EnvPool", rate >= 0.75 * bound, plain, bound)
