"""CarRacing: drive round a track drawn anew for each episode, seen from above (Gymnasium's CarRacing-v3).

Each tile of the track that is new pays 1000 / tiles, each frame costs 0.1; leaving the field costs 100 and ends the episode.

    actions=2    steer; forward: gas where positive, brake where negative
    actions=3    steer; gas = (a + 1) / 2; brake = clip(a, 0, 1), as Ha and Schmidhuber (2018) have it

An action is held for `repeat` frames, whose rewards are added; only the last is drawn. The 96 x 96 frame becomes 64 x 64 with
its indicator bar (speed, wheels, steering, turning: what one frame of road does not show; the score's digits are blanked), or
without it.

Two simulators: Gymnasium's own, for every score that is reported, and EnvPool's in C++, an order of magnitude faster where the
former draws each frame. Both are begun with the same seed for the same episode. For most seeds (20 of 24, 26 of 40 others)
EnvPool has the same track, else another of the same kind. Its pictures differ by 3 in 255 a pixel there, and show skid marks.
"""

from __future__ import annotations

import os
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from envs.action_checks import box
from envs.extras import require
from envs.resize import shrink
from envs.simulator import Frames, Outcome, Simulator

Floats = NDArray[np.float64]
RAW = 96  # side of the simulators' frames
BAR = 84  # the first row of the indicator bar
NEVER = 1 << 30  # EnvPool's own limit: CarRacing counts the frames
DIGITS = 12  # columns of the bar that hold the score


class Driven(NamedTuple):
    """What N cars met while their wheels were held."""

    rew: Floats  # (N,), added up
    end: NDArray[np.bool_]
    frames: NDArray[np.int64]  # for how many they were held, before the end if there was one
    paid: NDArray[np.bool_]  # whether any of those frames paid

    @staticmethod
    def blank(count: int) -> Driven:
        """Nowhere yet."""
        return Driven(np.zeros(count), np.zeros(count, np.bool_), np.zeros(count, np.int64), np.zeros(count, np.bool_))

    def add(self, slot: int, rew: float, end: bool) -> None:
        """One frame more."""
        self.rew[slot] += rew
        self.end[slot] = end
        self.frames[slot] += 1
        self.paid[slot] |= rew > 0


