"""What the README shows, runs."""

import re
import runpy
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)


@pytest.fixture
def pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of pictures such as a user has: of several sizes, shapes and kinds."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "my" / "pictures" / "holiday"
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    for index in range(40):
        height, width = generator.integers(50, 150, size=2)
        colours = generator.integers(0, 255, (3, 3, 3), dtype=np.uint8)
        picture = Image.fromarray(colours).resize((width, height), Image.Resampling.BICUBIC)
        picture.save(folder / f"{index}.{('png', 'jpg', 'webp')[index % 3]}")
    return folder


def test_every_block_of_python_runs_in_order(pictures: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert len(BLOCKS) == 3
    for block in BLOCKS:
        shorter = block.replace("minutes=2", "steps=12")
        module = types.ModuleType("readme")
        exec(compile(shorter, "README.md", "exec"), module.__dict__)
    assert Path("dreamt.png").stat().st_size > 1000
    assert Path("reconstructed.png").stat().st_size > 1000
    out, _ = capfd.readouterr()
    promised = [line.partition("# ")[2] for line in BLOCKS[-1].splitlines() if line.strip().startswith("print")]
    assert out.splitlines() == promised


def test_the_commands_are_the_ones_the_checks_run() -> None:
    commands = dict(re.findall(r"<!-- command: (\w+) -->\n```sh\n(.*?)\n```", README))
    assert commands["test"] == 'pip install -e ".[dev]" && pytest'
    install, _, run = commands["main"].partition(" && ")
    assert install == "pip install -e ."
    script = run.removeprefix("python ")
    assert (ROOT / script.split()[0]).exists()


def test_every_recipe_is_in_the_table() -> None:
    for recipe in (ROOT / "scripts" / "book").glob("*.py"):
        assert f"`scripts/book/{recipe.name}`" in README


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").rglob("*.py")), ids=lambda path: path.name)
def test_every_script_explains_itself(
    script: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(script), run_name="__main__")
    assert left.value.code == 0
    assert "usage" in capsys.readouterr().out
