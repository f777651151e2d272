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
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from envs.action_checks import box
from envs.cars import RAW, Cars, Driven, Floats
from envs.envpool_cars import EnvPoolCars
from envs.extras import require
from envs.resize import shrink
from envs.simulator import SIDE, Frames, Outcome, Simulator

BAR = 84  # the first row of the indicator bar
DIGITS = 12  # columns of the bar that hold the score


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
    frames = shrink(pictures)
    frames[..., BAR * SIDE // RAW :, : DIGITS * SIDE // RAW, :] = 0  # both are whole: no pixel of theirs has another part
    return frames


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
