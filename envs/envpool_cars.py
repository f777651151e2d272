"""CarRacing's cars in EnvPool: a simulator in C++ whose environments each have one seed for good."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from envs.cars import RAW, Cars, Driven
from envs.extras import require
from envs.simulator import Frames

NEVER = 1 << 30  # EnvPool's own limit: CarRacing counts the frames


class Pool:
    """EnvPool's cars, each with one seed for good, driven by a few threads; who is ready first answers first.

    Answers come so many at a time, for to wait for each alone costs a fifth of all frames. Where fewer are awaited, spare cars,
    which stand still, make up the number.

    Arguments:
        seeds: one for each car.
        threads: more of them than cores cost a third of all frames.
        batch: answers at a time.
    """

    def __init__(self, seeds: Sequence[int], threads: int, batch: int) -> None:
        self._count, self._batch = len(seeds), batch
        self._unbegun = list(range(len(seeds), len(seeds) + batch - 1))  # spare cars, before the first begin
        self._spare: list[int] = []  # those that nobody has asked for anything
        self._awaited = 0  # answers
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the precision of its spaces, which are not used
            self._cars = require("envpool", "fast", 'carracing with backend="envpool"').make(
                "CarRacing-v3",
                env_type="gymnasium",
                num_envs=len(seeds) + batch - 1,
                batch_size=batch,
                num_threads=threads,
                seed=[*seeds, *range(batch - 1)],
                max_episode_steps=NEVER,
            )

    def begin(self, numbers: Sequence[int]) -> Iterator[tuple[int, Frames]]:
        """The first frame of each of these cars' only episodes; no other car is awaited meanwhile."""
        self._make_up(len(numbers) + len(self._unbegun))
        pictures, info = self._cars.reset(np.array([*numbers, *self._unbegun], np.int32))  # which waits for the first answers
        self._unbegun, left = [], len(numbers)
        for place, number in self._of_interest(info["env_id"]):
            left -= 1
            yield number, pictures[place]
        while left:
            for number, picture, _, _ in self.answers():
                left -= 1
                yield number, picture

    def drive(self, numbers: Sequence[int], controls: NDArray[np.float32]) -> None:
        """One frame of each of these cars, whose answers are to be asked for."""
        self._cars.send(controls, np.array(numbers, np.int32))
        self._awaited += len(numbers)

    def answers(self) -> Iterator[tuple[int, Frames, float, bool]]:
        """Of cars that are ready: the number of each, what is seen, its reward, and whether its episode has ended."""
        self._make_up(0)
        pictures, rew, end, _, info = self._cars.recv()
        for place, number in self._of_interest(info["env_id"]):
            yield number, pictures[place], float(rew[place]), bool(end[place])

    def close(self) -> None:
        """Let go of threads and cars."""
        self._cars.close()

    def _make_up(self, coming: int) -> None:
        """Have spare cars answer, if otherwise too few would."""
        self._awaited += coming
        lacking = max(0, self._batch - self._awaited)
        asked, self._spare = self._spare[:lacking], self._spare[lacking:]
        if asked:
            self.drive(asked, np.zeros((len(asked), 3), np.float32))

    def _of_interest(self, answered: NDArray[np.int32]) -> list[tuple[int, int]]:
        """The places and numbers, in a batch of answers, of cars that are not spare."""
        self._awaited -= len(answered)
        self._spare += [number for number in answered.tolist() if number >= self._count]
        return [(place, number) for place, number in enumerate(answered.tolist()) if number < self._count]


class EnvPoolCars(Cars):
    """EnvPool's simulator. A car has its seed for good, so each episode has a car of its own, which then rests.

    The cars that are expected make one pool, and no car waits for another before its wheel's frames are over. A car starts over
    by itself in the step after an end; here that step is never taken.
    """

    def __init__(self, count: int, threads: int) -> None:
        self._threads, self._batch = threads, max(1, count // 4)
        self._ready: dict[tuple[int, int], tuple[Pool, int]] = {}  # (slot, seed) -> the car that waits for it
        self._driven: dict[int, tuple[Pool, int]] = {}  # slot -> the car that it drives
        self.pictures = np.zeros((count, RAW, RAW, 3), np.uint8)

    def expect(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """Make a pool for these episodes, and forget those that were expected before."""
        before, pool = self._pools(), Pool(seeds, self._threads, self._batch)
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
        for pool, numbers in self._of(slots).items():
            for number, picture in pool.begin(list(numbers)):
                self.pictures[numbers[number]] = picture
        self._close(before - self._pools())

    def drive(self, controls: NDArray[np.float32], most: NDArray[np.int64]) -> Driven:
        """Step all cars, each as soon as its last frame is there; EnvPool draws every frame."""
        driven, asked = Driven.blank(len(most)), self._of(np.flatnonzero(most).tolist())
        for pool, numbers in asked.items():
            pool.drive(list(numbers), controls[list(numbers.values())])
        while asked:
            for pool in tuple(asked):
                onward = []
                for number, picture, rew, end in pool.answers():
                    slot = asked[pool][number]
                    driven.add(slot, rew, end)
                    if not end and driven.frames[slot] < most[slot]:
                        onward.append(number)
                    else:
                        self.pictures[slot] = picture
                        del asked[pool][number]
                if onward:
                    pool.drive(onward, controls[[asked[pool][number] for number in onward]])
                elif not asked[pool]:
                    del asked[pool]
        return driven

    def close(self) -> None:
        """Close every pool."""
        self._close(self._pools())
        self._ready, self._driven = {}, {}

    def _of(self, slots: Iterable[int]) -> dict[Pool, dict[int, int]]:
        """The cars that these slots drive: pool -> number -> slot."""
        found: dict[Pool, dict[int, int]] = {}
        for slot in slots:
            pool, number = self._driven[slot]
            found.setdefault(pool, {})[number] = slot
        return found

    def _pools(self) -> set[Pool]:
        return {pool for pool, _ in (*self._ready.values(), *self._driven.values())}

    def _close(self, pools: Iterable[Pool]) -> None:
        for pool in pools:
            pool.close()
