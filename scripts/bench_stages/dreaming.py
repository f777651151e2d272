"""Stages in the dream."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from bench_stages.rates import Measured, Work, rates
from bench_stages.small_run import Bench
from genmodels.compiled.threads import alone
from genmodels.precision import quick_precision
from worldmodels import teaching
from worldmodels.config import Dream, Evolve
from worldmodels.controller import Reflex
from worldmodels.evolution import Evolution
from worldmodels.rollout import steps


def measure_dream(bench: Bench) -> Measured:
    """4,096 dreams of 64 linear controllers, against one at a time, and against the products of a step alone."""
    controller = bench.controller()
    candidates = torch.randn(64, len(controller.vector())) * 0.1
    many = steps(bench.dream(4096), Reflex(controller, candidates), 1)
    one = steps(bench.dream(1), Reflex(controller, candidates[:1]), 1)

    def dreamt(driven: Iterator[Any], count: int, slots: int) -> float:
        with alone():  # as `DreamVectorEnv.at_work` says
            for _ in range(count):
                next(driven)
        return float(count * slots)

    rate, plain, bound = rates(
        bench.seconds, partial(dreamt, many, 10, 4096), partial(dreamt, one, 100, 1), products(bench.memory, 4096)
    )
    return Measured("dream", rate, "steps/s", ">= 500,000", rate >= 500_000, plain, bound)


def products(memory: Any, slots: int) -> Work:
    """The matrix products of a step of M, in the precision of the dream."""
    shapes = [(memory.latent_size + memory.action_size + memory.hidden_size, 4 * memory.hidden_size)]
    shapes += [tuple(reversed(p.shape)) for name, p in memory.named_parameters() if p.ndim == 2 and "lstm" not in name]
    kind = torch.bfloat16 if quick_precision() == "bf16" else torch.float32
    pairs = [(torch.randn(slots, rows, dtype=kind), torch.randn(rows, columns, dtype=kind)) for rows, columns in shapes]

    def work() -> float:
        for left, right in pairs:
            left @ right
        return float(slots)

    return work


def measure_generation(bench: Bench) -> Measured:
    """A generation of CMA-ES in the dream: 64 candidates, 16 dreams each, 1,000 steps."""
    run, controller = bench.run, bench.controller()
    run.experiment = replace(run.experiment, learner=Evolve(), dream=Dream(horizon=1000))
    learner = Evolution(controller, teaching.dream_fitness(run, bench.memory, bench.space, controller), judge_every=1000)
    began, counts = time.perf_counter(), []
    for iteration in range(4):
        began = time.perf_counter()
        learner.iterate(iteration)
        counts.append(time.perf_counter() - began)
    seconds = statistics.median(counts[1:])
    one = steps(bench.dream(1), Reflex(controller), 1)
    began = time.perf_counter()
    for _ in range(1000):
        next(one)
    plain = 1024 * (time.perf_counter() - began)
    return Measured("generation", 1 / seconds, "generations/s", "<= 3 s", seconds <= 3, 1 / plain)
