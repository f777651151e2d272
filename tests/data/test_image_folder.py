from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genmodels.data import ImageFolder

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def paint(path: Path, colour: tuple[int, int, int] = RED, size: tuple[int, int] = (4, 4)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return path


@pytest.fixture
def three(tmp_path: Path) -> ImageFolder:
    for name, colour in zip(("a.png", "b/a.bmp", "c.PNG"), (RED, GREEN, BLUE), strict=True):
        paint(tmp_path / name, colour)
    return ImageFolder(tmp_path, size=2)


def test_files_in_the_order_of_their_paths(tmp_path: Path, three: ImageFolder) -> None:
    paint(tmp_path / ".hidden.png")
    paint(tmp_path / ".hidden" / "a.png")
    (tmp_path / "notes.txt").write_text("not a picture")
    again = ImageFolder(tmp_path, size=2)
    assert [path.relative_to(tmp_path).as_posix() for path in again.paths] == ["a.png", "b/a.bmp", "c.PNG"]
    assert again.paths == three.paths


def test_every_kind_of_index(three: ImageFolder) -> None:
    def colours(images: torch.Tensor) -> list[list[int]]:
        assert images.dtype == torch.uint8
        assert images.shape[1:] == (3, 2, 2)
        return images[:, :, 1, 1].tolist()

    assert len(three) == 3
    assert colours(three[torch.tensor([2, 0, 2])]) == [[*BLUE], [*RED], [*BLUE]]
    assert colours(three[torch.tensor([-1])]) == [[*BLUE]]
    assert colours(three[[2, 0]]) == [[*BLUE], [*RED]]
    assert colours(three[1:]) == [[*GREEN], [*BLUE]]
    assert colours(three[3:]) == []
    assert three[1][:, 0, 0].tolist() == [*GREEN]
    assert colours(torch.stack(list(three))) == [[*RED], [*GREEN], [*BLUE]]  # type: ignore[call-overload]


def test_bad_indices(three: ImageFolder) -> None:
    for wrong in (torch.tensor([True, False, True]), torch.tensor([0.0]), torch.tensor([[0]])):
        with pytest.raises(TypeError, match="an index tensor is int64"):
            three[wrong]
    for index in (3, torch.tensor([0, 3]), -4):
        with pytest.raises(IndexError):
            three[index]


def test_the_middle_square_is_cut_out(tmp_path: Path) -> None:
    """Six wide, two high: two columns each of red, green and blue; the middle is green."""
    pixels = np.repeat(np.array([RED, GREEN, BLUE], np.uint8), 2, axis=0)
    Image.fromarray(np.stack([pixels, pixels])).save(tmp_path / "wide.png")
    assert (ImageFolder(tmp_path, size=2)[0] == torch.tensor(GREEN)[:, None, None]).all()


def test_resampling_averages(tmp_path: Path) -> None:
    checks = (np.indices((64, 64)).sum(0) % 2 * 255).astype(np.uint8)
    Image.fromarray(checks).save(tmp_path / "checks.png")
    inner = ImageFolder(tmp_path, size=8)[0][:, 2:-2, 2:-2].float()
    assert inner.sub(127.5).abs().max() < 4


def test_modes_become_rgb(tmp_path: Path) -> None:
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "a_clear.png")
    Image.new("L", (4, 4), 100).save(tmp_path / "b_grey.png")
    Image.fromarray(np.full((4, 4), 257 * 100, np.uint16)).save(tmp_path / "c_grey16.png")
    palette = Image.new("P", (4, 4), 1)
    palette.putpalette([0, 0, 0, *BLUE])
    palette.save(tmp_path / "d_palette.png")
    palette.save(tmp_path / "e_clear.png", transparency=1)
    Image.new("CMYK", (4, 4), (0, 0, 0, 0)).save(tmp_path / "f_cmyk.jpg")
    images = ImageFolder(tmp_path, size=2)[:]
    expected = [[*WHITE], [100] * 3, [100] * 3, [*BLUE], [*WHITE], [*WHITE]]
    assert images[:, :, 0, 0].tolist() == expected


def test_pictures_are_turned_upright(tmp_path: Path) -> None:
    sideways = Image.fromarray(np.array([[RED, BLUE], [RED, BLUE]], np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise by a quarter
    sideways.save(tmp_path / "photo.png", exif=exif)
    image = ImageFolder(tmp_path, size=2)[0]
    assert image[:, 0, :].T.tolist() == [[*RED], [*RED]]
    assert image[:, 1, :].T.tolist() == [[*BLUE], [*BLUE]]


def test_the_first_frame_of_an_animation(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in (GREEN, BLUE)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert ImageFolder(tmp_path, size=2)[0][:, 0, 0].tolist() == [*GREEN]


def test_a_large_jpeg(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 512).astype(np.uint8)
    Image.fromarray(np.tile(ramp, (512, 1))).save(tmp_path / "ramp.jpg", quality=95)
    image = ImageFolder(tmp_path, size=16)[0].float()
    expected = torch.from_numpy(ramp.astype(np.float32)).view(16, 32).mean(1)
    assert (image - expected).abs().max() < 3


def test_pictures_are_kept_while_there_is_room(tmp_path: Path) -> None:
    path = paint(tmp_path / "a.png", RED)
    kept, unkept = ImageFolder(tmp_path, size=2), ImageFolder(tmp_path, size=2, memory=0)
    for folder in (kept, unkept):
        assert folder[0][:, 0, 0].tolist() == [*RED]
    paint(path, BLUE)
    assert kept[0][:, 0, 0].tolist() == [*RED]
    assert unkept[0][:, 0, 0].tolist() == [*BLUE]


def test_links_are_followed_and_loops_end(tmp_path: Path) -> None:
    outside = paint(tmp_path / "outside" / "a.png", GREEN)
    paint(tmp_path / "folder" / "b.png")
    (tmp_path / "folder" / "link").symlink_to(outside.parent)
    (tmp_path / "folder" / "loop").symlink_to(tmp_path / "folder")
    folder = ImageFolder(tmp_path / "folder")
    assert [path.relative_to(tmp_path / "folder").as_posix() for path in folder.paths] == ["b.png", "link/a.png"]


def test_no_folder_no_pictures(tmp_path: Path) -> None:
    with pytest.raises(NotADirectoryError, match="there is no such folder"):
        ImageFolder(tmp_path / "nowhere")
    (tmp_path / "notes.txt").write_text("not a picture")
    with pytest.raises(FileNotFoundError, match=r"no pictures in it.*\.png, \.jpg, \.jpeg, \.webp, \.bmp, \.gif"):
        ImageFolder(tmp_path)
    with pytest.raises(ValueError, match="0 pixels wide"):
        ImageFolder(tmp_path, size=0)


def test_a_broken_picture_is_named(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "whole.jpg")
    Image.fromarray(noise).save(tmp_path / "whole.png")
    for name in ("whole.jpg", "whole.png"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name.replace("whole", "cut")).write_bytes(data[: len(data) // 2])
    (tmp_path / "cut.gif").write_text("text")
    folder = ImageFolder(tmp_path)
    for i, name in enumerate(("cut.gif", "cut.jpg", "cut.png")):
        with pytest.raises(ValueError, match=f"{name}: this picture cannot be read"):
            folder[i]
    assert folder[3:].shape == (2, 3, 64, 64)
