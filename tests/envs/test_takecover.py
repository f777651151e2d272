"""Take Cover is the paper's: its reward, its end, its picture, its threshold."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import envs
from envs.resize import shrink
from envs.simulator import FRAME
from envs.takecover import LIMIT, THRESHOLD, TakeCover


def takecover(count: int, **options: Any) -> TakeCover:
    return TakeCover(np.zeros((count, *FRAME), np.uint8), **options)


def test_the_terminal_frame_is_the_last_one_that_was_seen() -> None:
    env = envs.make("takecover", 1, 0, skill=5)
    obs, _ = env.reset()
    total, end = 0.0, np.array([False])
    while not end[0]:
        before = obs
        obs, rew, end, trunc, info = env.step(np.zeros((1, 1)))
        total += rew[0]
        assert not trunc[0]
    assert np.array_equal(info["final_obs"][0], before[0])
    assert before.std() > 5
    assert total > 20
    env.close()


def test_games_that_begin_at_once_do_not_get_in_each_others_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for seed in range(2):
        env = envs.make("takecover", 4, seed, workers=4)
        obs, _ = env.reset()
        assert obs.std() > 5
        env.close()
    assert list(tmp_path.iterdir()) == []


def test_an_episode_depends_on_its_seed_alone() -> None:
    worlds = takecover(2)

    def play(slot: int, seed: int) -> Any:
        worlds.begin([slot], [seed])
        stream, shown = np.random.default_rng(seed), [worlds.frames[slot].copy()]
        for _ in range(25):
            worlds.step(np.repeat(stream.uniform(-1, 1, (1, 1)), 2, 0))
            shown.append(worlds.frames[slot].copy())
        return np.stack(shown)

    worlds.begin([0, 1], [1, 2])
    first, other, again, beside = play(0, 7), play(0, 8), play(0, 7), play(1, 7)
    assert np.array_equal(first, again)
    assert np.array_equal(first, beside)
    assert not np.array_equal(first, other)
    worlds.close()


def test_an_action_moves_beyond_a_third_and_not_before() -> None:
    """The room shifts in the picture the other way; between the thresholds it stands."""
    worlds = takecover(1)
    shown = {}
    for action in (0.0, THRESHOLD - 0.01, THRESHOLD + 0.01, 1.0, -THRESHOLD + 0.01, -THRESHOLD - 0.01, -1.0):
        worlds.begin([0], [3])
        for _ in range(10):
            worlds.step(np.array([[action]]))
        shown[round(action, 2)] = worlds.frames[0].copy()
    assert np.array_equal(shown[0.0], shown[0.32])
    assert np.array_equal(shown[0.0], shown[-0.32])
    assert np.array_equal(shown[0.34], shown[1.0])
    assert np.array_equal(shown[-0.34], shown[-1.0])
    assert len({frame.tobytes() for frame in shown.values()}) == 3
    worlds.close()


def test_the_picture_is_the_room_without_the_status_bar() -> None:
    worlds = takecover(1)
    worlds.begin([0], [0])
    screen = worlds._games[0].get_state().screen_buffer
    assert screen.shape == (480, 640, 3)
    assert np.array_equal(worlds.frames[0], shrink(screen[:400]))
    assert screen[400:].std() > 2 * screen[380:400].std()  # the bar begins there
    worlds.close()


def test_the_limit_is_2100_tics_and_cuts() -> None:
    worlds = takecover(1)
    worlds.begin([0], [0])
    worlds._games[0].send_game_command("iddqd")  # nothing harms the player
    worlds._games[0].advance_action(LIMIT - 3)
    outcomes = [worlds.step(np.zeros((1, 1))) for _ in range(3)]
    assert [outcome.rew[0] for outcome in outcomes] == [1, 1, 1]
    assert [bool(outcome.trunc[0]) for outcome in outcomes] == [False, False, True]
    assert not any(outcome.end[0] for outcome in outcomes)
    worlds.close()


def test_nothing_is_left_in_the_folder_it_is_played_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    worlds = takecover(2)
    worlds.begin([0], [0])
    worlds.close()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_fresh_uniform_action_at_each_tic_lives_201_tics() -> None:
    count, stream = 4, np.random.default_rng(0)
    env = envs.make("takecover", count, 0)
    env.reset()
    scores: list[list[float]] = [[] for _ in range(count)]
    running = np.zeros(count)
    while min(len(score) for score in scores) < 100 // count:
        _, rew, end, trunc, _ = env.step(stream.uniform(-1, 1, (count, 1)))
        running += rew
        for slot in np.flatnonzero(end | trunc):
            scores[slot].append(running[slot])
            running[slot] = 0
    env.close()
    first = np.array([score[: 100 // count] for score in scores])
    print(f"takecover, random policy: {first.mean():.0f} +- {first.std():.0f} over {first.size} episodes")
    assert abs(first.mean() - 201) < 3 * 93 / np.sqrt(first.size)


def test_a_held_action_is_as_many_tics() -> None:
    """Standing still, the same episode lasts and earns the same, seen in steps of one tic or of four."""
    lives = []
    for repeat in (1, 4):
        env = envs.make("takecover", 1, 3, repeat=repeat)
        env.reset()
        total, over = 0.0, False
        while not over:
            _, rew, end, trunc, _ = env.step(np.zeros((1, 1), np.float32))
            total, over = total + float(rew[0]), bool(end[0] or trunc[0])
        env.close()
        lives.append(total)
    assert abs(lives[0] - lives[1]) <= 1.0
