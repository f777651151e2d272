"""Encoded once, to the same bytes wherever it was cut; windows in which every transition has the same chance."""

from dataclasses import replace
from pathlib import Path
from threading import Lock

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from genmodels.distributions import DiagonalGaussian
from genmodels.dynamics import MDNRNN
from genmodels.storage import Corrupt
from worldmodels.latents import Latents
from worldmodels.replay_store import Replay
from worldmodels.starts import find_starts
from worldmodels.types import Episode
from worldmodels.window_batches import WindowBatches, hopeless

SIDE = 8


LOCK = Lock()


class Sums(nn.Module):
    """z is the frame's mean per channel, weighted; it notes how many frames it has seen."""

    latent_size = 3

    def __init__(self, weight: float = 2.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(weight))
        self.seen = 0

    def encode(self, x: Tensor) -> DiagonalGaussian:
        with LOCK:  # episodes are seen on several threads
            self.seen += len(x)
        mean = self.weight * x.mean((2, 3))
        return DiagonalGaussian(mean, mean - 1.0)


class Stops(Sums):
    """It is killed after so many frames."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def encode(self, x: Tensor) -> DiagonalGaussian:
        if self.seen + len(x) > self.after:
            raise KeyboardInterrupt
        return super().encode(x)


def episode(length: int, seed: int = 0, end: bool = True) -> Episode:
    random = np.random.default_rng(seed)
    return Episode(
        obs=random.integers(0, 256, (length + 1, SIDE, SIDE, 3), np.uint8),
        act=random.random((length, 2), np.float32),
        rew=random.random(length, np.float32),
        end=end,
        trunc=not end,
    )


def record(folder: Path, *lengths: int) -> Replay:
    """A replay of episodes of these lengths; every other one ends."""
    with Replay.create(folder, obs_shape=(SIDE, SIDE, 3), action_size=2) as replay:
        for seed, length in enumerate(lengths):
            replay.append(episode(length, seed, end=seed % 2 == 0))
    return Replay.open(folder)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ------------------------------------------------------------------------------------------------------------- encoding


def test_every_frame_is_seen_and_what_was_done_stands_beside_it(tmp_path: Path) -> None:
    replay = record(tmp_path / "replay", 5, 9)
    latents = Latents.encode(replay, Sums(), tmp_path / "latents", batch=4, quiet=True)
    assert (len(latents), latents.frames, latents.latent_size, latents.action_size) == (2, 16, 3, 2)
    for index in range(2):
        was, seen = replay.episode(index), latents.episode(index)
        mean = 2 * was.obs.astype(np.float64).mean((1, 2)) / 255
        np.testing.assert_allclose(seen.mean, mean, rtol=1e-5)
        np.testing.assert_allclose(seen.log_sd, mean - 1, rtol=1e-4, atol=1e-6)
        np.testing.assert_array_equal(seen.act, was.act)
        np.testing.assert_array_equal(seen.rew, was.rew)
        assert seen.end == was.end


@pytest.mark.parametrize(("together", "done"), [(1, [6, 10, 22, 29]), (9, [10, 22, 29])])
@pytest.mark.parametrize("after", [0, 3, 6, 10, 17, 20, 28])
def test_an_encoding_that_was_cut_off_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int, together: int, done: list[int]
) -> None:
    """Episodes of 6, 4, 12 and 7 frames, sealed one by one or as many as have nine frames."""
    monkeypatch.setattr("worldmodels.latents.TOGETHER", together)
    replay = record(tmp_path / "replay", 5, 3, 11, 6)
    Latents.encode(replay, Sums(), tmp_path / "whole", batch=4, quiet=True)
    with pytest.raises(KeyboardInterrupt):
        Latents.encode(replay, Stops(after), tmp_path / "cut", batch=4, quiet=True)
    vision = Sums()
    Latents.encode(replay, vision, tmp_path / "cut", batch=4, quiet=True)
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
    assert vision.seen == 29 - max([end for end in done if end <= after], default=0)  # what was done is not done again


def test_rows_without_their_line_are_written_anew(tmp_path: Path) -> None:
    """Killed between the data and the journal: the rows are there, the line is not, or half of it is."""
    replay = record(tmp_path / "replay", 5, 3)
    Latents.encode(replay, Sums(), tmp_path / "whole", quiet=True)
    Latents.encode(replay, Sums(), tmp_path / "cut", quiet=True)
    journal = tmp_path / "cut" / "episodes.jsonl"
    journal.write_bytes(journal.read_bytes()[:-7])
    assert len(Latents.open(tmp_path / "cut")) == 1
    Latents.encode(replay, Sums(), tmp_path / "cut", quiet=True)
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_new_episodes_are_added_and_old_ones_left(tmp_path: Path) -> None:
    replay, vision = record(tmp_path / "replay", 5), Sums()
    Latents.encode(replay, vision, tmp_path / "latents", quiet=True)
    with Replay.create(tmp_path / "replay", obs_shape=(SIDE, SIDE, 3), action_size=2) as writer:
        writer.append(episode(7, 9))
    replay.refresh()
    assert len(Latents.encode(replay, vision, tmp_path / "latents", quiet=True)) == 2
    assert vision.seen == 6 + 8


def test_another_vision_model_sees_everything_anew(tmp_path: Path) -> None:
    replay = record(tmp_path / "replay", 5, 3)
    old = Latents.encode(replay, Sums(1.0), tmp_path / "latents", quiet=True)
    was = np.array(old.episode(1).mean)
    new = Latents.encode(replay, Sums(3.0), tmp_path / "latents", quiet=True)
    np.testing.assert_allclose(new.episode(1).mean, 3 * was, rtol=1e-5)
    np.testing.assert_array_equal(old.episode(1).mean, was)  # who had them open keeps them


def test_another_precision_sees_everything_anew(tmp_path: Path) -> None:
    replay, vision = record(tmp_path / "replay", 5, 3), Sums()
    for count in (1, 1, 2):
        precision = "bf16" if count == 1 else "fp32"
        Latents.encode(replay, vision, tmp_path / "latents", precision=precision, quiet=True)
        assert vision.seen == 10 * count


def test_another_replay_is_seen_anew(tmp_path: Path) -> None:
    Latents.encode(record(tmp_path / "a", 5, 3), Sums(), tmp_path / "latents", quiet=True)
    latents = Latents.encode(record(tmp_path / "b", 5, 4, 2), Sums(), tmp_path / "latents", quiet=True)
    assert latents.lengths.tolist() == [5, 4, 2]


def test_half_precision_halves_the_files_and_keeps_three_digits(tmp_path: Path) -> None:
    replay = record(tmp_path / "replay", 30)
    full = Latents.encode(replay, Sums(), tmp_path / "full", quiet=True)
    half = Latents.encode(replay, Sums(), tmp_path / "half", dtype="float16", quiet=True)
    assert 2 * (tmp_path / "half" / "mean.bin").stat().st_size == (tmp_path / "full" / "mean.bin").stat().st_size
    np.testing.assert_allclose(half.episode(0).mean, full.episode(0).mean, rtol=1e-3)
    assert WindowBatches(half, 4, 2)(0).mean.dtype == torch.float32


def test_damage_is_found(tmp_path: Path) -> None:
    latents = Latents.encode(record(tmp_path / "replay", 5, 3), Sums(), tmp_path / "latents", quiet=True)
    latents.verify()
    path = tmp_path / "latents" / "rew.bin"
    data = bytearray(path.read_bytes())
    data[4 * 7] ^= 1
    path.write_bytes(data)
    with pytest.raises(Corrupt, match="episode 1 is damaged"):
        Latents.open(tmp_path / "latents").verify()
    path.write_bytes(data[:-1])
    with pytest.raises(Corrupt, match=r"rew\.bin"):
        Latents.open(tmp_path / "latents")
    Latents.encode(Replay.open(tmp_path / "replay"), Sums(), tmp_path / "latents", quiet=True).verify()


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    replay = record(tmp_path / "replay", 5)
    with pytest.raises(FileNotFoundError, match=r"Latents\.encode"):
        Latents.open(tmp_path / "nothing")
    with pytest.raises(ValueError, match="dtype"):
        Latents.encode(replay, Sums(), tmp_path / "latents", dtype="int8", quiet=True)
    with pytest.raises(ValueError, match="batch"):
        Latents.encode(replay, Sums(), tmp_path / "latents", batch=0, quiet=True)
    with pytest.raises(ValueError, match="precision"):
        Latents.encode(replay, Sums(), tmp_path / "latents", precision="fp16", quiet=True)
    with pytest.raises(ValueError, match="episode 0: its latents are not finite"):
        Latents.encode(replay, Sums(float("nan")), tmp_path / "latents", quiet=True)


# -------------------------------------------------------------------------------------------------------------- windows


@pytest.fixture(scope="module")
def latents(tmp_path_factory: pytest.TempPathFactory) -> Latents:
    """Episodes longer than, as long as, and shorter than a window of 4."""
    folder = tmp_path_factory.mktemp("windows")
    return Latents.encode(record(folder / "replay", 9, 4, 2, 1, 6), Sums(), folder / "latents", quiet=True)


def test_every_transition_is_in_as_many_windows_and_at_every_place(latents: Latents) -> None:
    """Over all windows there are, each transition's reward is found `length` times."""
    batches = WindowBatches(latents, 4, 8)
    window = batches.at(np.arange(len(batches)))
    found = window.rew[window.mask.bool()].numpy()
    for index in range(len(latents)):
        for reward in latents.episode(index).rew:
            assert (found == reward).sum() == 4
    assert window.mask.sum() == 4 * latents.lengths.sum()
    places = [(window.rew == float(latents.episode(0).rew[8])).any(0).tolist()]  # the last transition, an end
    assert places == [[True, True, True, True]]


