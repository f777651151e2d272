"""Dodge is a world where nothing is safe, everything can be dodged, and what must be known is only seen over time."""

import time
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from envs.dodge import BALL, BALLS, GROUND, HALF_WIDTH, LIMIT, PADDLE, SPEED, Dodge, fold, hits
from envs.simulator import FRAME, SIDE
from envs.vector_env import Slots

Policy = Callable[[Dodge], NDArray[np.float32]]


def dodge(count: int, seed: int = 0) -> tuple[Slots, Dodge]:
    worlds = Dodge(np.zeros((count, *FRAME), np.uint8))
    return Slots(worlds, seed), worlds


def lives(policy: Policy, episodes: int, seed: int = 0) -> NDArray[np.float64]:
    """Steps survived in the first episode of each of so many slots."""
    env, worlds = dodge(episodes, seed)
    env.reset()
    scores, alive = np.zeros(episodes), np.ones(episodes, np.bool_)
    while alive.any():
        _, rew, end, trunc, _ = env.step(policy(worlds))
        scores += rew * alive
        alive &= ~(end | trunc)
    return scores


def constant(action: float) -> Policy:
    return lambda worlds: np.full((len(worlds.paddle), 1), action, np.float32)


def look_ahead(worlds: Dodge) -> NDArray[np.float32]:
    """Of 27 places, go to the one where standing stays unharmed longest; among equals to the nearest. It sees velocities."""
    places = np.linspace(HALF_WIDTH, SIDE - HALF_WIDTH, 27, dtype=np.float32)
    x, y, paddle = worlds.x, worlds.y, np.repeat(worlds.paddle[:, None], 27, 1)
    horizon, vx = 45, worlds.vx
    safe, unharmed = np.zeros(paddle.shape), np.ones(paddle.shape, np.bool_)
    for _ in range(horizon):
        paddle = paddle + np.clip(places - paddle, -SPEED, SPEED)
        x, turn = fold(x + vx)
        y, vx = y + worlds.vy, vx * turn
        unharmed &= ~hits(x[:, None], y[:, None], paddle[:, :, None]).any(2)
        safe += unharmed
    best = places[(safe - 0.01 * np.abs(places - worlds.paddle[:, None])).argmax(1)]
    return np.clip((best - worlds.paddle) / SPEED, -1, 1)[:, None]


def reactive(velocities: bool) -> Policy:
    """Away from the lowest ball, or from where it will land; gently to the middle otherwise."""

    def policy(worlds: Dodge) -> NDArray[np.float32]:
        flying = np.where((worlds.y > -4) & (worlds.y < 65), worlds.y, -99.0)
        lowest = np.arange(len(flying)), flying.argmax(1)
        x = worlds.x[lowest]
        if velocities:
            left = np.maximum(53 - flying[lowest], 0) / np.maximum(worlds.vy[lowest], 0.1)
            x, _ = fold(x + worlds.vx[lowest] * left)
        away = worlds.paddle - x
        wish = np.sign(away) * np.clip((14 - np.abs(away)) / 4, 0, 1) + 0.9 * (SIDE / 2 - worlds.paddle) / 26
        return np.clip(wish, -1, 1)[:, None].astype(np.float32)

    return policy


# ------------------------------------------------------------------------------------------------------------ how hard


def test_a_random_policy_lives_a_quarter_of_the_limit() -> None:
    stream = np.random.default_rng(0)
    scores = lives(lambda worlds: stream.uniform(-1, 1, (len(worlds.paddle), 1)).astype(np.float32), 500)
    assert 40 < scores.mean() < 65


