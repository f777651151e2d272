import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from genmodels.viz import save_png


def test_a_picture_comes_back_from_disk(tmp_path: Path) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
    for path in (tmp_path / "new" / "folder" / "a.png", tmp_path / "b.png"):
        save_png(path, picture)
        with Image.open(path) as image:
            assert np.array_equal(np.asarray(image), picture)
    assert (tmp_path / "b.png").read_bytes() == (tmp_path / "new" / "folder" / "a.png").read_bytes()


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