def test_windows_are_stretches_of_one_episode(latents: Latents) -> None:
    batches = WindowBatches(latents, 4, 8)
    everything = batches.at(np.arange(len(batches)))
    for row in range(len(batches)):
        mean, log_sd, act, rew, end, mask = (field[row].numpy() for field in everything)
        count = int(mask.sum())
        assert mask.tolist() == [1.0] * count + [0.0] * (4 - count)
        homes = [
            (seen, start)
            for seen in map(latents.episode, range(len(latents)))
            for start in range(len(seen.rew) - count + 1)
            if (seen.rew[start : start + count] == rew[:count]).all()
        ]
        ((seen, start),) = homes
        np.testing.assert_array_equal(mean[: count + 1], seen.mean[start : start + count + 1])
        np.testing.assert_array_equal(log_sd[: count + 1], seen.log_sd[start : start + count + 1])
        np.testing.assert_array_equal(act[:count], seen.act[start : start + count])
        ends = np.zeros(4)
        if seen.end and start + count == len(seen.rew):
            ends[count - 1] = 1.0
        np.testing.assert_array_equal(end, ends)
        for padding in (mean[count + 1 :], log_sd[count + 1 :], act[count:], rew[count:]):
            assert not padding.any()


def test_all_is_lost_where_nothing_is_earned_for_so_long(tmp_path: Path) -> None:
    """By hand: rewards of three episodes, of which the first two end and the third is cut, and a patience of 2."""
    rewards, ends = ([0, 1, 0, 0, 0, 1, 0], [0, 1], [1, 0, 0, -1, 0]), (True, True, False)
    with Replay.create(tmp_path / "replay", obs_shape=(SIDE, SIDE, 3), action_size=2) as replay:
        for rew, end in zip(rewards, ends, strict=True):
            replay.append(replace(episode(len(rew), end=end), rew=np.array(rew, np.float32)))
    replay = Replay.open(tmp_path / "replay")
    latents = Latents.encode(replay, Sums(), tmp_path / "latents", quiet=True)
    lost = [[0, 1, 1, 0, 0, 1, 1], [0, 1], [1, 1, 1, 0, 0]]  # at the cut nobody knows
    for patience, expected in ((2, lost), (0, [[0] * 6 + [1], [0, 1], [0] * 5]), (9, [[0] * 5 + [1, 1], [0, 1], [0] * 5])):
        found = hopeless(latents, patience)
        for first, row in zip(latents.offset[:-1], expected, strict=True):
            assert found[first : first + len(row)].tolist() == [bool(x) for x in row]
        assert not found[latents.offset[1:] - 1].any()  # after the last frame there is no step
        window = WindowBatches(latents, 3, 4, patience=patience).at(np.arange(9))
        assert window.end.sum() == 3 * sum(expected[0])  # each step of the first episode is in three windows


