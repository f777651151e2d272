"""What cannot be is refused before anything is begun, with a line that says what is wrong."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import envs
from worldmodels import command
from worldmodels.config import Choice, Evolve, Experiment, StableBaselines
from worldmodels.preflight import preflight
from worldmodels.presets import carracing_tiny, dodge_tiny, own

TINY = dodge_tiny()


def changed(part: str, **fields: Any) -> Experiment:
    return replace(TINY, **{part: replace(getattr(TINY, part), **fields)})


@pytest.mark.parametrize(
    ("experiment", "message"),
    [
        (own(), "which environment"),
        (changed("world", name="doge"), "did you mean 'dodge'"),
        (changed("world", name="gym:no_such_module:X-v0"), "no_such_module.*the folder where the command is started"),
        (changed("world", name="gym:CartPole-v1", options={"size": 7}), "unexpected keyword argument 'size'"),
        (changed("world", test_options={"speed": 2}), "no option 'speed'"),
        (changed("world", slots=0), "world.slots: at least 1"),
        (changed("vision", steps=0), "vision.steps: at least 1"),
        (changed("vision", sd=-1.0), "sd"),
        (changed("memory", hidden=-3), "hidden"),
        (changed("learner", iterations=0), "learner.iterations: at least 1"),
        (changed("learner", minibatch=0), "learner.minibatch: at least 1"),
        (replace(TINY, learner=Evolve(population=1)), "learner.population: at least 2"),
        (replace(TINY, learner=StableBaselines("DQN")), "DQN is for a choice of actions"),
        (replace(TINY, learner=StableBaselines(steps=100)), "learner.steps: at least one for each of the 256 dreams"),
        (changed("collect", span=0), "collect.span: at least 1"),
        (changed("collect", drift=(0.0, 0.1, 0.2)), "drift: 3 numbers, where an action has 1"),
        (changed("collect", mirror=(-1.0, 1.0)), "collect.mirror: 1 or -1 for each of the 1 numbers"),
        (replace(changed("collect", recent=1.5), rounds=2), "recent: a share"),
        (replace(changed("collect", agent_episodes=0), rounds=2), "collect.agent_episodes: at least 1"),
        (replace(TINY, choice=Choice(rounds=2, episodes=0)), "choice.episodes: at least 1"),
        (changed("dream", temperature=0.0), "dream.temperature: above 0"),
        (replace(carracing_tiny(), workers=2), "workers: .*envpool"),
        (replace(TINY, workers=-1), "workers: at least 0"),
        (replace(TINY, rounds=0), "rounds: at least 1"),
        (replace(TINY, device="nowhere"), "device: 'nowhere'"),
    ],
)
def test_what_cannot_be_is_refused_and_leaves_no_folder(
    experiment: Experiment, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises((ValueError, TypeError, ImportError), match=message):
        preflight(experiment, envs.make)
    target = command.Target(command.Options(runs_dir=tmp_path / "runs"), "dodge_tiny", experiment)
    with pytest.raises(SystemExit) as left:
        target.open(envs.make)
    assert left.value.code == 2
    assert not (tmp_path / "runs").exists()
    assert len(capsys.readouterr().err.strip().splitlines()) >= 1


def test_what_can_be_passes() -> None:
    preflight(TINY, envs.make)
    preflight(changed("world", name="gym:CartPole-v1", options={"repeat": 2}), envs.make)
