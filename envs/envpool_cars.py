"""CarRacing's cars in EnvPool: a simulator in C++ whose environments each have one seed for good."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from envs.cars import RAW, Cars, Driven
from envs.extras import require
from envs.simulator import Frames

NEVER = 1 << 30  # EnvPool's own limit: CarRacing counts the frames

Numbers = NDArray[np.int32]


class Pool:
    """EnvPool's cars, each with one seed for good, driven by a few threads.

    Any of them are driven together, and answer together: a task has one thread, which gains nothing by answers before the last.

    Arguments:
        seeds: one for each car.
        threads: more of them than cores cost a third of all frames.
    """

    def __init__(self, seeds: Sequence[int], threads: int) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the precision of its spaces, which are not used
            self._cars = require("envpool", "fast", 'carracing with backend="envpool"').make(
                "CarRacing-v3",
                env_type="gymnasium",
                num_envs=len(seeds),
                num_threads=min(threads, len(seeds)),
                seed=list(seeds),
                max_episode_steps=NEVER,
            )

    def begin(self, numbers: Numbers) -> Frames:
        """The first frame of each of these cars' only episodes."""
        pictures, _ = self._cars.reset(numbers)
        return pictures

    def drive(self, numbers: Numbers, controls: NDArray[np.float32]) -> None:
        """One frame of each of these cars, whose answers are to be taken before more is asked."""
        self._cars.send(controls, numbers)

    def answers(self) -> tuple[Frames, NDArray[np.float32], NDArray[np.bool_]]:
        """Of the cars that were asked, in that order: what is seen, its reward, and whether its episode has ended."""
        pictures, rew, end, _, _ = self._cars.recv()
        return pictures, rew, end

    def close(self) -> None:
        """Let go of threads and cars."""
        self._cars.close()


class EnvPoolCars(Cars):
    """EnvPool's simulator. A car has its seed for good, so each episode has a car of its own, which then rests.

    The cars that are expected make one pool. A car starts over by itself in the step after an end; here that step is never
    taken.
    """

    def __init__(self, count: int, threads: int) -> None:
        self._threads = threads
        self._ready: dict[tuple[int, int], tuple[Pool, int]] = {}  # (slot, seed) -> the car that waits for it
        self._driven: dict[int, tuple[Pool, int]] = {}  # slot -> the car that it drives
        self.pictures = np.zeros((count, RAW, RAW, 3), np.uint8)

    def expect(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """Make a pool for these episodes, and forget those that were expected before."""
        before, pool = self._pools(), Pool(seeds, self._threads)
        self._ready = {key: (pool, number) for number, key in enumerate(zip(slots, seeds, strict=True))}
        self._close(before - self._pools())

    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """Take the cars that wait for these episodes; where one is missing, all get new ones."""
        keys = list(zip(slots, seeds, strict=True))
        if not all(key in self._ready for key in keys):
            self.expect(slots, seeds)
        before = self._pools()
        for slot, key in zip(slots, keys, strict=True):
            self._driven[slot] = self._ready.pop(key)
        for pool, (here, numbers) in self._cars_of(np.array(slots)).items():
            self.pictures[here] = pool.begin(numbers)
        self._close(before - self._pools())

    def drive(self, controls: NDArray[np.float32], most: NDArray[np.int64]) -> Driven:
        """Step all cars a frame at a time; EnvPool draws every one."""
        driven, asked = Driven.blank(len(most)), self._cars_of(np.flatnonzero(most))
        while asked:
            for pool, (slots, numbers) in asked.items():
                pool.drive(numbers, controls[slots])
            for pool, (slots, numbers) in tuple(asked.items()):
                pictures, rew, end = pool.answers()
                driven.add(slots, rew, end)
                over = end | (driven.frames[slots] == most[slots])
                if over.any():
                    self.pictures[slots[over]] = pictures[over]
                    asked[pool] = slots[~over], numbers[~over]
                if over.all():
                    del asked[pool]
        return driven

    def close(self) -> None:
        """Close every pool."""
        self._close(self._pools())
        self._ready, self._driven = {}, {}

    def _cars_of(self, slots: NDArray[np.int64]) -> dict[Pool, tuple[NDArray[np.int64], Numbers]]:
        """By pool, these slots and the numbers of the cars that they drive."""
        found: dict[Pool, list[tuple[int, int]]] = {}
        for slot in slots.tolist():
            pool, number = self._driven[slot]
            found.setdefault(pool, []).append((slot, number))
        both = {pool: np.array(cars).T for pool, cars in found.items()}
        return {pool: (here, numbers.astype(np.int32)) for pool, (here, numbers) in both.items()}

    def _pools(self) -> set[Pool]:
        return {pool for pool, _ in (*self._ready.values(), *self._driven.values())}

    def _close(self, pools: set[Pool]) -> None:
        for pool in pools:
            pool.close()
