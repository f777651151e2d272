"""Dodge: balls fall, and a paddle at the bottom must not be hit. A world of pixels that is learned in minutes, not hours.

The paddle moves by `SPEED * action` pixels a step. Balls arrive at its height one every `BEAT` steps, each at its own speed
and with its own sideways drift (they bounce off the walls), so that where a ball will land is seen in no single frame. A
share of them is aimed at where the paddle stands when they are thrown: no place is safe, the corners included.

    landing place L, flight of T steps:        v_y = DROP / T        x(t) = fold(L + v_x (t - T))

Between the passage of one ball and that of the next there is time to cross a ball's whole shadow, so an opening can always
be reached. A step that is survived gives +1; the step of a hit gives 0 and ends the episode; after `LIMIT` steps it is cut.

All slots are stepped at once, in NumPy. What is random in an episode is drawn when it begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from envs.action_checks import box
from envs.simulator import SIDE, Frames, Outcome, Simulator

LIMIT = 200
SPEED = 2.5  # of the paddle, pixels a step
BEAT = 18  # steps between the arrivals of two balls
BALLS = 4  # at most in the air; ball b brings the arrivals b, b + BALLS, ...
RADIUS = 4.0
HALF_WIDTH, TOP, BOTTOM = 6.0, 57.0, 61.0  # of the paddle
DROP = TOP  # a ball is thrown from y = -RADIUS, and arrives when its lower rim is at the paddle's top
FLIGHT = (26, 52)  # steps a ball takes to arrive, both inclusive
DRIFT = 1.0  # the fastest sideways, pixels a step
AIMED = 0.5  # share of the balls
GROUND, BALL, PADDLE = (16, 16, 24), (255, 208, 24), (48, 144, 255)

_ROUNDS = -(-LIMIT // (BEAT * BALLS)) + 1  # arrivals that each ball can bring in an episode
_LEFT, _RIGHT = RADIUS, SIDE - RADIUS
_GONE = 2.0 * SIDE  # the height of a ball that is not in the air
_PHASES = 4  # sprites are drawn at quarters of a pixel
_SPRITE = 10  # side of the square that holds a ball and its soft rim
_MARGIN = _SPRITE  # of the canvas, on which balls enter and leave


class Dodge(Simulator):
    """N slots of Dodge.

    Arguments:
        frames: to draw into.
        repeat: steps for which an action is held; their rewards are summed, and the last is drawn.

    Fields, for whoever may look behind the frames: `paddle` (N,), and of the balls (N, BALLS) `x y` (centres) and `vx vy`.
    """

    def __init__(self, frames: Frames, repeat: int = 1) -> None:
        if repeat < 1:
            raise ValueError(f"repeat: an action lasts at least 1 step, not {repeat}")
        count = len(frames)
        self.frames, self.repeat = frames, repeat
        self.action_space = box(1)
        self.time = np.zeros(count, np.int64)
        self.paddle = np.zeros(count, np.float32)
        self.x, self.y, self.vx, self.vy = (np.zeros((count, BALLS), np.float32) for _ in range(4))
        self._round = np.zeros((count, BALLS), np.int64)  # which of its arrivals each ball brings next
        plan = (count, _ROUNDS, BALLS)
        self._arrival, self._flight = np.zeros(plan, np.int64), np.ones(plan, np.int64)
        self._drift, self._place, self._aimed = np.zeros(plan, np.float32), np.zeros(plan, np.float32), np.zeros(plan, np.bool_)
        self._canvas = _Canvas(count)
        self._all, self._none = np.arange(count), np.zeros(count, np.bool_)

    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> NDArray[np.bool_]:
        """Draw an episode's plan for each of these slots: what arrives when, how fast, from where, and whether it is aimed."""
        for slot, seed in zip(slots, seeds, strict=True):
            stream = np.random.default_rng(seed)
            shape = (_ROUNDS, BALLS)
            self.paddle[slot] = stream.uniform(HALF_WIDTH, SIDE - HALF_WIDTH)
            first = stream.integers(FLIGHT[0], FLIGHT[0] + BEAT)
            self._arrival[slot] = first + BEAT * np.arange(_ROUNDS * BALLS).reshape(shape)
            self._flight[slot] = np.minimum(stream.integers(*FLIGHT, shape, endpoint=True), self._arrival[slot] - 1)
            self._drift[slot] = stream.uniform(-DRIFT, DRIFT, shape)
            self._place[slot] = stream.uniform(_LEFT, _RIGHT, shape)
            self._aimed[slot] = stream.random(shape) < AIMED
        self.time[slots], self._round[slots] = 0, 0
        self.x[slots], self.y[slots], self.vx[slots], self.vy[slots] = SIDE / 2, _GONE, 0.0, 0.0
        self._draw(np.asarray(slots, np.int64))
        return self._none

    def step(self, actions: NDArray[Any]) -> Outcome:
        """Hold these actions for `repeat` steps; what comes after the end of an episode counts for nothing."""
        rew, end, trunc = np.zeros(len(actions)), self._none.copy(), self._none.copy()
        for _ in range(self.repeat):
            hit = self._move(actions)
            going = ~(end | trunc)
            rew += going & ~hit
            end |= going & hit
            trunc |= going & ~hit & (self.time >= LIMIT)
        self._draw(self._all)
        return Outcome(rew, end, trunc, self._none.copy())

    def _move(self, actions: NDArray[Any]) -> NDArray[np.bool_]:
        """Move the paddles, then the balls, throw those that are due, and see who is hit."""
        self.time += 1
        self.paddle = np.clip(self.paddle + SPEED * actions[:, 0], HALF_WIDTH, SIDE - HALF_WIDTH)
        self.x, self.y = self.x + self.vx, self.y + self.vy
        bounced = (self.x < _LEFT) | (self.x > _RIGHT)
        self.vx = np.where(bounced, -self.vx, self.vx)
        self.x, _ = fold(self.x)
        self._throw()
        return np.asarray(hits(self.x, self.y, self.paddle[:, None]).any(1))

    def close(self) -> None:
        """There is nothing to let go of."""

    def _draw(self, slots: NDArray[np.int64]) -> None:
        self._canvas.draw(slots, self.x, self.y, self.paddle, self.frames)

    def _throw(self) -> None:
        """Put the balls that are due at the top, so placed that they land where the plan says."""
        slots, balls = np.nonzero(self._due())
        rounds = self._round[slots, balls]
        plan = slots, rounds, balls
        flight, drift = self._flight[plan].astype(np.float32), self._drift[plan]
        place = np.where(self._aimed[plan], self.paddle[slots], self._place[plan])
        self.x[slots, balls], turn = fold(np.clip(place, _LEFT, _RIGHT) - drift * flight)
        self.vx[slots, balls] = drift * turn
        self.y[slots, balls], self.vy[slots, balls] = -RADIUS, DROP / flight
        self._round[slots, balls] = rounds + 1

    def _due(self) -> NDArray[np.bool_]:
        """The balls whose next arrival is one flight away."""
        at = np.minimum(self._round, _ROUNDS - 1)[:, None]
        arrival, flight = (np.take_along_axis(plan, at, 1)[:, 0] for plan in (self._arrival, self._flight))
        return (arrival - flight == self.time[:, None]) & (self._round < _ROUNDS)


