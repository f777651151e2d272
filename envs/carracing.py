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

import warnings
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, Literal

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


class Cars(ABC):
    """N cars on tracks of their own, frame by frame, as the simulator drives and draws them."""

    @abstractmethod
    def begin(self, slot: int, seed: int) -> Frames:
        """A new track; its first frame, (96, 96, 3)."""

    @abstractmethod
    def advance(self, slots: NDArray[np.int64], controls: NDArray[np.float32], draw: bool) -> tuple[Floats, NDArray[np.bool_]]:
        """One frame for these slots, with controls (slots, 3): their rewards, and which have ended.

        Where `draw` is false the picture may be left out, except of what has ended.
        """

    @abstractmethod
    def pictures(self, slots: NDArray[np.int64]) -> Frames:
        """The last frames that were drawn of these slots, (slots, 96, 96, 3)."""

    @abstractmethod
    def close(self) -> None:
        """Let go of it all."""


class CarRacing(Simulator):
    """N slots of CarRacing.

    Arguments:
        frames: to draw into, (N, 64, 64, 3).
        backend: "gymnasium" or "envpool" (the extra `fast`).
        threads: how many of EnvPool's cars are driven at once; None for all, which leaves the order to the system.
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
        self._cars: Cars = (
            GymnasiumCars(len(frames)) if backend == "gymnasium" else EnvPoolCars(len(frames), threads or len(frames))
        )
        self._age = np.zeros(len(frames), np.int64)  # frames
        self._idle = np.zeros(len(frames), np.int64)  # decisions since a tile was new

    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> NDArray[np.bool_]:
        """Build a track at each of these slots."""
        for slot, seed in zip(slots, seeds, strict=True):
            self.frames[slot] = view(self._cars.begin(slot, seed), self._bar)
            self._age[slot] = self._idle[slot] = 0
        return np.zeros(len(self.frames), np.bool_)

    def step(self, actions: NDArray[Any]) -> Outcome:
        """Hold each action for `repeat` frames, or until its episode is over."""
        outcome, wheel = Outcome.blank(len(self.frames)), controls(actions)
        running = np.arange(len(self.frames))
        self._idle += 1
        for frame in range(self._repeat):
            last = (self._age[running] + 1 >= self._limit).any()
            rew, end = self._cars.advance(running, wheel[running], draw=bool(last) or frame == self._repeat - 1)
            outcome.rew[running] += rew
            outcome.end[running] = end
            self._age[running] += 1
            self._idle[running[rew > 0]] = 0
            running = running[~end & (self._age[running] < self._limit)]
            if not len(running):
                break
        outcome.end[:] |= self._idle >= self._patience
        outcome.trunc[:] = ~outcome.end & (self._age >= self._limit)
        self.frames[:] = view(self._cars.pictures(np.arange(len(self.frames))), self._bar)
        return outcome

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
        self._pictures = np.zeros((count, RAW, RAW, 3), np.uint8)

    def begin(self, slot: int, seed: int) -> Frames:
        """Reset this car's environment."""
        self._cars[slot].drawn = True
        self._pictures[slot] = self._cars[slot].reset(seed=seed)[0]
        return np.asarray(self._pictures[slot])

    def advance(self, slots: NDArray[np.int64], controls: NDArray[np.float32], draw: bool) -> tuple[Floats, NDArray[np.bool_]]:
        """Step each of these cars."""
        rew, end = np.zeros(len(slots)), np.zeros(len(slots), np.bool_)
        for place, slot in enumerate(slots):
            car = self._cars[slot]
            car.drawn = draw
            picture, rew[place], end[place], _, _ = car.step(controls[place])
            if end[place] and not draw:
                car.drawn = True
                picture = car._render("state_pixels")
            if picture is not None:
                self._pictures[slot] = picture
        return rew, end

    def pictures(self, slots: NDArray[np.int64]) -> Frames:
        """What was drawn last."""
        return self._pictures[slots]

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


class EnvPoolCars(Cars):
    """EnvPool's simulator. Each episode has a pool of its own, the one way to give an episode a seed: making one takes 4 ms.

    A pool starts over by itself in the step after an end; here that step is never taken. A pool of one that ends is closed.
    """

    def __init__(self, count: int, threads: int) -> None:
        self._envpool = require("envpool", "fast", 'carracing with backend="envpool"')
        self._pools: list[Any] = [None] * count
        self._threads = threads
        self._pictures = np.zeros((count, RAW, RAW, 3), np.uint8)

    def begin(self, slot: int, seed: int) -> Frames:
        """Make this car's pool anew."""
        if self._pools[slot] is not None:
            self._pools[slot].close()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of the precision of its spaces, which are not used
            pool = self._envpool.make(
                "CarRacing-v3", env_type="gymnasium", num_envs=1, num_threads=1, seed=seed, max_episode_steps=NEVER
            )
        self._pools[slot] = pool
        self._pictures[slot] = pool.reset()[0][0]
        return np.asarray(self._pictures[slot])

    def advance(self, slots: NDArray[np.int64], controls: NDArray[np.float32], draw: bool) -> tuple[Floats, NDArray[np.bool_]]:
        """Step these cars, `threads` of them at once; EnvPool draws every frame."""
        rew, end = np.zeros(len(slots)), np.zeros(len(slots), np.bool_)

        def receive(place: int) -> None:
            obs, rewards, ends, _, _ = self._pools[slots[place]].recv()
            self._pictures[slots[place]], rew[place], end[place] = obs[0], rewards[0], ends[0]

        for place, slot in enumerate(slots):
            if place >= self._threads:
                receive(place - self._threads)
            self._pools[slot].send(controls[place : place + 1])
        for place in range(max(0, len(slots) - self._threads), len(slots)):
            receive(place)
        return rew, end

    def pictures(self, slots: NDArray[np.int64]) -> Frames:
        """What was drawn last."""
        return self._pictures[slots]

    def close(self) -> None:
        """Close every pool."""
        for pool in self._pools:
            if pool is not None:
                pool.close()
        self._pools = [None] * len(self._pools)
