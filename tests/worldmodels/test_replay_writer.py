"""On disk in the order in which they came, whatever goes wrong; and not more on their way than was agreed."""

import threading
import time
from pathlib import Path

import numpy as np
import pytest

from genmodels.storage import StorageError
from worldmodels import replay_writer
from worldmodels.replay_store import Replay
from worldmodels.replay_writer import ReplayWriter
from worldmodels.types import Episode


def episode(seed: int, length: int = 40) -> Episode:
    random = np.random.default_rng(seed)
    obs = random.integers(0, 256, (length + 1, 8, 8, 3), np.uint8)
    return Episode(obs, random.random((length, 2), np.float32), random.random(length, np.float32), True, False, {"seed": seed})


def create(folder: Path) -> Replay:
    return Replay.create(folder, obs_shape=(8, 8, 3), action_size=2)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


class Held:
    """A replay whose disk is at work until it is let go."""

    def __init__(self, replay: Replay) -> None:
        self.replay, self.let_go, self.groups = replay, threading.Event(), list[int]()

    def append(self, *episodes: Episode) -> int:
        self.let_go.wait(10)
        self.groups.append(len(episodes))
        return self.replay.append(*episodes)


def test_the_bytes_are_those_of_one_by_one(tmp_path: Path) -> None:
    with create(tmp_path / "alone") as alone, create(tmp_path / "ours") as ours:
        with ReplayWriter(ours) as writer:
            for seed in range(20):
                writer.keep(episode(seed))
        for seed in range(20):
            alone.append(episode(seed))
    assert content(tmp_path / "ours") == content(tmp_path / "alone")


def test_what_comes_while_the_disk_is_at_work_is_kept_together(tmp_path: Path) -> None:
    with create(tmp_path) as replay:
        held = Held(replay)
        with ReplayWriter(held) as writer:  # type: ignore[arg-type]
            for seed in range(6):
                writer.keep(episode(seed))  # none of these waits for the disk
            held.let_go.set()
    assert sum(held.groups) == 6
    assert len(held.groups) <= 3
    assert [one.facts["seed"] for one in replay.episodes] == list(range(6))


def test_who_is_too_far_ahead_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(replay_writer, "AHEAD", 100)
    with create(tmp_path) as replay:
        held, came = Held(replay), list[int]()

        def play() -> None:
            with ReplayWriter(held) as writer:  # type: ignore[arg-type]
                for seed in range(10):
                    writer.keep(episode(seed))  # of 41 frames
                    came.append(seed)

        player = threading.Thread(target=play)
        player.start()
        time.sleep(0.3)
        assert came == [0, 1, 2]  # with the third there are 123 on their way
        held.let_go.set()
        player.join(10)
    assert len(replay) == 10


def test_what_came_before_an_interruption_is_on_disk(tmp_path: Path) -> None:
    def play(replay: Replay) -> None:
        with ReplayWriter(replay) as writer:
            for seed in range(5):
                writer.keep(episode(seed))
            raise KeyboardInterrupt

    with create(tmp_path) as replay:
        with pytest.raises(KeyboardInterrupt):
            play(replay)
        assert len(replay) == 5


@pytest.mark.parametrize("episodes", [1, 1000])
def test_what_goes_wrong_is_told_to_who_plays(tmp_path: Path, episodes: int) -> None:
    """By the end of the block, and before: nobody plays a thousand for nothing."""
    create(tmp_path).close()
    came: list[int] = []

    def play(replay: Replay) -> None:
        with ReplayWriter(replay) as writer:
            for seed in range(episodes):
                writer.keep(episode(seed))
                came.append(seed)
                time.sleep(0.001)

    with pytest.raises(StorageError, match="opened to read"):
        play(Replay.open(tmp_path))
    assert len(came) < 1000


def test_a_failing_disk_is_noted_on_what_the_player_failed_of(tmp_path: Path) -> None:
    create(tmp_path).close()

    def play(replay: Replay) -> None:
        with ReplayWriter(replay) as writer:
            writer.keep(episode(0))
            raise KeyError("of the player")

    with pytest.raises(KeyError, match="of the player") as raised:
        play(Replay.open(tmp_path))
    assert any("opened to read" in note for note in raised.value.__notes__)
