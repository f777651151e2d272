"""Whole or absent, read while it grows, never trusted unread; and every frame has the same chance."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import zarr

from genmodels.storage import Corrupt, DiskFull, Locked, StorageError
from worldmodels.replay_store import FrameBatches, Replay
from worldmodels.types import Episode

SIDE = 8


def episode(length: int, seed: int = 0, side: int = SIDE, end: bool = False) -> Episode:
    random = np.random.default_rng(seed)
    return Episode(
        obs=random.integers(0, 256, (length + 1, side, side, 3), np.uint8),
        act=random.random((length, 2), np.float32),
        rew=random.random(length, np.float32),
        end=end,
        trunc=not end,
        facts={"seed": seed, "policy": "random", "noise": 0.5},
    )


def create(folder: Path, *lengths: int) -> Replay:
    replay = Replay.create(folder, obs_shape=(SIDE, SIDE, 3), action_size=2)
    for seed, length in enumerate(lengths):
        replay.append(episode(length, seed))
    return replay


def same(a: Episode, b: Episode) -> bool:
    arrays = all(np.array_equal(x, y) and x.dtype == y.dtype for x, y in ((a.obs, b.obs), (a.act, b.act), (a.rew, b.rew)))
    return arrays and (a.end, a.trunc, a.facts, a.ret) == (b.end, b.trunc, b.facts, b.ret)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


# ------------------------------------------------------------------------------------------------------------- episodes


def test_an_episode_tells_what_is_wrong_with_it() -> None:
    whole = episode(3)
    assert (whole.length, whole.ret) == (3, pytest.approx(float(whole.rew.sum())))
    broken = np.array([0.0, np.nan, 1.0], np.float32)
    for change, kind, message in (
        ({"obs": whole.obs[:-1]}, ValueError, r"obs: 3 rewards go with frames \(4,"),
        ({"obs": whole.obs.astype(np.float32)}, TypeError, "obs is an array uint8"),
        ({"act": whole.act[:-1]}, ValueError, "act: 3 rewards go with as many actions, not 2"),
        ({"act": whole.act[:, 0]}, TypeError, "act is an array"),
        ({"rew": whole.rew.astype(np.float64)}, TypeError, "rew is an array float32"),
        ({"rew": broken}, ValueError, "rew: not finite at step 1"),
        ({"rew": whole.rew[:0]}, ValueError, "at least one transition"),
        ({"end": np.bool_(True)}, TypeError, "end is a bool"),
        ({"facts": {"seed": np.int64(3)}}, TypeError, "facts"),
        ({"facts": {"score": float("nan")}}, ValueError, "facts"),
    ):
        with pytest.raises(kind, match=message):
            replace(whole, **change)  # type: ignore[arg-type]


# -------------------------------------------------------------------------------------------------------- write and read


def test_what_was_appended_is_read_back(tmp_path: Path) -> None:
    lengths = (1, 31, 32, 40, 1023, 1024, 2100)  # around the edges of chunks of 32 and of files of 1024
    with create(tmp_path, *lengths) as replay:
        reader = Replay.open(tmp_path)
        assert len(replay) == len(reader) == 7
        assert reader.frames_total == sum(lengths) + 7
        assert [entry.start for entry in reader.episodes] == [1024 * file for file in (0, 1, 2, 3, 4, 5, 7)]
        for seed, length in enumerate(lengths):
            assert same(reader.episode(seed), episode(length, seed))
            assert reader.episodes[seed].ret == episode(length, seed).ret
    obs = episode(2100, 6).obs
    for start, stop in ((0, 1), (31, 33), (1000, 1100), (1024, 1024), (2048, 2101)):
        np.testing.assert_array_equal(reader.obs(6, start, stop), obs[start:stop])


def test_frames_of_zeros_and_rewards_of_zero_are_there_too(tmp_path: Path) -> None:
    black = replace(episode(40), obs=np.zeros((41, SIDE, SIDE, 3), np.uint8), rew=np.zeros(40, np.float32))
    with create(tmp_path) as replay:
        replay.append(black)
        assert same(replay.episode(0), black)


def test_zarr_reads_the_same(tmp_path: Path) -> None:
    """Any stretch of any array, within a chunk, over chunks and over files."""
    replay, draw = create(tmp_path, 5, 2500, 63), random.Random(0)
    arrays = {name: zarr.open_array(tmp_path / name, mode="r") for name in ("obs", "act", "rew")}
    for entry in replay.episodes:
        row, length = entry.start, entry.length
        for first, last in [(0, length + 1), *(sorted(draw.choices(range(length + 2), k=2)) for _ in range(20))]:
            assert np.array_equal(replay.obs(entry.index, first, last), arrays["obs"][row + first : row + last])
        assert np.array_equal(replay.act(entry.index), arrays["act"][row : row + length])
        assert np.array_equal(replay.rew(entry.index), arrays["rew"][row : row + length])


@pytest.mark.parametrize("length", [1, 40, 1023, 1500])
def test_zarr_writes_the_same_bytes(tmp_path: Path, length: int) -> None:
    ours, theirs, one = tmp_path / "ours", tmp_path / "theirs", episode(length)
    one = replace(one, obs=one.obs // 2, rew=np.zeros(length, np.float32))
    create(theirs)
    with zarr.config.set({"array.write_empty_chunks": True}):
        for name, values in (("obs", one.obs), ("act", one.act), ("rew", one.rew)):
            zarr.open_array(theirs / name, mode="r+")[: len(values)] = values
    create(ours).append(one)
    found = content(ours)
    found["episodes.jsonl"] = b""
    assert found == content(theirs)


def test_episodes_that_are_kept_together_are_kept_as_one_by_one(tmp_path: Path) -> None:
    lengths = (5, 1100, 63)
    create(tmp_path / "alone", *lengths)
    together = create(tmp_path / "together")
    assert together.append(*(episode(length, seed) for seed, length in enumerate(lengths))) == 2
    assert content(tmp_path / "together") == content(tmp_path / "alone")
    with pytest.raises(ValueError, match="obs"):
        together.append(episode(3), episode(3, side=4))
    assert content(tmp_path / "together") == content(tmp_path / "alone")


def test_equal_episodes_make_equal_bytes(tmp_path: Path) -> None:
    create(tmp_path / "a", 5, 1500).close()
    create(tmp_path / "b", 5).close()
    with Replay.create(tmp_path / "b", obs_shape=(SIDE, SIDE, 3), action_size=2) as replay:
        assert replay.append(episode(1500, 1)) == 1
    assert content(tmp_path / "a") == content(tmp_path / "b")


def test_one_process_writes_and_anyone_reads(tmp_path: Path) -> None:
    with create(tmp_path, 5):
        with pytest.raises(Locked):
            create(tmp_path)
        assert len(Replay.open(tmp_path)) == 1
    with create(tmp_path) as again:
        assert len(again) == 1
    with pytest.raises(StorageError, match=r"Replay\.create"):
        Replay.open(tmp_path).append(episode(3))


def test_a_reader_sees_more_when_it_looks_again(tmp_path: Path) -> None:
    with create(tmp_path, 5) as writer:
        reader = Replay.open(tmp_path)
        frames = reader.frames()
        writer.append(episode(7, 1))
        assert len(reader) == 1
        assert reader.refresh() == 1
        assert same(reader.episode(1), episode(7, 1))
        assert reader.refresh() == 0
        assert len(frames) == 6  # of the episodes there were then
        assert len(reader.frames()) == 14


def test_a_replay_of_another_world_is_refused(tmp_path: Path) -> None:
    create(tmp_path, 5).close()
    with pytest.raises(ValueError, match="action_size is 2 there, not 3"):
        Replay.create(tmp_path, obs_shape=(SIDE, SIDE, 3), action_size=3)
    with pytest.raises(ValueError, match="obs_shape"):
        Replay.create(tmp_path, action_size=2)
    with create(tmp_path) as replay:
        with pytest.raises(ValueError, match="obs:"):
            replay.append(episode(3, side=16))
        with pytest.raises(ValueError, match="act:"):
            replay.append(replace(episode(3), act=np.zeros((3, 5), np.float32)))
        assert len(replay) == 1
    with pytest.raises(FileNotFoundError, match=r"Replay\.create"):
        Replay.open(tmp_path / "nothing")


def test_what_is_not_there_is_not_read(tmp_path: Path) -> None:
    with create(tmp_path, 5) as replay:
        for index in (-1, 1):
            with pytest.raises(IndexError, match="1 episodes"):
                replay.episode(index)
        for start, stop in ((-1, 2), (3, 2), (0, 7)):
            with pytest.raises(IndexError, match="frames 0 to 5"):
                replay.obs(0, start, stop)


# --------------------------------------------------------------------------------------------------------------- damage


def files(folder: Path) -> Iterator[Path]:
    yield from (
        path for path in sorted(folder.rglob("*")) if path.is_file() and path.parent != folder and path.name != "zarr.json"
    )


def test_any_flipped_bit_of_the_data_is_found_and_its_file_and_episode_named(tmp_path: Path) -> None:
    create(tmp_path, 3, 40).close()
    generator = random.Random(0)
    for path in files(tmp_path):
        data, number = path.read_bytes(), int(path.name.partition(".")[0])
        for place in generator.sample(range(len(data)), 12):
            path.write_bytes(data[:place] + bytes([data[place] ^ (1 << generator.randrange(8))]) + data[place + 1 :])
            with pytest.raises(Corrupt, match=rf"{path}: .*episode {number}"):
                Replay.open(tmp_path).episode(number)
        path.write_bytes(data[: len(data) // 2])
        with pytest.raises(Corrupt, match=rf"{path}: .*episode {number}"):
            Replay.open(tmp_path).episode(number)
        path.unlink()
        with pytest.raises(Corrupt, match=rf"{path}: missing.*episode {number}"):
            Replay.open(tmp_path).episode(number)
        assert same(Replay.open(tmp_path).episode(1 - number), episode((40, 3)[number], 1 - number))
        path.write_bytes(data)
    assert same(Replay.open(tmp_path).episode(1), episode(40, 1))


def test_a_damaged_line_of_the_journal_is_found(tmp_path: Path) -> None:
    create(tmp_path, 3, 40).close()
    journal = tmp_path / "episodes.jsonl"
    data = journal.read_bytes()
    for old, new in ((b'"length":3', b'"length":4'), (b'"index":1', b'"index":2'), (b"{", b""), (data, b"\n" + data)):
        journal.write_bytes(data.replace(old, new, 1))
        with pytest.raises(Corrupt, match=r"episodes\.jsonl: line [12] is damaged"):
            Replay.open(tmp_path)
    journal.write_bytes(data[:-10])  # a torn last line
    assert len(Replay.open(tmp_path)) == 1


def test_what_describes_the_arrays_is_checked(tmp_path: Path) -> None:
    create(tmp_path, 3).close()
    for name in ("replay.json", "obs/zarr.json"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[:20])
        with pytest.raises(Corrupt, match=name):
            Replay.open(tmp_path)
        (tmp_path / name).write_bytes(data)


# --------------------------------------------------------------------------------------------------------------- deaths


def test_whatever_a_dead_writer_left_is_cleared_away(tmp_path: Path) -> None:
    create(tmp_path / "whole", 5, 70).close()
    create(tmp_path / "cut", 5, 3000).close()
    journal = tmp_path / "cut" / "episodes.jsonl"
    journal.write_bytes(journal.read_bytes()[:-20])  # the long episode was never sealed, yet its files are there
    (tmp_path / "cut" / "obs" / "1.0.0.d0f1.partial").write_bytes(b"half")
    with Replay.create(tmp_path / "cut", obs_shape=(SIDE, SIDE, 3), action_size=2) as replay:
        assert len(replay) == 1
        replay.append(episode(70, 1))
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


def test_a_writer_that_died_while_it_laid_out_the_folder_is_no_obstacle(tmp_path: Path) -> None:
    create(tmp_path / "whole", 5).close()
    for left in ("zarr.json", "obs/zarr.json", "rew/zarr.json"):
        cut = tmp_path / left.replace("/", "-")
        create(cut).close()
        (cut / "replay.json").unlink()
        (cut / left).unlink()
        create(cut, 5).close()
        assert content(cut) == content(tmp_path / "whole")


def test_an_append_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create(tmp_path / "whole", 5, 70).close()
    with create(tmp_path / "cut", 5) as replay:
        for error, kind in ((OSError(28, "No space left on device"), DiskFull), (KeyboardInterrupt(), KeyboardInterrupt)):
            with monkeypatch.context() as patch:

                def fail(descriptor: int, error: BaseException = error) -> None:
                    raise error

                patch.setattr(os, "fsync", fail)
                with pytest.raises(kind):
                    replay.append(episode(3000, 9))
            assert len(replay) == 1
        replay.append(episode(70, 1))
    assert content(tmp_path / "cut") == content(tmp_path / "whole")


WRITER = """
import sys
import numpy as np
from worldmodels.replay_store import Replay
from worldmodels.types import Episode