class Cars(ABC):
    """N cars on tracks of their own, as the simulator drives and draws them.

    Fields:
        pictures: (N, 96, 96, 3), what was drawn of each last.
    """

    pictures: Frames

    def expect(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """See `Simulator.expect`."""
        del slots, seeds

    @abstractmethod
    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """A new track for each of these slots; its first frame is drawn."""

    @abstractmethod
    def drive(self, controls: NDArray[np.float32], most: NDArray[np.int64]) -> Driven:
        """Hold each wheel, controls (N, 3), for so many frames or until the episode ends; the last frame is drawn."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it all."""


class CarRacing(Simulator):
    """N slots of CarRacing.

    Arguments:
        frames: to draw into, (N, 64, 64, 3).
        backend: "gymnasium" or "envpool" (the extra `fast`).
        threads: how many of EnvPool's cars are driven at once; None for as many as there are cores.
        repeat: frames for which an action is held.
        actions: numbers in an action, 2 or 3.
        bar: whether the indicator bar is seen.
        stalled: decisions without a new tile after which the car is lost and the episode ends: what is learned in a world
            without it would hope for ever. None, as in the scores that people quote, never ends it.
        max_frames: after which the episode is cut.
    """

    def __init__(
        self,
        frames: Frames,
        backend: Literal["gymnasium", "envpool"] = "gymnasium",
        threads: int | None = None,
        repeat: int = 1,
        actions: Literal[2, 3] = 3,
        bar: bool = True,
        stalled: int | None = None,
        max_frames: int = 1000,
    ) -> None:
        if backend not in ("gymnasium", "envpool"):
            raise ValueError(f"backend: 'gymnasium' or 'envpool', not {backend!r}")
        if actions not in (2, 3):
            raise ValueError(f"actions: 2 or 3 numbers, not {actions!r}")
        for option, value in (("threads", threads), ("repeat", repeat), ("stalled", stalled), ("max_frames", max_frames)):
            if value is not None and value < 1:
                raise ValueError(f"{option}: at least 1, not {value!r}")
        self.frames, self.action_space = frames, box(actions)
        self._repeat, self._bar, self._limit = repeat, bar, max_frames
        self._patience = max_frames + 1 if stalled is None else stalled
        count, threads = len(frames), threads or min(len(frames), os.cpu_count() or 1)
        self._cars: Cars = GymnasiumCars(count) if backend == "gymnasium" else EnvPoolCars(count, threads)
        self._age = np.zeros(len(frames), np.int64)  # frames
        self._idle = np.zeros(len(frames), np.int64)  # decisions since a tile was new
        self._resting = np.zeros(len(frames), np.bool_)

    def expect(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """EnvPool makes cars ready for these episodes, all in one pool."""
        self._cars.expect(slots, seeds)

    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> NDArray[np.bool_]:
        """Build a track at each of these slots."""
        here = list(slots)
        self._cars.begin(here, seeds)
        self.frames[here] = view(self._cars.pictures[here], self._bar)
        self._age[here] = self._idle[here] = 0
        return np.zeros(len(self.frames), np.bool_)

    def rest(self, slots: NDArray[np.bool_]) -> None:
        """These cars stand still."""
        self._resting = slots

    def step(self, actions: NDArray[Any]) -> Outcome:
        """Hold each action for `repeat` frames, or until its episode is over."""
        driven = self._cars.drive(
            controls(actions), np.where(self._resting, 0, np.minimum(self._repeat, self._limit - self._age))
        )
        self._age += driven.frames
        self._idle = np.where(driven.paid | self._resting, 0, self._idle + 1)
        end = driven.end | (self._idle >= self._patience)
        self.frames[:] = view(self._cars.pictures, self._bar)
        return Outcome(driven.rew, end, ~end & (self._age >= self._limit), np.zeros(len(end), np.bool_))

    def telemetry(self) -> Floats:
        """What the frames show, as numbers, (N, 3): see `GymnasiumCars.telemetry`. For measuring V, never for an agent."""
        if not isinstance(self._cars, GymnasiumCars):
            raise ValueError('telemetry: EnvPool does not tell where its cars are; take backend="gymnasium"')
        return self._cars.telemetry()

    def close(self) -> None:
        """Close the simulator."""
        self._cars.close()


def controls(actions: NDArray[np.float32]) -> NDArray[np.float32]:
    """Steering in [-1, 1], gas and brake in [0, 1], from actions of two numbers or of three.

    >>> controls(np.array([[-0.5, 0.25], [0.0, -1.0]])).tolist()
    [[-0.5, 0.25, 0.0], [0.0, 0.0, 1.0]]
    >>> controls(np.array([[0.0, 0.0, -1.0]])).tolist()
    [[0.0, 0.5, 0.0]]
    """
    steer = actions[:, 0]
    gas, brake = (actions[:, 1], -actions[:, 1]) if actions.shape[1] == 2 else ((actions[:, 1] + 1) / 2, actions[:, 2])
    return np.stack([steer, np.clip(gas, 0, 1), np.clip(brake, 0, 1)], 1).astype(np.float32) + 0.0


def view(pictures: Frames, bar: bool) -> Frames:
    """Frames (..., 96, 96, 3) as the agent sees them: whole with the score blanked, or the road alone; 64 x 64."""
    if not bar:
        return shrink(pictures[..., :BAR, :, :])
    pictures = pictures.copy()
    pictures[..., BAR:, :DIGITS, :] = 0
    return shrink(pictures)


class GymnasiumCars(Cars):
    """Gymnasium's simulator, one after the other. Drawing takes most of its time, and is left out where nobody looks."""

    def __init__(self, count: int) -> None:
        module = require("gymnasium.envs.box2d.car_racing", "box2d", "carracing")

        class Car(module.CarRacing):  # type: ignore[name-defined, misc]
            """CarRacing that draws when asked to."""

            drawn = True

            def _render(self, mode: str) -> Any:
                return super()._render(mode) if self.drawn else None

        self._cars = [Car() for _ in range(count)]
        self.pictures = np.zeros((count, RAW, RAW, 3), np.uint8)

    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        """Reset these cars' environments."""
        for slot, seed in zip(slots, seeds, strict=True):
            self._cars[slot].drawn = True
            self.pictures[slot] = self._cars[slot].reset(seed=seed)[0]

    def drive(self, controls: NDArray[np.float32], most: NDArray[np.int64]) -> Driven:
        """Step each of these cars."""
        driven = Driven.blank(len(self._cars))
        for slot in np.flatnonzero(most).tolist():
            car = self._cars[slot]
            while driven.frames[slot] < most[slot] and not driven.end[slot]:
                car.drawn = bool(driven.frames[slot] + 1 == most[slot])
                picture, rew, end, _, _ = car.step(controls[slot])
                driven.add(slot, rew, end)
            if not car.drawn:
                car.drawn = True
                picture = car._render("state_pixels")
            self.pictures[slot] = picture
        return driven

    def telemetry(self) -> Floats:
        """Where each car is on its road: metres right of the middle, radians it is turned from it, metres a second; (N, 3)."""
        return np.array([_on_road(car.unwrapped) for car in self._cars])

    def close(self) -> None:
        """Close each environment."""
        for car in self._cars:
            car.close()


def _on_road(car: Any) -> tuple[float, float, float]:
    """Offset, turn and speed of a car, against the nearest point of its track's middle."""
    road = np.array(car.track)[:, 1:]  # the road's direction, and its place
    x, y = car.car.hull.position
    direction, middle_x, middle_y = road[((road[:, 1] - x) ** 2 + (road[:, 2] - y) ** 2).argmin()]
    offset = (x - middle_x) * np.cos(direction) + (y - middle_y) * np.sin(direction)
    turn = (car.car.hull.angle - direction + np.pi) % (2 * np.pi) - np.pi
    return float(offset), float(turn), float(np.hypot(*car.car.hull.linearVelocity))


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
        pool = Pool(seeds, self._threads, self._batch)
        self._ready = {key: (pool, number) for number, key in enumerate(zip(slots, seeds, strict=True))}

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
