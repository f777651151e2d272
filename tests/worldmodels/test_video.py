"""Videos: as many pictures as moments, showing what was there, in no more memory than one; whole or absent."""

import re
import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from shutil import copytree

import imageio_ffmpeg
import numpy as np
import pytest
import torch
from PIL import Image

import envs
from worldmodels import after_training, side_by_side, stages, teaching, video
from worldmodels.agent import to_images
from worldmodels.captioned_panels import Caption, Sheet, enlarged
from worldmodels.controller import Reflex
from worldmodels.rollout import Step, steps
from worldmodels.run import Run
from worldmodels.side_by_side import Moment
from worldmodels.types import Frames


def decoded(path: Path) -> list[Frames]:
    """The pictures of a video file."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-i", str(path), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    told = subprocess.run(command, capture_output=True, check=True)
    size = re.search(rb"Video: .*?, (\d+)x(\d+)", told.stderr)
    assert size is not None
    return list(np.frombuffer(told.stdout, np.uint8).reshape(-1, int(size[2]), int(size[1]), 3))


def plain(count: int, shape: tuple[int, int, int] = (32, 48, 3)) -> Iterator[Frames]:
    """Pictures that grow brighter."""
    return (np.full(shape, 10 * number, np.uint8) for number in range(count))


def played(run: Run, seed: int = 5) -> Iterator[Step]:
    env = stages.world(run, envs.make, seed, test=True, slots=1)
    return steps(env, after_training.agent(run))


def moments(run: Run, **options: float) -> Iterator[Moment]:
    agent = after_training.agent(run)
    return side_by_side.watch(played(run), agent.vision, agent.memory, **options)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------------------ the file


@pytest.mark.parametrize("suffix", [".mp4", ".gif"])
def test_a_video_holds_the_pictures_it_was_given(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    assert video.write(path, plain(20), fps=10) == 20
    found = decoded(path)
    assert len(found) == 20
    for number, picture in enumerate(found):
        assert picture.shape == (32, 48, 3)
        assert abs(picture.astype(int) - 10 * number).max() <= 4


def test_odd_sides_are_made_even(tmp_path: Path) -> None:
    video.write(tmp_path / "a.mp4", plain(3, (31, 47, 3)))
    assert decoded(tmp_path / "a.mp4")[0].shape == (32, 48, 3)


def test_pictures_are_asked_for_one_by_one(tmp_path: Path) -> None:
    alive, most = 0, 0

    class Counted(np.ndarray):  # type: ignore[type-arg]
        def __del__(self) -> None:
            nonlocal alive
            alive -= self.base is None

    def pictures() -> Iterator[Frames]:
        nonlocal alive, most
        for _ in range(50):
            alive += 1
            most = max(most, alive)
            yield Counted((32, 32, 3), np.uint8)

    video.write(tmp_path / "a.mp4", pictures())
    assert most <= 3


def test_what_is_interrupted_leaves_nothing_and_what_was_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    video.write(path, plain(5))
    before = path.read_bytes()

    def interrupted() -> Iterator[Frames]:
        yield from plain(5)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        video.write(path, interrupted())
    assert [one.name for one in tmp_path.iterdir()] == ["a.mp4"]
    assert path.read_bytes() == before


def test_what_cannot_be_a_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in \.mp4 or \.gif"):
        video.write(tmp_path / "a.avi", plain(3))
    with pytest.raises(ValueError, match="no picture"):
        video.write(tmp_path / "a.mp4", plain(0))
    with pytest.raises(ValueError, match="fps: above 0"):
        video.write(tmp_path / "a.mp4", plain(3), fps=0)
    with pytest.raises(ValueError, match=r"one shape: .* at picture 3"):
        video.write(tmp_path / "a.mp4", [*plain(3), np.zeros((8, 8, 3), np.uint8)])
    assert not list(tmp_path.iterdir())


# ----------------------------------------------------------------------------------------------------------- the sheet


def test_a_sheet_shows_each_frame_enlarged_at_its_place() -> None:
    frames = np.random.default_rng(0).integers(0, 255, (6, 20, 16, 3), dtype=np.uint8)
    sheet = Sheet(6, 3, (20, 16), side=60)
    picture = sheet.draw(frames, [Caption("a", "b", 0.5, marked=True)] * 6, [("left", "right")], np.ones(2, np.float32))
    assert picture.shape[:2] == sheet.size[::-1]
    assert [side % 2 for side in sheet.size] == [0, 0]
    for panel, frame in enumerate(frames):
        left, top = sheet.corner(panel)
        assert np.array_equal(picture[top : top + 80, left : left + 64], enlarged(frame, 4))


def test_the_drawn_action_follows_the_action() -> None:
    frame = np.zeros((1, 16, 16, 3), np.uint8)
    for discrete, acts in ((False, [[-1.0], [0.5], [1.0]]), (True, [[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])):
        sheet = Sheet(1, frame=(16, 16), discrete=discrete)
        blue = [sheet.draw(frame, [Caption()], act=np.array(act, np.float32))[..., 2].astype(int) for act in acts]
        middles = [np.argwhere(picture == 0xD8)[:, 1].mean() for picture in blue]
        assert middles[0] < middles[1] < middles[2]


# ------------------------------------------------------------------------------------------------------- real and dream


def test_there_is_a_moment_for_each_frame_of_an_episode(trained: Path) -> None:
    run = Run.open(trained, quiet=True)
    found = list(side_by_side.first_episodes(moments(run), 2))
    for episode in (0, 1):
        mine = [moment for moment in found if moment.episode == episode]
        assert [moment.step for moment in mine] == list(range(len(mine)))
        assert [moment.ret for moment in mine[:-1]] == [4.0 * step for step in range(len(mine) - 1)], "four steps an action"
    first = next(step for step in played(run) if step.over[0])
    assert np.array_equal([m for m in found if m.episode == 0][-1].real, first.after[0])
    assert max(m.step for m in side_by_side.first_episodes(moments(run), 2, 7)) == 7
    assert [m.step for m in side_by_side.first_episodes(moments(run), 1, 3, skip=4)] == [4, 5, 6, 7]
    with pytest.raises(ValueError, match=r"skip: 100000 steps are too many, as the longest episode was over after \d+"):
        list(side_by_side.first_episodes(moments(run), 2, skip=100_000))


def test_a_dream_that_is_shown_every_frame_is_the_reconstruction(trained: Path) -> None:
    run = Run.open(trained, quiet=True)
    agent = after_training.agent(run)
    for moment in islice(moments(run, warmup=0, redream=1), 12):
        assert np.array_equal(moment.dream, moment.reconstruction)
        z = agent.vision.encode(to_images(moment.real[None])).mean
        again = side_by_side.see(agent.vision, z.detach())[0].astype(int)
        np.testing.assert_allclose(again, moment.reconstruction, atol=1)  # the last bits of sums depend on where arrays lie


def test_the_dream_is_alone_between_the_frames_it_is_shown(trained: Path) -> None:
    run = Run.open(trained, quiet=True)
    alone = [moment.alone for moment in islice(moments(run, warmup=2, redream=5), 13)]
    assert alone == [0, 0, 0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0]
    assert [moment.alone for moment in islice(moments(run, warmup=0, redream=0), 13)] == list(range(13))


def test_the_dream_is_m_under_the_real_actions(trained: Path) -> None:
    """At a temperature near 0 a dream is M's likeliest future, computed here by hand."""
    run = Run.open(trained, quiet=True)
    agent = after_training.agent(run)
    found = list(islice(moments(run, warmup=0, redream=0, temperature=1e-4), 6))
    with torch.no_grad():
        z, state = agent.vision.encode(to_images(found[0].real[None])).mean, agent.memory.initial(1)
        for moment in found:
            assert abs(side_by_side.see(agent.vision, z)[0].astype(int) - moment.dream).max() <= 6
            prediction, state = agent.memory.predict(z, torch.from_numpy(moment.act[None]), state)
            z = prediction.sample(torch.full((1, agent.memory.noise_size), 0.5), 1e-4).z


