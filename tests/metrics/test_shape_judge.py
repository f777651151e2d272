"""The committed judge of captioned shapes: right about every attribute, of one mind about one picture, and strict."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from genmodels.data import Shapes
from genmodels.data.shape_scenes import COLOURS, RELATIONS, draw_scenes
from genmodels.metrics import ShapeJudge, scene_words, shape_judge, shape_judge_checksum
from genmodels.metrics.judges import WEIGHTS
from genmodels.metrics.shape_judge import NONE, WORDS, worn


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    """Scenes that the judge has not learned from."""
    return Shapes(1000, seed=5000, size=32)


# ----------------------------------------------------------------------------------------------------- what it reads


@pytest.mark.parametrize("size", [32, 64])
def test_it_reads_every_attribute_of_held_out_scenes(size: int) -> None:
    shapes = Shapes(1000, seed=5000, size=size)
    figures = shape_judge().accuracy(shapes[:], scene_words(shapes.scenes))
    assert list(figures) == [*WORDS, "joint"]
    assert min(figures.values()) >= 0.99, figures


def test_wear_does_it_little_harm(shapes: Shapes) -> None:
    torch.manual_seed(0)
    figures = shape_judge().accuracy(worn(worn(shapes[:] / 255)), scene_words(shapes.scenes))
    assert min(figures.values()) >= 0.9, figures


def test_a_mirror_turns_relations_and_places_round_and_nothing_else(shapes: Shapes) -> None:
    words = scene_words(shapes.scenes)
    place, relation = words["place"], words["relation"]
    mirrored_place = torch.where(place >= 0, 3 * (place // 3) + 2 - place % 3, place)
    mirrored_relation = torch.where((relation == 0) | (relation == 1), 1 - relation, relation)
    mirrored = words | {"place": mirrored_place, "relation": mirrored_relation}
    assert min(shape_judge().accuracy(shapes[:].flip(-1), mirrored).values()) >= 0.98
    assert shape_judge().accuracy(shapes[:].flip(-1), {"relation": relation})["relation"] == pytest.approx(0.5, abs=0.1)


def test_swapped_channels_are_the_other_colour() -> None:
    shapes = Shapes(300, seed=5001, size=32, kinds=["single"])
    red, green = (shapes.where(shapes.scenes.having(colour=colour))[:] for colour in ("red", "green"))
    for pictures, seen in ((red, "red"), (green, "green"), (red[:, [1, 0, 2]], "green"), (green[:, [1, 0, 2]], "red")):
        wanted = torch.full((len(pictures),), COLOURS.index(seen))
        assert shape_judge().accuracy(pictures, {"colour": wanted})["colour"] >= 0.97


def test_muddles_are_no_scene(shapes: Shapes) -> None:
    """Nothing at all, a group one of which has another colour, and pairs of one shape or one colour."""
    group, pair, same = (Shapes(200, seed=5002, size=32, kinds=[kind]) for kind in ("group", "pair", "pair"))
    group.scenes.colour[:, 0] = (group.scenes.colour[:, 0] + 2) % len(COLOURS)
    pair.scenes.shape[:, 0] = pair.scenes.shape[:, 1]
    same.scenes.colour[:, 0] = same.scenes.colour[:, 1]
    blank = torch.randint(13, 52, (200, 1, 1, 1)).expand(-1, 3, 32, 32).byte()
    for pictures in (group[:], pair[:], same[:], blank):
        assert (shape_judge().read(pictures)["kind"] == NONE).float().mean() >= 0.97
    assert (shape_judge().read(shapes[:])["kind"] == NONE).float().mean() <= 0.005


def test_probabilities_fall_and_rise_along_a_morph() -> None:
    """From one colour to another, by way of a third: the first word's probability falls, the second's rises."""
    shapes = Shapes(20, seed=5003, size=32, kinds=["single"])
    shapes.scenes.colour.fill_(COLOURS.index("red"))
    red = shapes[:] / 255
    shapes.scenes.colour.fill_(COLOURS.index("blue"))
    way = [shape_judge().probabilities(torch.lerp(red, shapes[:] / 255, t)) for t in torch.linspace(0, 1, 9).tolist()]
    at_red, at_blue = (torch.stack([at["colour"][:, COLOURS.index(word)] for at in way]) for word in ("red", "blue"))
    assert at_red[0].min() > 0.9
    assert at_blue[-1].min() > 0.9
    assert at_red.diff(dim=0).max() < 1e-3
    assert at_blue.diff(dim=0).min() > -1e-3


# ------------------------------------------------------------------------------------------------------------- words


def test_both_captions_of_a_pair_are_the_same_words() -> None:
    scenes = draw_scenes(200, seed=1)
    pair, group = scenes[scenes.kind == 2], scenes[scenes.kind == 1]
    others = torch.tensor([1, 0, 2, 3])
    turned = {name: getattr(pair, name)[:, others] for name in ("shape", "colour", "size", "x", "y", "radius", "shade")}
    told_the_other_way = replace(pair, **turned, relation=pair.relation ^ 1)
    words = scene_words(pair)
    for name, numbers in scene_words(told_the_other_way).items():
        assert torch.equal(numbers, words[name]), name
    assert (words["shape"] < words["second shape"]).all()
    assert (scene_words(group)["second colour"] == -1).all()
    assert torch.equal(scene_words(group)["count"], group.count - 1)


def test_words_are_the_callers_to_change() -> None:
    scenes = draw_scenes(50, seed=1)
    for numbers in scene_words(scenes).values():
        numbers.fill_(2)
    fresh = draw_scenes(50, seed=1)
    assert all(torch.equal(getattr(scenes, name), getattr(fresh, name)) for name in ("kind", "count", "place", "shape", "size"))


def test_words_are_those_of_the_caption() -> None:
    shapes = Shapes(60, seed=2, size=32)
    for i, caption in enumerate(shapes.captions):
        told = {
            name: WORDS[name][number]
            for name, numbers in scene_words(shapes.scenes).items()
            if (number := int(numbers[i])) >= 0
        }
        for name in ("shape", "colour", "size", "second shape", "second colour", "second size"):
            assert told.get(name, "") in caption
        if told["kind"] == "pair":
            first, second = (caption.index(told[name]) for name in ("shape", "second shape"))
            opposite = RELATIONS[RELATIONS.index(told["relation"]) ^ 1]
            assert (told["relation"] if first < second else opposite) in caption
        assert told.get("place", "") in caption
        assert (told["count"] in caption) == (told["kind"] == "group")


def test_accuracy_counted_by_hand(shapes: Shapes) -> None:
    """Of four pictures one has another colour than wanted, and of one no colour is wanted."""
    pictures, judge = shapes[:4], shape_judge()
    read = judge.read(pictures)
    colour = read["colour"].clone()
    colour[1], colour[2] = (colour[1] + 1) % len(COLOURS), -1
    assert judge.accuracy(pictures, {"colour": colour, "shape": read["shape"]}) == {
        "colour": 2 / 3,
        "shape": 1.0,
        "joint": 0.75,
    }
    assert judge.accuracy(pictures, {"place": torch.full((4,), -1), "size": read["size"]}) == {"size": 1.0, "joint": 1.0}


# ------------------------------------------------------------------------------------------------- judging as such


def test_probabilities_are_those_of_the_words_and_sum_to_one(shapes: Shapes) -> None:
    probabilities, read = shape_judge().probabilities(shapes[:50]), shape_judge().read(shapes[:50])
    for name, words in WORDS.items():
        assert probabilities[name].shape == (50, len(words))
        torch.testing.assert_close(probabilities[name].sum(1), torch.ones(50, dtype=torch.float64))
        assert torch.equal(probabilities[name].argmax(1), read[name])


def test_features_depend_on_the_picture_alone(shapes: Shapes) -> None:
    features = shape_judge().features(shapes[:700])
    assert features.shape == (700, 64)
    one_by_one = torch.cat([shape_judge().features(picture[None]) for picture in shapes[:700:50]])
    torch.testing.assert_close(features[::50], one_by_one, rtol=1e-4, atol=1e-4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(shape_judge().features(shapes[:50]), shape_judge().features(shapes[:50].double() / 255))
    doubled = shapes[:50].repeat_interleave(2, dim=-1).repeat_interleave(2, dim=-2)
    torch.testing.assert_close(shape_judge().features(doubled), shape_judge().features(shapes[:50]), rtol=1e-4, atol=1e-4)


def test_it_is_frozen_shared_and_known_by_its_checksum() -> None:
    assert shape_judge() is shape_judge()
    assert not shape_judge().training
    assert not any(parameter.requires_grad for parameter in shape_judge().parameters())
    data = (WEIGHTS / "shapes" / "model.safetensors").read_bytes()
    assert shape_judge_checksum() == hashlib.sha256(data).hexdigest()
    assert shape_judge_checksum() in (WEIGHTS / "README.md").read_text(encoding="utf-8")
    assert len(data) < 1_000_000


@pytest.mark.parametrize(
    ("pictures", "reason"),
    [
        (torch.zeros(3, 32, 32), "pictures are"),
        (torch.zeros(2, 1, 32, 32), "pictures are"),
        (torch.zeros(2, 3, 32, 64), "pictures are"),
        (torch.zeros(0, 3, 32, 32), "at least 1"),
        (torch.zeros(2, 3, 48, 48), "multiple"),
        (torch.zeros(2, 3, 32, 32, dtype=torch.int64), "int64"),
        (torch.full((2, 3, 32, 32), -0.5), "from -0.5"),
        (torch.full((2, 3, 32, 32), 255.0), "to 255"),
        (torch.full((2, 3, 32, 32), torch.nan), "from nan"),
    ],
)
def test_what_is_no_picture_is_refused(pictures: Tensor, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        shape_judge().features(pictures)


def test_what_cannot_be_wanted_and_a_judge_in_training_are_refused(shapes: Shapes) -> None:
    for wanted in ({}, {"weight": torch.zeros(4)}, {"shape": torch.zeros(3, dtype=torch.int64)}):
        with pytest.raises(ValueError, match="4 pictures need"):
            shape_judge().accuracy(shapes[:4], wanted)
    with pytest.raises(RuntimeError, match="eval mode"):
        ShapeJudge().read(shapes[:4])


def test_it_learns_and_is_saved_as_it_is(tmp_path: Path) -> None:
    torch.manual_seed(0)
    shapes = Shapes(8, seed=3, size=32)
    words, model = scene_words(shapes.scenes), ShapeJudge()
    assert model.eval().accuracy(shapes[:], words)["joint"] == 0
    model.fit(TensorDataset(shapes[:], *words.values()), steps=60, batch_size=8, device="cpu", precision="fp32")
    assert model.eval().accuracy(shapes[:], words)["joint"] >= 0.5
    model.save(tmp_path)
    torch.testing.assert_close(ShapeJudge.load(tmp_path).features(shapes[:]), model.features(shapes[:]), rtol=1e-4, atol=1e-4)


def test_wear_is_bounded_and_of_each_picture_its_own() -> None:
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 32, 32).expand(50, -1, -1, -1)
    assert torch.equal(worn(picture, blur=0, light=0, noise=0), picture)
    lit = worn(picture, blur=0, noise=0).mean((1, 2, 3)) / picture.mean((1, 2, 3))
    assert 0.84 <= lit.min() < 0.9 < 1.05 < lit.max() <= 1.15
    noisy = (worn(0.5 * torch.ones(50, 3, 32, 32), blur=0, light=0) - 0.5).std((1, 2, 3))
    assert noisy.min() < 0.02 < 0.06 < noisy.max() < 0.085
    blurred = worn(picture, light=0, noise=0)
    assert 0 <= blurred.min() < blurred.max() <= 1
    assert (blurred.std((1, 2, 3)) < picture.std((1, 2, 3)) + 1e-6).all()
