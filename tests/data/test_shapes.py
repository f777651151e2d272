"""Scenes, pictures and captions are held against one another: each says of the same objects."""

import hashlib
import re
from collections import Counter

import pytest
import torch

from genmodels.data import Shapes
from genmodels.data.shape_drawing import PAINT, draw
from genmodels.data.shape_scenes import COLOURS, KINDS, MOST, PLACES, RELATIONS, SHAPES, SIZES, draw_scenes


@pytest.fixture(scope="module")
def shapes() -> Shapes:
    return Shapes(2000, seed=1, size=64)


# --------------------------------------------------------------------------------------------------------------- scenes


def test_scenes_are_a_function_of_seed_and_index(shapes: Shapes) -> None:
    fewer, other = Shapes(500, seed=1, size=64), Shapes(500, seed=2, size=64)
    assert torch.equal(fewer[:], shapes[:500])
    assert fewer.captions == shapes.captions[:500]
    assert torch.equal(fewer[torch.tensor([7, 3])], torch.stack([shapes[7], shapes[3]]))
    assert fewer.captions != other.captions


def test_the_bytes_are_those_of_every_machine() -> None:
    pictures = Shapes(200, seed=0, size=32)[:]
    assert hashlib.sha256(pictures.numpy().tobytes()).hexdigest()[:16] == "b08138775377401f"


def test_every_word_is_used_evenly(shapes: Shapes) -> None:
    scenes = shapes.scenes
    for numbers, words in (
        (scenes.kind, KINDS),
        (scenes.place[scenes.kind == 0], PLACES),
        (scenes.count[scenes.kind == 1] - 2, range(MOST - 1)),
        (scenes.relation[scenes.kind == 2], RELATIONS),
        (scenes.shape[:, 0], SHAPES),
        (scenes.colour[:, 0], COLOURS),
        (scenes.size[:, 0], SIZES),
    ):
        counts = numbers.bincount(minlength=len(words)).double()
        expected = len(numbers) / len(words)
        assert ((counts - expected) ** 2 / expected).sum() < 30  # 8 degrees of freedom or fewer: 1 in 5,000


def test_absent_objects_have_no_attributes(shapes: Shapes) -> None:
    scenes = shapes.scenes
    absent = torch.arange(MOST) >= scenes.count[:, None]
    for numbers in (scenes.shape, scenes.colour, scenes.size):
        assert torch.equal(numbers < 0, absent)
    assert ((scenes.radius > 0) == ~absent).all()
    assert torch.equal(scenes.place >= 0, scenes.kind == 0)
    assert torch.equal(scenes.relation >= 0, scenes.kind == 2)
    assert scenes.count[scenes.kind == 0].unique().tolist() == [1]
    assert scenes.count[scenes.kind == 1].unique().tolist() == [2, 3, 4]
    assert scenes.count[scenes.kind == 2].unique().tolist() == [2]


def test_groups_are_alike_and_pairs_are_not(shapes: Shapes) -> None:
    scenes = shapes.scenes
    for numbers in (scenes.shape, scenes.colour, scenes.size):
        group, count = numbers[scenes.kind == 1], scenes.count[scenes.kind == 1]
        assert ((group == group[:, :1]) | (torch.arange(MOST) >= count[:, None])).all()
    pair = scenes.kind == 2
    assert (scenes.shape[pair, 0] != scenes.shape[pair, 1]).all()
    assert (scenes.colour[pair, 0] != scenes.colour[pair, 1]).all()
    assert (scenes.size[pair, 0] != scenes.size[pair, 1]).float().mean().sub(0.5).abs() < 0.1


def test_objects_lie_inside_and_apart() -> None:
    scenes = draw_scenes(20_000, seed=3)
    for centre in (scenes.x, scenes.y):
        assert ((centre - scenes.radius >= 0) & (centre + scenes.radius <= 1)).all()
    for i in range(MOST):
        for j in range(i):
            both = scenes.count > i
            apart = torch.maximum((scenes.x[:, i] - scenes.x[:, j]).abs(), (scenes.y[:, i] - scenes.y[:, j]).abs())
            assert (apart >= scenes.radius[:, i] + scenes.radius[:, j])[both].all()


