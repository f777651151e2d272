import json
from pathlib import Path

import numpy as np
import pytest

from genmodels.viz import curves
from genmodels.viz.curves import group, read_curves, stretch_means
from genmodels.viz.figure import COLOURS, Picture


def written(folder: Path, *records: object) -> Path:
    path = folder / "metrics.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def has(picture: Picture, colour: str) -> bool:
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return bool((picture == rgb).all(-1).any())


def test_figures_by_name_and_step(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        {"step": 25, "seconds": 1.2, "vae/loss": 103.5, "vae/kl": 20},
        {"step": 50, "seconds": 2.4, "vae/loss": 101.0, "validation/loss": 104.0},
    )
    assert read_curves(path) == {
        "vae/loss": {25: 103.5, 50: 101.0},
        "vae/kl": {25: 20.0},
        "validation/loss": {50: 104.0},
    }


def test_a_killed_run_can_be_read(tmp_path: Path) -> None:
    """Its last line is cut short, in the middle of a letter; resumed, it has written a step twice."""
    path = written(tmp_path, {"step": 1, "loss": 5.0}, {"step": 2, "loss": 4.0}, {"step": 2, "loss": 3.0})
    path.write_bytes(path.read_bytes() + '{"step": 3, "lö'.encode()[:-1])
    assert read_curves(path) == {"loss": {1: 5.0, 2: 3.0}}


def test_what_is_no_figure_is_passed_over(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        ["a", "list"],
        {"loss": 1.0},
        {"step": "one", "loss": 1.0},
        {"step": 4, "loss": 2.0, "note": "text", "none": None, "flag": True, "nested": {"a": 1}},
    )
    assert read_curves(path) == {"loss": {4: 2.0}}


def test_validation_joins_the_training_figure_of_its_name() -> None:
    panels = group({"vae/loss": {1: 1.0}, "validation/loss": {1: 2.0}, "validation/nats": {1: 3.0}})
    assert panels == {
        "vae/loss": {"training": {1: 1.0}, "validation": {1: 2.0}},
        "validation/nats": {"validation": {1: 3.0}},
    }


def test_validation_says_which_where_two_have_the_name() -> None:
    names = ["critic/loss", "generator/loss", "validation/loss", "validation/critic/loss"]
    panels = group({name: {} for name in names})
    assert {title: list(lines) for title, lines in panels.items()} == {
        "critic/loss": ["training", "validation"],
        "generator/loss": ["training"],
        "validation/loss": ["validation"],
    }


def test_one_panel_for_each_figure(tmp_path: Path) -> None:
    one = curves(written(tmp_path, {"step": 1, "a": 1.0}, {"step": 2, "a": 2.0}))
    three = curves(written(tmp_path, {"step": 1, "a": 1.0, "b": 1.0, "c": 2.0}))
    four = curves(written(tmp_path, {"step": 1, "a": 1.0, "b": 1.0, "c": 2.0, "d": 0.0}))
    assert one.dtype == np.uint8
    assert three.shape == (one.shape[0], 3 * one.shape[1], 3)
    assert four.shape[0] > three.shape[0]
    assert four.shape[1] == three.shape[1]


def test_training_and_validation_have_their_colours(tmp_path: Path) -> None:
    training = curves(written(tmp_path, {"step": 1, "vae/loss": 1.0}))
    both = curves(written(tmp_path, {"step": 1, "vae/loss": 1.0, "validation/loss": 2.0}))
    assert training.shape == both.shape
    assert [has(training, colour) for colour in COLOURS[:2]] == [True, False]
    assert [has(both, colour) for colour in COLOURS[:2]] == [True, True]


def test_long_noisy_and_broken_curves(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).normal(size=400)
    records = [{"step": 25 * i, "loss": 100 + noise[i], "norm": float(np.exp(3 * noise[i]))} for i in range(400)]
    records[7]["loss"], records[9]["norm"] = float("nan"), float("inf")
    records += [{"step": 10_000 + i, "lost": float("nan")} for i in range(200)]
    picture = curves(written(tmp_path, *records))
    assert has(picture, COLOURS[0])


def test_stretches_of_unequal_length() -> None:
    assert stretch_means(np.arange(5.0), 2).tolist() == [1.0, 3.5]


def test_nothing_to_draw(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"metrics\.jsonl: no line of it has a step and a figure"):
        curves(written(tmp_path, {"step": 1, "seconds": 0.1}))
    with pytest.raises(FileNotFoundError):
        curves(tmp_path / "nowhere.jsonl")
