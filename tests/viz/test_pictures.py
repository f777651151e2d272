import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from genmodels.viz import save_gif, save_png


def test_a_picture_comes_back_from_disk(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    for path in (tmp_path / "new" / "folder" / "a.png", tmp_path / "b.png"):
        save_png(path, picture)
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image), picture)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "new" / "folder" / "a.png").read_bytes()


def test_pictures_that_move_stay_as_long_as_asked(tmp_path: Path) -> None:
    pictures = [np.full((5, 7, 3), level, np.uint8) for level in (0, 128, 255)]
    save_gif(tmp_path / "new" / "a.gif", pictures, seconds=0.2, last=1.0)
    with Image.open(tmp_path / "new" / "a.gif") as image:
        assert (image.n_frames, image.size) == (3, (7, 5))
        found = []
        for frame in range(3):
            image.seek(frame)
            found.append((image.info["duration"], np.asarray(image.convert("RGB"))[0, 0, 0]))
    assert found == [(200, 0), (200, 128), (1000, 255)]
    for wrong in ([], [pictures[0], pictures[0][1:]]):
        with pytest.raises(ValueError, match="pictures: at least one, and all of one size"):
            save_gif(tmp_path / "b.gif", wrong)


@pytest.mark.parametrize("wrong", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), np.zeros((4, 4, 3))])
def test_what_is_no_picture_is_refused(tmp_path: Path, wrong: NDArray[Any]) -> None:
    with pytest.raises(ValueError, match="a picture is uint8"):
        save_png(tmp_path / "a.png", wrong)
    assert not list(tmp_path.iterdir())


def test_matplotlib_is_imported_late_and_pyplot_never() -> None:
    program = """
import sys, torch, genmodels.viz
assert "matplotlib" not in sys.modules
genmodels.viz.latent_scatter(torch.randn(9, 2), torch.rand(9))
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