@pytest.mark.parametrize("action", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_no_constant_action_is_safe(action: float) -> None:
    assert lives(constant(action), 150).mean() < 0.45 * LIMIT


def test_who_looks_ahead_survives() -> None:
    assert lives(look_ahead, 60).mean() >= 190


def test_a_reactive_policy_does_well_and_velocities_help_it() -> None:
    blind, seeing = lives(reactive(False), 250), lives(reactive(True), 250)
    assert blind.mean() > 120
    assert seeing.mean() > blind.mean() + 15


@pytest.mark.slow
def test_frames_per_second() -> None:
    env, _ = dodge(256)
    env.reset()
    actions = np.zeros((256, 1), np.float32)
    start = time.process_time()
    for _ in range(200):
        env.step(actions)
    rate = 200 * 256 / (time.process_time() - start)
    print(f"dodge: {rate:,.0f} frames per second of one core, at 256 slots")
    assert rate > 50_000


# -------------------------------------------------------------------------------------------------------- how it moves


def test_the_paddle_moves_in_proportion_and_stops_at_the_walls() -> None:
    env, worlds = dodge(3)
    env.reset()
    worlds.paddle[:] = [30, 30, 57]
    env.step(np.array([[1.0], [-0.5], [1.0]]))
    assert worlds.paddle == pytest.approx([30 + SPEED, 30 - SPEED / 2, SIDE - HALF_WIDTH])


def test_a_ball_lands_where_it_was_meant_to_and_when() -> None:
    """Flight by hand: thrown at step a - T, bouncing off the walls, at height 53 and place L at step a."""
    env, worlds = dodge(200)
    env.reset()
    worlds._aimed[:] = False
    arrived = 0
    for time_ in range(1, 60):
        env.step(np.zeros((200, 1), np.float32))
        there = (worlds._arrival[:, 0, 0] == time_) & (worlds.time == time_)
        arrived += there.sum()
        assert worlds.y[there, 0] == pytest.approx(53, abs=1e-3)
        assert worlds.x[there, 0] == pytest.approx(worlds._place[there, 0, 0], abs=1e-3)
    assert arrived > 50


def test_a_hit_ends_the_episode_and_pays_nothing() -> None:
    env, worlds = dodge(2)
    env.reset()
    worlds.paddle[:] = 32
    worlds.x[:, 3], worlds.vx[:, 3], worlds.vy[:, 3] = 32, 0, 2  # ball 3 is thrown last
    worlds.y[:, 3] = [52, 50]
    obs, rew, end, trunc, info = env.step(np.zeros((2, 1)))
    assert (rew.tolist(), end.tolist(), trunc.tolist()) == ([0.0, 1.0], [True, False], [False, False])
    assert info["_final_obs"].tolist() == [True, False]
    assert (info["final_obs"][0] == np.array(BALL)).all(-1).sum() > 30
    assert not (obs[0] == np.array(BALL)).all(-1).any()  # the next episode has begun


def test_the_limit_cuts_with_its_last_step_paid() -> None:
    env, worlds = dodge(1)
    env.reset()
    total = 0.0
    for step in range(1, LIMIT + 1):
        worlds.y[:] = 128.0
        _, rew, end, trunc, _ = env.step(np.zeros((1, 1)))
        total += rew[0]
        assert (end[0], trunc[0]) == (False, step == LIMIT)
    assert total == LIMIT


@pytest.mark.parametrize(("x", "hit"), [(41.9, True), (42.1, False), (22.1, True), (21.9, False)])
def test_a_ball_beside_the_paddle_hits_within_its_radius(x: float, hit: bool) -> None:
    assert hits(np.array(x), np.array(59.0), np.array(32.0)) == hit


def test_a_corner_is_round() -> None:
    """At the corner (38, 57): 2.8 right and 2.8 above is nearer than 4, 2.9 and 2.9 is not."""
    assert hits(np.array(40.8), np.array(54.2), np.array(32.0))
    assert not hits(np.array(40.9), np.array(54.1), np.array(32.0))


# --------------------------------------------------------------------------------------------------------- how it looks


def test_a_frame_shows_balls_and_paddle_where_they_are() -> None:
    _, worlds = dodge(1)
    worlds.begin([0], [0])
    worlds.x[0, 0], worlds.y[0, 0], worlds.paddle[0] = 20, 30, 40
    worlds._draw(np.array([0]))
    frame = worlds.frames[0]
    ball, paddle = (frame == np.array(BALL)).all(-1), (frame == np.array(PADDLE)).all(-1)
    rows, columns = np.nonzero(ball)
    assert (rows.mean() + 0.5, columns.mean() + 0.5) == pytest.approx((30, 20))
    assert 30 <= len(rows) <= 52
    rows, columns = np.nonzero(paddle)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (57, 60, 34, 45)
    assert (frame[:20] == np.array(GROUND)).all()


def test_what_was_drawn_is_gone_in_the_next_frame() -> None:
    env, worlds = dodge(4)
    env.reset()
    for _ in range(40):
        env.step(np.zeros((4, 1)))
    fresh = Dodge(np.zeros((4, *FRAME), np.uint8))
    fresh.x, fresh.y, fresh.paddle = worlds.x, worlds.y, worlds.paddle
    fresh._draw(np.arange(4))
    assert np.array_equal(worlds.frames, fresh.frames)
    assert worlds.x.shape == (4, BALLS)


@pytest.mark.parametrize("repeat", [2, 4])
def test_a_repeated_action_is_as_many_steps(repeat: int) -> None:
    """The same actions, held by the environment or by hand, earn and end the same."""
    count, actions = 32, np.random.default_rng(0).uniform(-1, 1, (40, 32, 1)).astype(np.float32)
    held, stepped = (Dodge(np.zeros((count, *FRAME), np.uint8), repeat=times) for times in (repeat, 1))
    for worlds in (held, stepped):
        worlds.begin(range(count), range(count))
    over = np.zeros(count, np.bool_)
    for action in actions:
        outcome = held.step(action)
        rew, ended = np.zeros(count), np.zeros(count, np.bool_)
        for _ in range(repeat):
            small = stepped.step(action)
            rew += small.rew * ~ended
            ended |= small.end | small.trunc
        assert np.array_equal(outcome.rew[~over], rew[~over])
        over |= outcome.end | outcome.trunc
        assert np.array_equal(held.frames[~over], stepped.frames[~over])
    with pytest.raises(ValueError, match="at least 1 step"):
        Dodge(np.zeros((1, *FRAME), np.uint8), repeat=0)