def test_batches_are_a_function_of_seed_and_step(latents: Latents) -> None:
    a, b, other = (WindowBatches(latents, 4, 8, seed) for seed in (1, 1, 2))
    b(0)
    assert all(torch.equal(x, y) for x, y in zip(a(5), b(5), strict=True))
    assert not torch.equal(a(5).rew, a(6).rew)
    assert not torch.equal(a(5).rew, other(5).rew)
    assert a(0).mean.shape == (8, 5, 3)
    assert a(0).act.shape == (8, 4, 2)


def test_draws_are_uniform_over_transitions(latents: Latents) -> None:
    batches = WindowBatches(latents, 4, 64)
    rewards = np.concatenate([latents.episode(index).rew for index in range(len(latents))])
    drawn = torch.cat([(window := batches(step)).rew[window.mask.bool()] for step in range(200)]).numpy()
    counts = np.array([(drawn == reward).sum() for reward in rewards])
    assert counts.sum() == len(drawn)
    # each count is a sum of windows: 12,800 draws of 47 windows, 4 of which hold it
    expected = 12_800 * 4 / len(batches)
    assert np.abs(counts - expected).max() < 5 * np.sqrt(expected)


def test_a_share_of_the_batch_is_from_the_latest_episodes(latents: Latents) -> None:
    latest = set(np.concatenate([latents.episode(index).rew for index in (3, 4)]).tolist())
    batches = WindowBatches(latents, 4, 8, recent=0.5, recent_episodes=2)
    for step in range(20):
        assert all(reward in latest for reward in batches(step).rew[:4, 0].tolist())
    drawn = {reward for step in range(20) for reward in batches(step).rew[4:, 0].tolist()}
    assert drawn - latest
    every = WindowBatches(latents, 4, 8, recent=1.0, recent_episodes=2)
    assert all(reward in latest for step in range(20) for reward in every(step).rew[:, 0].tolist())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 0}, "length"),
        ({"size": 0}, "size"),
        ({"recent": 1.5}, "recent"),
        ({"recent": 0.5}, "recent_episodes"),
    ],
)
def test_impossible_batches_are_refused(latents: Latents, arguments: dict[str, float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowBatches(latents, **{"length": 4, "size": 8, **arguments})  # type: ignore[arg-type]


def test_no_episodes_no_batches(tmp_path: Path) -> None:
    latents = Latents.encode(record(tmp_path / "replay"), Sums(), tmp_path / "latents", quiet=True)
    assert (len(latents), latents.frames) == (0, 0)
    with pytest.raises(ValueError, match="collect and encode"):
        WindowBatches(latents, 4, 8)


def test_dreams_start_where_there_is_hope(tmp_path: Path) -> None:
    """Where nothing is earned after the first four steps, and patience is 3, the moments from the fourth on are no starts."""
    with Replay.create(tmp_path / "replay", obs_shape=(SIDE, SIDE, 3), action_size=2) as replay:
        for seed in range(3):
            rew = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0], np.float32)
            replay.append(replace(episode(9, seed), rew=rew))
    latents = Latents.encode(Replay.open(tmp_path / "replay"), Sums(), tmp_path / "latents", quiet=True)
    memory = MDNRNN(3, 2, 8)
    every, hopeful = (find_starts(memory, latents, True, 0, patience=patience) for patience in (0, 3))
    assert len(every) == 3 * 9
    found = [tuple(row) for row in hopeful.mean.tolist()]
    assert found == [tuple(row) for index in range(3) for row in latents.episode(index).mean[:4].tolist()]
    assert hopeful.state.h.shape == (12, 8)