def fold(x: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Where a ball is that would be at x without walls, and whether it moves on (1) or has turned (-1).

    >>> fold(np.array([1.0, 30.0, 61.0]))
    (array([ 7., 30., 59.]), array([-1.,  1., -1.]))
    """
    span = _RIGHT - _LEFT
    position = np.mod(x - _LEFT, 2 * span)
    turned = position > span
    inside, sign = _LEFT + np.where(turned, 2 * span - position, position), np.where(turned, -1.0, 1.0)
    return inside.astype(x.dtype), sign.astype(x.dtype)


def hits(x: NDArray[Any], y: NDArray[Any], paddle: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether a ball at (x, y) touches a paddle there: its centre is nearer than RADIUS to the rectangle."""
    across = np.maximum(np.abs(x - paddle) - HALF_WIDTH, 0.0)
    above = np.maximum(np.maximum(TOP - y, y - BOTTOM), 0.0)
    return across**2 + above**2 < RADIUS**2


class _Canvas:
    """Frames with a margin, on which all slots' sprites are drawn at once.

    `_squares[n, i, j]` is the square of the canvas at row i, column j of slot n: a view, so that one assignment with arrays
    of n, i, j draws a sprite in each slot.
    """

    def __init__(self, count: int) -> None:
        side = SIDE + 2 * _MARGIN
        canvas = np.full((count, side, side, 3), GROUND, np.uint8)
        slot, row, column, colour = canvas.strides
        places = side - _SPRITE + 1
        self._inside = canvas[:, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
        self._squares = np.lib.stride_tricks.as_strided(
            canvas, (count, places, places, _SPRITE, _SPRITE, 3), (slot, row, column, row, column, colour)
        )
        self._balls, self._strip = _ball_sprites(), slice(int(TOP), int(BOTTOM))
        self._drawn = np.zeros((2, count, BALLS), np.int64)  # rows and columns of the squares that hold a ball

    def draw(self, slots: NDArray[np.int64], x: NDArray[Any], y: NDArray[Any], paddle: NDArray[Any], frames: Frames) -> None:
        """Draw the balls (N, BALLS) and paddles (N,) of these slots into their frames; the other frames stay."""
        for row, column in self._drawn[:, slots].transpose(2, 0, 1):
            self._squares[slots, row, column] = GROUND
        rows, down = _quarters(np.minimum(y[slots], SIDE + RADIUS))
        columns, right = _quarters(x[slots])
        for ball in range(BALLS):
            square = slots, rows[:, ball], columns[:, ball]
            self._squares[square] = np.maximum(self._squares[square], self._balls[down[:, ball], right[:, ball]])
        self._drawn[:, slots] = rows, columns
        cover = np.clip(HALF_WIDTH + 0.5 - np.abs(np.arange(SIDE) + 0.5 - paddle[slots, None]), 0.0, 1.0)
        if len(slots) == len(frames):  # by far the most frequent, and faster without an index
            np.copyto(frames, self._inside)
        else:
            frames[slots] = self._inside[slots]
        frames[slots, self._strip] = np.maximum(frames[slots, self._strip], _blend(cover[:, None, :, None], PADDLE))


def _quarters(centre: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Of sprites with these centres: the first pixel of their squares on the canvas, and the quarters they are shifted by."""
    quarters = np.rint((centre - _SPRITE / 2 + _MARGIN) * _PHASES).astype(np.int64)
    return quarters // _PHASES, quarters % _PHASES


def _ball_sprites() -> Frames:
    """A ball shifted by quarters of a pixel down and right: (PHASES, PHASES, SPRITE, SPRITE, 3)."""
    pixel, shift = np.arange(_SPRITE) + 0.5, np.arange(_PHASES) / _PHASES
    away = (pixel - _SPRITE / 2 - shift[:, None]) ** 2
    distance = np.sqrt(away[:, None, :, None] + away[None, :, None, :])
    return _blend(np.clip(RADIUS + 0.5 - distance, 0.0, 1.0)[..., None], BALL)


def _blend(cover: NDArray[Any], paint: tuple[int, int, int]) -> Frames:
    """Ground covered by paint to these shares, (..., 1) -> (..., 3)."""
    ground = np.array(GROUND, np.float32)
    return np.rint(ground + cover.astype(np.float32) * (np.array(paint, np.float32) - ground)).astype(np.uint8)
