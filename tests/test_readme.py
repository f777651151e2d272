"""What the README shows, runs."""

import re
import runpy
import shlex
import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from shutil import copytree

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from PIL import Image

from worldmodels.presets import own
from worldmodels.run import Run

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
IN_THE_DREAM, ENVIRONMENT, CHAIN, *PICTURES = BLOCKS
COMMANDS = dict(re.findall(r"<!-- command: (\w+) -->\n```sh\n(.*?)\n```", README, flags=re.DOTALL))


def execute(block: str, smaller: dict[str, str] | None = None) -> types.ModuleType:
    """What a block defines, once it has run with whatever takes long made smaller."""
    for whole, small in (smaller or {}).items():
        assert block.count(whole) == 1
        block = block.replace(whole, small)
    module = types.ModuleType("readme")
    exec(compile(block, "README.md", "exec"), module.__dict__)
    return module


def test_an_algorithm_learns_in_the_dream_of_a_run(trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copytree(trained, tmp_path / "runs" / "FOLDER")
    monkeypatch.chdir(tmp_path)
    shown = execute(IN_THE_DREAM, {"slots=64": "slots=4", "n_steps=256": "n_steps=16", "100_000": "64"})
    assert shown.dream.num_envs == 4
    assert shown.model.num_timesteps == 64


@pytest.fixture
def chase(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder in which a user keeps chase.py."""
    (tmp_path / "chase.py").write_text(ENVIRONMENT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop("chase", None)
    gymnasium.registry.pop("Chase-v0", None)


def test_the_environment_passes_the_check_and_pays_for_what_it_says(chase: Path) -> None:
    env = gymnasium.make("chase:Chase-v0")
    check_env(env.unwrapped)

    def paid(follow: bool) -> float:
        env.reset(seed=0)
        total, over, own = 0.0, False, env.unwrapped
        while not over:
            away = own.dot - own.cursor if follow else 0.0  # type: ignore[attr-defined]
            _, rew, _, over, _ = env.step(np.array([np.clip(away / 3, -1, 1)], np.float32))
            total += float(rew)
        return total

    assert paid(follow=False) < 80 < 90 < paid(follow=True) <= 100


def test_the_environment_goes_through_the_chain_from_python_and_begins_the_same_from_a_shell(chase: Path) -> None:
    """The command makes the same experiment as the lines of Python, and the same episodes, in a process of its own."""
    small = """preset = replace(
    own(),
    collect=Collect(episodes=16), vision=VAEConfig(latent=8, steps=5), memory=MDNRNNConfig(hidden=16, steps=5),
    learner=Gradient(iterations=1, dreams=16, length=4), evaluation=Evaluation(episodes=16, baselines="none"),
)"""
    imports = "from worldmodels.config import *\n"
    run: Run = execute(imports + CHAIN, {"preset = own()": small}).run
    assert (run / "DONE").exists()
    assert (run / "report.html").exists()

    python, script, *arguments = shlex.split(COMMANDS["own"].replace("run.py", "rollout.py"))
    command = [sys.executable, str(ROOT / script), *arguments, "--collect.episodes", "16", "--runs-dir", "shell", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert (python, done.returncode) == ("python", 0), done.stderr
    (shell,) = Path("shell").iterdir()
    told = Run.open(shell).experiment
    assert told == replace(own(), world=run.experiment.world, collect=replace(own().collect, episodes=16))


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


def test_a_model_of_pictures_is_trained_and_used_in_order(pictures: Path, capfd: pytest.CaptureFixture[str]) -> None:
    train, use, refuse = PICTURES
    execute(train, {"minutes=2": "steps=12"})
    execute(use)
    assert Path("dreamt.png").stat().st_size > 1000
    assert Path("reconstructed.png").stat().st_size > 1000
    execute(refuse)
    out, _ = capfd.readouterr()
    promised = [line.partition("# ")[2] for line in refuse.splitlines() if line.strip().startswith("print")]
    assert out.splitlines() == promised


def test_the_commands_are_the_ones_the_checks_run() -> None:
    assert COMMANDS["test"] == 'pip install -e ".[dev]" && pytest'
    install, _, run = COMMANDS["main"].partition(" && ")
    assert install == "pip install -e ."
    script = run.removeprefix("python ")
    assert (ROOT / script.split()[0]).exists()


def test_every_recipe_is_in_the_table() -> None:
    for recipe in (ROOT / "scripts" / "book").glob("*.py"):
        assert f"`scripts/book/{recipe.name}`" in README


SCRIPTS = sorted([*(ROOT / "scripts").glob("*.py"), *(ROOT / "scripts" / "book").glob("*.py")])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_every_script_explains_itself(
    script: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [str(script), "--help"])
    monkeypatch.syspath_prepend(str(script.parent))  # as where it is run
    with pytest.raises(SystemExit) as left:
        runpy.run_path(str(script), run_name="__main__")
    assert left.value.code == 0
    assert "usage" in capsys.readouterr().out
