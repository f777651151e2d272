"""Stages in the real CarRacing, each beside EnvPool alone where cars are driven alike."""

from __future__ import annotations

from bench_stages.rates import Measured, rates
from bench_stages.small_run import Bench


def measure_rollout(bench: Bench) -> Measured:
    """Random drives to disk, against EnvPool alone and one process of Gymnasium."""
    rate, bound, plain = rates(4 * bench.seconds, bench.collected(), bench.envpool(16, bench.wanderer()), bench.gymnasium())
    holds = rate >= 0.9 * bound and rate >= 8 * plain
    return Measured("rollout", rate, "frames/s", ">= 0.9 of EnvPool, 8 x Gymnasium", holds, plain, bound)


def measure_agent(bench: Bench) -> Measured:
    """V, M and C at the wheel."""
    rate, bound, plain = rates(2 * bench.seconds, bench.driven(16), bench.envpool(16, bench.agent(16)), bench.gymnasium())
    return Measured("agent", rate, "frames/s", ">= 0.75 of EnvPool", rate >= 0.75 * bound, plain, bound)


def measure_fitness(bench: Bench) -> Measured:
    """64 candidates, each with a car, half of them on each core."""
    rate, bound, plain = rates(
        2 * bench.seconds, bench.driven(32, 32), bench.envpool(64, bench.agent(64, 64)), bench.gymnasium()
    )
    return Measured("fitness", rate, "frames/s", ">= 0.75 of EnvPool", rate >= 0.75 * bound, plain, bound)
