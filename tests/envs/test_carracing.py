"""CarRacing pays, ends and looks as its simulators say, whichever of the two drives."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import pytest
from numpy.typing import NDArray

import envs
from envs.carracing import BAR, DIGITS, CarRacing, controls, view
from envs.cars import Cars, Driven
from envs.simulator import FRAME, Frames
from envs.vector_env import AHEAD, episode_seed


class Scripted(Cars):
    """A car of which frame t pays `pays[t]` and whose episode ends at frame `ends`; the picture's shade is t."""

    def __init__(self, pays: list[float], ends: int) -> None:
        self.pays, self.ends, self.time = pays, ends, 0
        self.pictures = np.zeros((1, 96, 96, 3), np.uint8)

    def begin(self, slots: Sequence[int], seeds: Sequence[int]) -> None:
        self.time = 0

    def drive(self, controls: NDArray[np.float32], most: NDArray[np.int64]) -> Driven:
        driven = Driven.blank(1)
        while driven.frames[0] < most[0] and not driven.end[0]:
            driven.add(0, self.pays[self.time], self.time + 1 == self.ends)
            self.time += 1
        self.pictures[:] = self.time
        return driven

    def close(self) -> None:
        """Nothing to let go of."""


def scripted(monkeypatch: pytest.MonkeyPatch, pays: list[float], ends: int = 0, **options: Any) -> tuple[CarRacing, Scripted]:
    cars = Scripted(pays, ends)
    monkeypatch.setattr("envs.carracing.GymnasiumCars", lambda count: cars)
    worlds = CarRacing(np.zeros((1, *FRAME), np.uint8), **options)
    worlds.begin([0], [0])
    return worlds, cars


def test_rewards_of_held_frames_are_added_and_stop_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds, cars = scripted(monkeypatch, [1, 2, 4, 8, 16, 32, 64, 128], ends=6, repeat=4)
    first, second = (worlds.step(np.zeros((1, 3), np.float32)) for _ in range(2))
    assert (first.rew[0], first.end[0]) == (15, False)
    assert (second.rew[0], second.end[0], second.trunc[0]) == (48, True, False)
    assert cars.time == 6
    assert worlds.frames[0, 0, 0, 0] == 6  # the last frame of the episode