folder, count = sys.argv[1], int(sys.argv[2])
with Replay.create(folder, obs_shape=(16, 16, 3), action_size=2) as replay:
    print("ready", len(replay), flush=True)
    for seed in range(len(replay), count):
        random = np.random.default_rng(seed)
        length = int(random.integers(20, 1400))
        obs = random.integers(0, 256, (length + 1, 16, 16, 3), np.uint8)
        replay.append(Episode(obs, random.random((length, 2), np.float32), random.random(length, np.float32), True, False))
        print("sealed", len(replay), flush=True)
"""


def write(folder: Path, count: int) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", WRITER, str(folder), str(count)], stdout=subprocess.PIPE, text=True)


def finish(writer: "subprocess.Popen[str]") -> list[str]:
    said, _ = writer.communicate(timeout=120)
    return said.split("\n")


def test_a_writer_killed_once_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    assert kills(tmp_path, 1) == 1


@pytest.mark.slow
def test_a_writer_killed_at_twenty_moments_goes_on_to_the_same_bytes(tmp_path: Path) -> None:
    assert kills(tmp_path, 20) == 20


def kills(tmp_path: Path, wanted: int) -> int:
    """Kill a writer so many times at random moments while a reader looks on; hold the end against a writer never killed."""
    count, generator, killed, sealed = 12 * wanted, random.Random(wanted), 0, 0
    whole = write(tmp_path / "whole", count)
    assert "sealed " + str(count) in finish(whole)
    while killed < wanted:
        writer = write(tmp_path / "cut", count)
        assert writer.stdout is not None
        assert writer.stdout.readline().startswith("ready")
        time.sleep(generator.random() * 0.1)
        writer.send_signal(signal.SIGKILL)
        said = finish(writer)
        killed += writer.returncode == -signal.SIGKILL
        promised = [int(line.split()[1]) for line in said if line.startswith("sealed")]
        replay = Replay.open(tmp_path / "cut")
        assert len(replay) >= max(promised, default=sealed), "a sealed episode was lost"
        sealed = len(replay)
        for index in range(sealed):
            assert replay.episode(index).ret == replay.episodes[index].ret
    assert f"sealed {count}" in finish(write(tmp_path / "cut", count)) or sealed == count
    assert content(tmp_path / "cut") == content(tmp_path / "whole")
    return killed


def test_a_reader_beside_a_writer_sees_only_whole_episodes(tmp_path: Path) -> None:
    Replay.create(tmp_path, obs_shape=(16, 16, 3), action_size=2).close()
    reader, writer, seen = Replay.open(tmp_path), write(tmp_path, 15), []
    while writer.poll() is None or reader.refresh():
        reader.refresh()
        if reader.episodes:
            last = reader.episode(len(reader) - 1)
            assert (last.length, last.ret) == (reader.episodes[-1].length, reader.episodes[-1].ret)
            seen.append(len(reader))
    finish(writer)
    assert len(reader) == 15
    assert len(set(seen)) > 3


# --------------------------------------------------------------------------------------------------------------- frames


def test_frames_by_their_numbers(tmp_path: Path) -> None:
    lengths = (5, 100, 1)
    with create(tmp_path, *lengths) as replay:
        everything = np.concatenate([episode(length, seed).obs for seed, length in enumerate(lengths)])
        for held in (1, 256):
            frames = replay.frames(held)
            assert len(frames) == len(everything) == 109
            index = torch.tensor([108, 0, 5, 6, 37, 106, 6, 107])
            np.testing.assert_array_equal(frames[index].numpy(), everything[index.numpy()].transpose(0, 3, 1, 2))
            assert frames[torch.tensor(3)].shape == (3, SIDE, SIDE)
            for wrong in (-1, 109):
                with pytest.raises(IndexError, match="0 to 108"):
                    frames[torch.tensor([wrong])]


def marked(folder: Path, *lengths: int) -> Replay:
    """Frames that carry their number, counted over all episodes, in their first two bytes."""
    first = 0
    with create(folder) as replay:
        for length in lengths:
            one = episode(length)
            number = np.arange(first, first + length + 1)
            one.obs[:, 0, 0, 0], one.obs[:, 0, 0, 1] = number // 256, number % 256
            replay.append(one)
            first += length + 1
    return Replay.open(folder)


def numbers(batch: torch.Tensor) -> list[int]:
    return (batch[:, 0, 0, 0].int() * 256 + batch[:, 1, 0, 0].int()).tolist()


def test_every_frame_is_as_likely_as_every_other(tmp_path: Path) -> None:
    replay = marked(tmp_path, 2, 40, 64, 9)  # chunks of 3, 32, 9, 32, 32, 1 and 10 frames
    batches = FrameBatches(replay, 32, seed=0, chunks=16)
    drawn = [number for step in range(1600) for number in numbers(batches(step))]
    counts = np.bincount(drawn, minlength=119)
    assert len(counts) == 119
    # 1,600 chunks are drawn, and 32 frames of each: what a frame gets varies with how often its chunk came up
    for chunk in ([0, 3], [3, 35], [35, 44], [44, 76], [76, 108], [108, 109], [109, 119]):
        size = chunk[1] - chunk[0]
        share, chance = counts[slice(*chunk)].sum() / len(drawn), size / 119
        assert abs(share - chance) < 5 * np.sqrt(chance * (1 - chance) / 1600)
        if size > 1:
            inside = counts[slice(*chunk)] / counts[slice(*chunk)].mean()
            assert np.abs(inside - 1).max() < 0.5


def test_batches_of_frames_are_a_function_of_seed_and_step(tmp_path: Path) -> None:
    replay = marked(tmp_path, 200, 100)
    a, b, other = (FrameBatches(replay, 16, seed, chunks=8) for seed in (1, 1, 2))
    there = {step: a(step).clone() for step in (0, 15, 16, 40)}
    for step in (40, 16, 15, 0):
        assert torch.equal(b(step), there[step])
    assert not torch.equal(a(1), there[0])
    assert not torch.equal(other(0), there[0])
    assert there[0].shape == (16, 3, SIDE, SIDE)
    assert there[0].dtype == torch.uint8


def test_a_batch_has_frames_from_many_chunks(tmp_path: Path) -> None:
    replay = marked(tmp_path, *[1023] * 4)  # 128 chunks
    for size, chunks, least in ((128, 64, 40), (16, 64, 14)):
        batches = FrameBatches(replay, size, chunks=chunks)
        assert len({number // 32 for number in numbers(batches(0))}) >= least
        assert len(set(numbers(batches(0)))) > 0.9 * size


def test_a_share_of_the_pool_is_from_the_latest_episodes(tmp_path: Path) -> None:
    replay = marked(tmp_path, 900, 40, 50)
    every = FrameBatches(replay, 64, recent=1.0, recent_episodes=2, chunks=8)
    assert min(number for step in range(20) for number in numbers(every(step))) >= 901
    half = FrameBatches(replay, 64, recent=0.5, recent_episodes=2, chunks=8)
    share = np.mean([number >= 901 for step in range(100) for number in numbers(half(step))])
    assert 0.5 <= share < 0.65  # and the other half has its share of them: 92 of 993


def test_batches_are_of_the_episodes_there_were(tmp_path: Path) -> None:
    with create(tmp_path, 100) as replay:
        before, beside = FrameBatches(replay, 16), FrameBatches(replay, 16)
        first = before(500)
        replay.append(episode(100, 1))
        assert torch.equal(beside(500), first)


def test_impossible_batches_of_frames_are_refused(tmp_path: Path) -> None:
    with create(tmp_path) as replay, pytest.raises(ValueError, match="collect some first"):
        FrameBatches(replay, 16)
    with create(tmp_path, 5) as replay:
        for arguments, message in (({"size": 0}, "size"), ({"chunks": 0}, "chunks"), ({"recent": 0.5}, "recent_episodes")):
            with pytest.raises(ValueError, match=message):
                FrameBatches(replay, **{"size": 16, **arguments})  # type: ignore[arg-type]


# ----------------------------------------------------------------------------------------------------------- large, fast


def drive(frames: int) -> np.ndarray:
    """Frames of a real drive, 64x64."""
    import gymnasium

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Box2D's bindings warn as they are loaded, and crash where a warning is an error
        env, out, action = gymnasium.make("CarRacing-v3"), [], np.zeros(3, np.float32)
    obs, _ = env.reset(seed=1)
    generator, pixels = np.random.default_rng(0), np.arange(64) * 96 // 64
    for step in range(frames):
        if step % 10 == 0:
            action = np.array([generator.uniform(-0.4, 0.4), generator.uniform(0, 0.4), 0], np.float32)
        out.append(obs[pixels][:, pixels])
        obs = env.step(action)[0]
    env.close()
    return np.stack(out).astype(np.uint8)


@pytest.mark.slow
def test_rates_on_real_frames(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    obs, rates = drive(1000), {}
    one = Episode(obs, np.zeros((999, 3), np.float32), np.zeros(999, np.float32), False, True)
    with Replay.create(tmp_path, action_size=3) as replay:
        began = time.perf_counter()
        for _ in range(20):
            replay.append(one)
        rates["write"] = 20_000 / (time.perf_counter() - began)
        batches, began = FrameBatches(replay, 128), time.perf_counter()
        for step in range(160):
            batches(step)
        rates["batches"] = 160 * 128 / (time.perf_counter() - began)
        generator, began = np.random.default_rng(0), time.perf_counter()
        for index, start in zip(generator.integers(0, 20, 300), generator.integers(0, 900, 300), strict=True):
            replay.obs(int(index), int(start), int(start) + 64)
        rates["windows"] = 300 * 64 / (time.perf_counter() - began)
    with capsys.disabled():
        print("".join(f"  {name} {rate:,.0f} frames/s" for name, rate in rates.items()))
    assert rates["write"] > 5_000
    assert rates["batches"] > 10_000
    assert rates["windows"] > 10_000


TRAINS = """
import sys, time
import torch
from worldmodels.latents import Latents
from worldmodels.window_batches import WindowBatches
from genmodels.autoencoders import VAE
from worldmodels.replay_store import FrameBatches, Replay