def test_words_say_where_things_are(shapes: Shapes) -> None:
    scenes = shapes.scenes
    single, pair = scenes.kind == 0, scenes.kind == 2
    x, y = scenes.x, scenes.y
    cell = 3 * (3 * y[:, 0]).long() + (3 * x[:, 0]).long()
    assert torch.equal(cell[single], scenes.place[single])
    holds = torch.stack([x[:, 0] < x[:, 1] - 0.3, x[:, 0] > x[:, 1] + 0.3, y[:, 0] < y[:, 1] - 0.3, y[:, 0] > y[:, 1] + 0.3], 1)
    assert (holds[pair].sum(1) == 1).all()
    assert torch.equal(holds[pair].long().argmax(1), scenes.relation[pair])


def test_sizes_do_not_meet(shapes: Shapes) -> None:
    small, large = (shapes.scenes.radius[shapes.scenes.size == i] for i in (0, 1))
    assert small.max() < 0.7 * large.min()


# ------------------------------------------------------------------------------------------------------------- pictures


@pytest.mark.parametrize("size", [32, 64])
def test_pictures_show_their_objects(size: int) -> None:
    """The middle of each object has its colour, and a picture's corner that of the background."""
    shapes = Shapes(400, seed=4, size=size)
    scenes, pictures = shapes.scenes, shapes[:]
    assert pictures.shape == (400, 3, size, size)
    assert pictures.dtype == torch.uint8
    for k in range(MOST):
        chosen = (scenes.count > k).nonzero().flatten()
        column, row = ((size * centre[chosen, k]).long() for centre in (scenes.x, scenes.y))
        expected = torch.from_numpy(PAINT)[scenes.colour[chosen, k]] * scenes.shade[chosen, k, None]
        assert (pictures[chosen, :, row, column] - expected).abs().max() <= 1
    assert (pictures[:, :, 0, 0] - 255 * scenes.background[:, None]).abs().max() <= 1


def test_areas_of_shapes() -> None:
    """What an object covers, of the squared radius: pi, 4 * 0.886^2, 2, and 4 * (2 * 0.34) - (2 * 0.34)^2."""
    scenes = Shapes(300, seed=5, kinds=["single"]).scenes
    scenes.background.zero_()
    scenes.colour.fill_(3)
    covered = torch.from_numpy(draw(scenes, 128))[:, 0].double().sum((1, 2)) / (PAINT[3, 0] * scenes.shade[:, 0])
    share = covered / (128 * scenes.radius[:, 0]) ** 2
    for shape, area in zip(range(4), (3.1416, 3.140, 2.0, 2.258), strict=True):
        torch.testing.assert_close(share[scenes.shape[:, 0] == shape].mean().item(), area, rtol=0.02, atol=0)


def test_both_sizes_show_one_scene() -> None:
    large, small = Shapes(100, seed=6, size=64)[:].float(), Shapes(100, seed=6, size=32)[:].float()
    shrunk = torch.nn.functional.avg_pool2d(large, 2)
    assert (shrunk - small).abs().mean() < 0.5
    assert (shrunk - small).abs().max() < 80  # at the tips of triangles


def test_edges_are_smooth(shapes: Shapes) -> None:
    """A small shift changes a picture a little: no pixel jumps."""
    scenes = shapes.scenes[:100]
    before = draw(scenes, 32).astype(int)
    scenes.x.add_(0.1 / 32)
    assert 0 < abs(draw(scenes, 32).astype(int) - before).max() < 0.25 * 255