def test_a_recording_shows_the_real_frames(trained: Path, tmp_path: Path) -> None:
    run = Run.open(copytree(trained, tmp_path / "run"), quiet=True)
    path = after_training.record(run, envs.make, max_steps=8, seed=5)
    found, real = decoded(path), list(side_by_side.first_episodes(moments(run), 1, 8))
    assert len(found) == len(real) == 9
    sheet = Sheet(3)
    left, top = sheet.corner(0)
    for picture, moment in zip(found, real, strict=True):
        assert picture.shape[:2] == sheet.size[::-1]
        error = picture[top : top + 256, left : left + 256].astype(float) - enlarged(moment.real, 4)
        assert abs(error).mean() < 3.0
    with Image.open(after_training.record(run, envs.make, seed=5, still=7)) as still:
        assert abs(np.asarray(still).astype(float) - found[7]).mean() < 3.0
    with Image.open(after_training.record(run, envs.make, max_steps=8, seed=5, still=9999)) as last:
        assert abs(np.asarray(last).astype(float) - found[-1]).mean() < 3.0


def test_recordings_are_the_same_for_a_seed(trained: Path, tmp_path: Path) -> None:
    run = Run.open(copytree(trained, tmp_path / "run"), quiet=True)
    one, two, other = (
        after_training.record(run, envs.make, name=f"{n}", seed=s, still=9).read_bytes() for n, s in enumerate((3, 3, 4))
    )
    assert one == two != other


def test_dreams_that_are_over_wait_in_the_dark(trained: Path) -> None:
    run = Run.open(trained, quiet=True)
    agent = after_training.agent(run)
    latent = agent.memory.latent_size

    def dreamt() -> Iterator[Step]:
        env = teaching.dream(run, agent.memory, stages.actions(run, envs.make), 4, horizon=6)
        return steps(env, Reflex(agent.controller), 0)

    taken = list(islice(dreamt(), 6))
    lengths = [next(number for number, step in enumerate(taken, 1) if step.over[slot]) for slot in range(4)]
    found = list(side_by_side.dreams(dreamt(), agent.vision, latent, columns=2))
    assert len(found) == 1 + max(lengths), "until all are over, the first moment included"
    sheet, shortest = Sheet(4, 2, side=128), int(np.argmin(lengths))
    left, top = sheet.corner(shortest)
    last = side_by_side.see(agent.vision, torch.from_numpy(taken[min(lengths) - 1].after[:, :latent]))[shortest]
    shown = [picture[top : top + 128, left : left + 128] for picture in found]
    assert np.array_equal(shown[min(lengths)], enlarged(last, 2))
    if min(lengths) < max(lengths):
        assert np.array_equal(shown[-1], enlarged(last // 3, 2))


def test_a_run_without_an_agent_names_the_stage_that_comes_next(trained: Path, tmp_path: Path) -> None:
    folder = copytree(trained, tmp_path / "run")
    lines = (folder / "metrics.jsonl").read_text().splitlines(keepends=True)
    for done, missing in ((1, "vision"), (3, "memory"), (4, "controller")):
        (folder / "metrics.jsonl").write_text("".join(lines[:done]))
        with pytest.raises(FileNotFoundError, match=rf"comes next is {missing}: .*--resume"):
            after_training.record(Run.open(folder, quiet=True), envs.make)