def test_the_limit_counts_frames_not_decisions(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds, cars = scripted(monkeypatch, [-0.1] * 20, repeat=4, max_frames=10)
    cut = [bool(worlds.step(np.zeros((1, 3), np.float32)).trunc[0]) for _ in range(3)]
    assert cut == [False, False, True]
    assert cars.time == 10


def test_a_stalled_car_is_lost_after_so_many_decisions_without_a_tile(monkeypatch: pytest.MonkeyPatch) -> None:
    worlds, _ = scripted(monkeypatch, [3, -0.1, -0.1, 3, -0.1, -0.1, -0.1, -0.1], stalled=3)
    steps = [worlds.step(np.zeros((1, 3), np.float32)) for _ in range(7)]
    assert [bool(step.end[0]) for step in steps] == [False] * 6 + [True]
    assert not any(step.trunc[0] for step in steps)
    worlds.begin([0], [1])
    assert not worlds.step(np.zeros((1, 3), np.float32)).end[0]


def test_three_numbers_are_the_papers_and_two_share_gas_and_brake() -> None:
    assert controls(np.array([[0.3, -1, -1], [0.3, 1, 0.5]], np.float32)) == pytest.approx(
        np.array([[0.3, 0, 0], [0.3, 1, 0.5]])
    )
    assert controls(np.array([[-1, 0.5], [1, -0.5]], np.float32)).tolist() == [[-1, 0.5, 0], [1, 0, 0.5]]


def test_the_bar_is_seen_without_its_digits_or_not_at_all() -> None:
    picture = np.full((96, 96, 3), 10, np.uint8)
    picture[BAR:] = 200
    whole, road = view(picture, bar=True), view(picture, bar=False)
    assert (road == 10).all()
    assert (whole[56:, : DIGITS * 64 // 96] == 0).all()
    assert (whole[56:, DIGITS * 64 // 96 :] == 200).all()
    assert (whole[:56] == 10).all()
    assert (picture[BAR:] == 200).all()  # what was handed in is not written to


def test_frames_and_rewards_are_gymnasiums_own() -> None:
    env, plain = envs.make("carracing", 1, 3, repeat=2, actions=3), gymnasium.make("CarRacing-v3").unwrapped
    obs, _ = env.reset()
    expected, _ = plain.reset(seed=episode_seed(3, 0, 0))
    assert np.array_equal(obs[0], view(expected, bar=True))
    for _ in range(8):
        obs, rew, *_ = env.step(np.array([[0.2, 0.5, -1.0]]))
        pay = 0.0
        for _ in range(2):
            expected, reward, *_ = plain.step(np.array([0.2, 0.75, 0.0], np.float32))
            pay += float(reward)
        assert np.array_equal(obs[0], view(expected, bar=True))
        assert rew[0] == pytest.approx(pay)
    env.close()


def test_leaving_the_field_costs_100_and_shows_where() -> None:
    """The last frame of an episode is drawn even where frames between decisions are not."""
    env = envs.make("carracing", 1, 0, repeat=4, actions=2)
    env.reset()
    car: Any = env.worlds._cars._cars[0]  # type: ignore[attr-defined]
    car.car.hull.position = (car.car.hull.position[0] + 1000.0, 0.0)
    _, rew, end, _, info = env.step(np.zeros((1, 2)))
    assert (rew[0], end[0]) == (-100, True)
    car.drawn = True
    assert info["final_obs"][0][:40].std() < info["final_obs"][0].std()
    env.close()


def test_envpool_gives_an_episode_the_same_track_for_the_same_seed() -> None:
    def shown(num_envs: int, threads: int) -> tuple[Frames, Any, Frames]:
        env = envs.make("carracing", num_envs, 1, backend="envpool", threads=threads, repeat=4, actions=2, max_frames=12)
        first, _ = env.reset()
        for _ in range(3):
            obs, rew, end, trunc, info = env.step(np.full((num_envs, 2), 0.4))
        assert trunc.all()
        assert not end.any()
        env.close()
        return np.stack([first[0], info["final_obs"][0], obs[0]]), rew[0], first

    (few, rew, _), (many, same, first) = shown(2, 2), shown(5, 3)
    assert np.array_equal(few, many)
    assert rew == same
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(few[0], few[2])  # the next episode has another track


def test_envpool_drives_cars_whose_episodes_end_at_different_times() -> None:
    """More episodes than are expected at once, so that slots drive cars of several pools."""

    def seen(num_envs: int) -> tuple[Frames, Any]:
        env = envs.make("carracing", num_envs, 1, backend="envpool", repeat=4, actions=2, stalled=3)
        shown, ends = [env.reset()[0][0]], np.zeros(num_envs, int)
        forward = np.array([[0.0, 0.1 + 0.2 * slot] for slot in range(num_envs)])
        for _ in range(50):
            obs, _, end, _, _ = env.step(forward)
            shown.append(obs[0])
            ends += end
        env.close()
        return np.stack(shown), ends

    few, _ = seen(2)
    many, ends = seen(5)
    assert np.array_equal(few, many)
    assert ends.max() > AHEAD
    assert ends.min() < ends.max()


@pytest.mark.parametrize("backend", ["gymnasium", "envpool"])
def test_cars_that_rest_stand_still_until_the_next_reset(backend: str) -> None:
    env = envs.make("carracing", 2, 1, backend=backend, actions=2, stalled=3)
    before, _ = env.reset()
    env.rest(np.array([False, True]))
    for _ in range(4):
        obs, rew, end, _, _ = env.step(np.full((2, 2), 0.5))
        assert np.array_equal(obs[1], before[1])
        assert (rew[1], end[1]) == (0.0, False)
    assert not np.array_equal(obs[0], before[0])
    again, _ = env.reset(seed=1)
    assert np.array_equal(again, before)
    assert (env.step(np.full((2, 2), 0.5))[1] != 0.0).all()
    env.close()


@pytest.mark.slow
def test_the_two_simulators_show_nearly_the_same() -> None:
    """The first frame shows the whole track, so it tells whether both drew the same; the later ones are then compared."""
    count = 24
    tracks, drives = [], []
    for seed in range(count):
        shown = []
        for backend in ("gymnasium", "envpool"):
            env = envs.make("carracing", 1, seed, backend=backend, repeat=4, actions=2)
            first, drive = env.reset()[0], [env.step(np.array([[0.0, 0.3 if step < 12 else 0.0]]))[0] for step in range(16)]
            env.close()
            shown.append(np.concatenate([first, *drive]).astype(int))
        difference = np.abs(shown[0] - shown[1]).mean((1, 2, 3))
        tracks.append(difference[0])
        drives.append(difference[12:].mean())
    same = np.array(tracks) < 10
    mean = np.mean(drives, where=same)
    print(f"carracing: {same.sum()} of {count} tracks are the same; there a pixel differs by {mean:.1f} on average")
    assert same.sum() > count / 2
    assert mean < 8


def test_telemetry_knows_where_the_car_is() -> None:
    env = envs.make("carracing", 1, 3, actions=2)
    assert isinstance(env.worlds, CarRacing)
    env.reset()
    offset, turn, speed = env.worlds.telemetry()[0]
    assert abs(offset) < 1.0
    assert abs(turn) < 0.1
    assert speed < 1.0
    for _ in range(40):
        env.step(np.array([[0.0, 0.6]], np.float32))
    assert env.worlds.telemetry()[0, 2] > 10.0
    straight = env.worlds.telemetry()[0, 1]
    for _ in range(15):
        env.step(np.array([[1.0, 0.2]], np.float32))
    right = env.worlds.telemetry()[0]
    assert right[1] < straight - 0.2, "angles grow to the left"
    assert right[0] > offset + 0.2
    env.close()
    with pytest.raises(ValueError, match='take backend="gymnasium"'):
        envs.make("carracing", 1, 3, backend="envpool").worlds.telemetry()  # type: ignore[attr-defined]
