"""Scores, what is written of them, and the policies that see nothing."""

import json
import math
from pathlib import Path

import gymnasium
import numpy as np
import pytest

from worldmodels import evaluate
from worldmodels.evaluate import Score, baselines, standard_errors_between
from worldmodels.rollout import Played


def test_a_score_by_hand() -> None:
    score = Score((2.0, 4.0, 4.0, 6.0))
    assert (score.mean, score.sd) == (4.0, pytest.approx(math.sqrt(8 / 3)))
    assert score.error == pytest.approx(math.sqrt(8 / 3) / 2)
    assert str(score) == "mean 4.0 sd 1.6 ci95 2.4 5.6 n 4"


def test_one_episode_has_a_mean_and_no_more() -> None:
    assert str(Score((5.0,))) == "mean 5.0 sd nan ci95 nan nan n 1"


def test_standard_errors_between_equal_scores_are_none() -> None:
    score = Score((1.0, 2.0))
    assert standard_errors_between(score, score) == 0.0
    assert standard_errors_between(Score((3.0, 3.0)), Score((1.0, 1.0))) > 1e6


def test_blind_policies_cover_a_grid_of_five_points() -> None:
    found = baselines(gymnasium.spaces.Box(-1, 1, (1,), np.float32), 0)
    assert list(found) == ["random", "always -1", "always -0.5", "still", "always 0.5", "always 1"]
    two = baselines(gymnasium.spaces.Box(-1, 1, (2,), np.float32), 0)
    assert len(two) == 1 + 1 + 4 + 4
    box = gymnasium.spaces.Box(-1, 1, (2,), np.float32)
    assert (list(baselines(box, 0, "random")), baselines(box, 0, "none")) == (["random"], {})
    obs = np.zeros((3, 64, 64, 3), np.uint8)
    act, _ = two["always 0 0.5"].act(obs, None, np.ones(3, bool))
    assert act.tolist() == [[0.0, 0.5]] * 3
    chosen = baselines(gymnasium.spaces.Discrete(3), 0)
    assert list(chosen) == ["random", "always 0", "always 1", "always 2"]
    assert chosen["always 2"].act(obs, None, np.ones(3, bool))[0].tolist() == [[0.0, 0.0, 1.0]] * 3


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    played = {"agent": [Played(0, 0, 1.5, 3, True), Played(1, 0, 2.5, 4, False)], "random": [Played(0, 0, -1.0, 2, True)]}
    evaluate.write(tmp_path / "e.jsonl", played, {"world": "toy", "versions": {"numpy": "2"}})
    lines = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    assert len(lines) == 3
    assert lines[0] == {
        "policy": "agent",
        "slot": 0,
        "number": 0,
        "return": 1.5,
        "length": 3,
        "end": True,
        "world": "toy",
        "versions": {"numpy": "2"},
    }
    assert evaluate.read(tmp_path / "e.jsonl") == {"agent": Score((1.5, 2.5)), "random": Score((-1.0,))}