began = time.perf_counter()
replay = Replay.open(sys.argv[1])
frames = replay.frames()
print("opened", time.perf_counter() - began)
assert len(frames) >= 1_000_000
from genmodels.training import fit
vae = VAE(shape=(3, 64, 64), latent=8, width=4)
fit(vae, vae.updates(), FrameBatches(replay, 32), steps=40)
frames[torch.randint(len(frames), (64,))]
anonymous = next(line for line in open("/proc/self/status") if line.startswith("RssAnon"))
print("anonymous", int(anonymous.split()[1]) / 1024)
"""


@pytest.mark.slow
def test_a_million_frames_are_opened_at_once_and_trained_on_in_little_memory(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    one = Episode(
        np.broadcast_to(np.arange(1001, dtype=np.uint8)[:, None, None, None], (1001, 64, 64, 3)),
        np.zeros((1000, 3), np.float32),
        np.zeros(1000, np.float32),
        False,
        True,
    )
    with Replay.create(tmp_path / "replay", action_size=3) as replay:
        for _ in range(1000):
            replay.append(one)
    trained = subprocess.run(
        [sys.executable, "-c", TRAINS, str(tmp_path / "replay")], capture_output=True, text=True, check=True
    )
    figures = {line.split()[0]: float(line.split()[1]) for line in trained.stdout.splitlines() if line[:1].isalpha()}
    with capsys.disabled():
        print(f"  opened in {figures['opened']:.2f} s, RssAnon {figures['anonymous']:.0f} MiB")
    assert figures["opened"] < 2.0
    assert figures["anonymous"] < 1024
    shutil.rmtree(tmp_path / "replay")


def test_the_journal_is_plain_lines(tmp_path: Path) -> None:
    create(tmp_path, 3, 4).close()
    lines = [json.loads(line) for line in (tmp_path / "episodes.jsonl").read_text().splitlines()]
    assert [(line["index"], line["length"], line["facts"]["policy"]) for line in lines] == [(0, 3, "random"), (1, 4, "random")]
