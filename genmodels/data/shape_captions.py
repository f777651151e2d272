"""What is said of a scene: its caption, and questions with their answers, as plain lower-case words.

    single   a small red circle at the top left
    group    three large blue squares
    pair     a small red circle above a large blue square

A caption says all attributes, so that a judge can hold a picture against every word of it.
"""

from __future__ import annotations

from genmodels.data.shape_scenes import COLOURS, KINDS, PLACES, RELATIONS, SHAPES, SIZES, Scenes

COUNTS = ("one", "two", "three", "four")

QA = tuple[str, str]


def captions(scenes: Scenes) -> list[str]:
    """One caption for each scene."""
    return [_caption(scenes, i) for i in range(len(scenes))]


def questions(scenes: Scenes) -> list[tuple[QA, ...]]:
    """For each scene all questions that it answers, with the answers."""
    return [_questions(scenes, i) for i in range(len(scenes))]


def _caption(scenes: Scenes, i: int) -> str:
    kind = KINDS[int(scenes.kind[i])]
    if kind == "single":
        return f"a {_thing(scenes, i, 0)} {_at(scenes, i)}"
    if kind == "group":
        return f"{COUNTS[int(scenes.count[i]) - 1]} {_plural(_thing(scenes, i, 0))}"
    return f"a {_thing(scenes, i, 0)} {RELATIONS[int(scenes.relation[i])]} a {_thing(scenes, i, 1)}"


def _questions(scenes: Scenes, i: int) -> tuple[QA, ...]:
    kind = KINDS[int(scenes.kind[i])]
    how_many = ("how many objects are there", COUNTS[int(scenes.count[i]) - 1])
    if kind == "pair":
        return (how_many, *_about(scenes, i, 0), *_about(scenes, i, 1), *_between(scenes, i))
    size, colour, shape = _words(scenes, i, 0)
    is_it = "is it" if kind == "single" else "are they"
    asked = (how_many, (f"what shape {is_it}", shape), (f"what colour {is_it}", colour), (f"what size {is_it}", size))
    return (*asked, ("where is it", _at(scenes, i))) if kind == "single" else asked


def _about(scenes: Scenes, i: int, k: int) -> tuple[QA, ...]:
    """One object of a pair, known by its shape or its colour, which the other does not share."""
    size, colour, shape = _words(scenes, i, k)
    return (
        (f"what colour is the {shape}", colour),
        (f"what size is the {shape}", size),
        (f"what shape is the {colour} object", shape),
    )


def _between(scenes: Scenes, i: int) -> tuple[QA, ...]:
    """How the two stand to one another: one relation holds, and its opposite does not."""
    relation = int(scenes.relation[i])
    holds, opposite = RELATIONS[relation], RELATIONS[relation ^ 1]
    (_, colour, shape), (_, other_colour, other_shape) = _words(scenes, i, 0), _words(scenes, i, 1)
    return (
        (f"what is {holds} the {other_shape}", f"a {_thing(scenes, i, 0)}"),
        (f"what is {opposite} the {shape}", f"a {_thing(scenes, i, 1)}"),
        (f"is the {colour} object {holds} the {other_colour} object", "yes"),
        (f"is the {colour} object {opposite} the {other_colour} object", "no"),
    )


def _words(scenes: Scenes, i: int, k: int) -> tuple[str, str, str]:
    return SIZES[int(scenes.size[i, k])], COLOURS[int(scenes.colour[i, k])], SHAPES[int(scenes.shape[i, k])]


def _thing(scenes: Scenes, i: int, k: int) -> str:
    return " ".join(_words(scenes, i, k))


def _at(scenes: Scenes, i: int) -> str:
    place = PLACES[int(scenes.place[i])]
    return "in the centre" if place == "centre" else f"at the {place}"


def _plural(thing: str) -> str:
    return thing + ("es" if thing.endswith("cross") else "s")