def test_every_kind_of_index(shapes: Shapes) -> None:
    assert len(shapes) == 2000
    assert torch.equal(shapes[-1], shapes[torch.tensor([1999])][0])
    assert shapes[:0].shape == (0, 3, 64, 64)
    for index in (2000, torch.tensor([2000])):
        with pytest.raises(IndexError):
            shapes[index]


# ---------------------------------------------------------------------------------------------------- captions, questions

THING = rf"({'|'.join(SIZES)}) ({'|'.join(COLOURS)}) ({'|'.join(SHAPES)})"


def test_captions_can_be_read_back(shapes: Shapes) -> None:
    scenes = shapes.scenes
    for i, caption in enumerate(shapes.captions):
        things = re.findall(THING, caption)
        told = 2 if scenes.kind[i] == 2 else 1
        named = [(SIZES[scenes.size[i, k]], COLOURS[scenes.colour[i, k]], SHAPES[scenes.shape[i, k]]) for k in range(told)]
        assert things == named
        if scenes.kind[i] == 0:
            assert re.fullmatch(rf"a {THING} (at the|in the) {PLACES[scenes.place[i]]}", caption)
        elif scenes.kind[i] == 1:
            assert re.fullmatch(rf"{('two', 'three', 'four')[scenes.count[i] - 2]} {THING}e?s", caption)
        else:
            assert re.fullmatch(rf"a {THING} {RELATIONS[scenes.relation[i]]} a {THING}", caption)
    assert not any("crosss" in caption for caption in shapes.captions)


def test_questions_have_one_answer_each(shapes: Shapes) -> None:
    answers: Counter[str] = Counter()
    for caption, asked in zip(shapes.captions, shapes.questions, strict=True):
        assert len({question for question, _ in asked}) == len(asked) >= 4
        answers.update(answer for _, answer in asked)
        for question, answer in asked:
            if question.startswith("what is"):
                assert answer.removeprefix("a ") in caption
    assert answers["yes"] == answers["no"] == (shapes.scenes.kind == 2).sum()
    assert {*SHAPES, *COLOURS, *SIZES, "one", "two", "three", "four", "in the centre"} <= {*answers}


def test_questions_of_a_pair() -> None:
    shapes = Shapes(1, seed=11, kinds=["pair"])
    (asked,) = shapes.questions
    assert dict(asked)["how many objects are there"] == "two"
    first, relation, second = re.fullmatch(rf"(a {THING}) (.*) (a {THING})", shapes.captions[0]).group(1, 5, 6)  # type: ignore[union-attr]
    assert dict(asked)[f"what is {relation} the {second.split()[-1]}"] == first


# ------------------------------------------------------------------------------------------------------------ held out


def test_combinations_are_held_out(shapes: Shapes) -> None:
    held_out = shapes.scenes.having(shape="circle", colour="red")
    train, test = shapes.where(~held_out), shapes.where(held_out)
    assert len(train) + len(test) == len(shapes)
    assert not any("red circle" in caption for caption in train.captions)
    assert all("red circle" in caption for caption in test.captions)
    assert any("red" in caption for caption in train.captions)
    assert torch.equal(test[0], shapes[int(held_out.nonzero()[0])])
    some = shapes.where(torch.tensor([5, 2]))
    assert some.captions == [shapes.captions[5], shapes.captions[2]]


def test_only_some_kinds() -> None:
    assert Shapes(50, kinds=["single"]).scenes.kind.unique().tolist() == [0]
    assert Shapes(50, kinds=["pair", "single"]).scenes.kind.unique().tolist() == [0, 2]


def test_what_there_is_not() -> None:
    with pytest.raises(ValueError, match="no 'crowd' in scenes; there are single"):
        Shapes(10, kinds=["crowd"])
    with pytest.raises(ValueError, match="no 'pink' in scenes"):
        Shapes(10).scenes.having(colour="pink")
    with pytest.raises(ValueError, match="8 pixels wide"):
        Shapes(10, size=8)
    with pytest.raises(ValueError, match="cannot be drawn"):
        Shapes(-1)
