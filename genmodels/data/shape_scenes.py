"""Scenes of shapes as arrays of attributes: what is in a picture, before it is drawn or told of.

    single   one object in one of nine places            shape, colour, size, place
    group    two to four objects, all alike               shape, colour, size, count
    pair     two objects that differ in shape and colour  both objects, and how the first stands to the second

Scene i depends on the seed and i alone: it reads numbers 32 i to 32 i + 31 of one stream, each with a use of its own, so
that more scenes leave those before them as they were. Objects never overlap and never leave the picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genmodels.random_streams import stream

KINDS = ("single", "group", "pair")
SHAPES = ("circle", "square", "triangle", "cross")
COLOURS = ("red", "green", "blue", "yellow", "purple", "cyan")
SIZES = ("small", "large")
RELATIONS = ("left of", "right of", "above", "below")
PLACES = ("top left", "top", "top right", "left", "centre", "right", "bottom left", "bottom", "bottom right")
MOST = 4  # objects of one scene

_DRAWS = 32  # numbers of the stream for one scene
_RADIUS = ((0.085, 0.100), (0.145, 0.165))  # small, large, in widths of the picture
_JITTER = 0.06  # of centres; large objects in neighbouring quarters, 0.46 apart, still do not touch

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Scenes:
    """N scenes. Numbers of words (indices into KINDS, SHAPES, ...) are int64 and -1 where there is nothing to name.

    `kind`, `count` (1 to 4), `place` (of singles), `relation` (of pairs): (N,). `shape`, `colour`, `size` of each object:
    (N, 4). As float32, `x` and `y` (from the upper left corner) and `radius`, in widths of the picture, and `shade`: (N, 4);
    the grey of the `background`: (N,).
    """

    kind: Tensor
    count: Tensor
    place: Tensor
    relation: Tensor
    shape: Tensor
    colour: Tensor
    size: Tensor
    x: Tensor
    y: Tensor
    radius: Tensor
    shade: Tensor
    background: Tensor

    def __len__(self) -> int:
        return len(self.kind)

    def __getitem__(self, index: Tensor | slice) -> Scenes:
        """The scenes at an index (int64 or bool tensor, or slice)."""
        return Scenes(**{field.name: getattr(self, field.name)[index] for field in fields(self)})

    def having(self, *, shape: str | None = None, colour: str | None = None, size: str | None = None) -> Tensor:
        """Whether one object of the scene has all that is named, (N,) bool.

        >>> scenes = draw_scenes(100, seed=0)
        >>> held_out = scenes.having(shape="circle", colour="red")
        >>> train, test = scenes[~held_out], scenes[held_out]
        """
        objects = torch.arange(MOST) < self.count[:, None]
        for numbers, word, words in ((self.shape, shape, SHAPES), (self.colour, colour, COLOURS), (self.size, size, SIZES)):
            if word is not None:
                objects = objects & (numbers == _number(word, words))
        return objects.any(1)


def draw_scenes(n: int, seed: int, kinds: Sequence[str] = KINDS) -> Scenes:
    """The first `n` scenes of a seed, each of one of `kinds`."""
    if n < 0 or not kinds:
        raise ValueError(f"{n} scenes of the kinds {list(kinds)} cannot be drawn")
    raw = np.random.PCG64(stream(seed)).random_raw(n * _DRAWS).reshape(n, _DRAWS)  # raw: a stream that numpy promises to keep
    u: Floats = np.asarray((raw >> np.uint64(11)) * 2.0**-53, dtype=np.float64)
    kind = np.array([_number(word, KINDS) for word in kinds])[_below(len(kinds), u[:, 0])]
    single, group, pair = (kind == i for i in range(3))
    count = np.where(group, 2 + _below(MOST - 1, u[:, 1]), np.where(single, 1, 2))
    place = np.where(single, _below(len(PLACES), u[:, 2]), -1)
    relation = np.where(pair, _below(len(RELATIONS), u[:, 3]), -1)

    other = np.arange(MOST) * pair[:, None]  # 0 for the first object, 1 for the second of a pair
    shape = _two(u[:, 4], u[:, 5], len(SHAPES), other)
    colour = _two(u[:, 6], u[:, 7], len(COLOURS), other)
    size = np.where(other == 0, _below(2, u[:, 8, None]), _below(2, u[:, 9, None]))  # the two of a pair may be of one size
    several = np.where(group[:, None], _quarters(u[:, 10:14]), _related(relation, u[:, 14]))
    centre = np.where(single[:, None], _places(place), several)
    centre += _JITTER * (2 * u[:, 16:24].reshape(n, MOST, 2).transpose(2, 0, 1) - 1)
    low, high = (np.array(_RADIUS)[size, end] for end in (0, 1))
    absent = np.arange(MOST) >= count[:, None]

    def numbers(array: Ints) -> Tensor:
        return torch.from_numpy(np.where(absent, -1, array) if array.ndim == 2 else array)

    def lengths(array: Floats) -> Tensor:
        return torch.from_numpy(np.where(absent, 0, array) if array.ndim == 2 else array).float()

    return Scenes(
        kind=numbers(kind),
        count=numbers(count),
        place=numbers(place),
        relation=numbers(relation),
        shape=numbers(shape),
        colour=numbers(colour),
        size=numbers(size),
        x=lengths(centre[0]),
        y=lengths(centre[1]),
        radius=lengths(low + (high - low) * u[:, 24:28]),
        shade=lengths(0.85 + 0.15 * u[:, 28:32]),
        background=lengths(0.05 + 0.15 * u[:, 15]),
    )


# ---------------------------------------------------------------------------------- where objects are, (2, N, MOST): x, y


def _places(place: Ints) -> Floats:
    """One object in the middle of its place."""
    row, column = np.divmod(place, 3)
    return np.repeat(0.25 + 0.25 * np.stack([column, row])[:, :, None], MOST, axis=2)


def _quarters(u: Floats) -> Floats:
    """Each object in a quarter of its own, in random order."""
    row, column = np.divmod(np.argsort(u, axis=1, kind="stable"), 2)
    return 0.27 + 0.46 * np.stack([column, row])


def _related(relation: Ints, u: Floats) -> Floats:
    """Two objects side by side or one above the other, the rest nowhere; where along the other axis, `u` says."""
    along = np.where(relation % 2, 0.73, 0.27)[:, None]  # the first is left of, or above, the second
    along = np.where(np.arange(MOST) == 0, along, 1 - along)
    across = np.repeat(0.27 + 0.46 * u[:, None], MOST, axis=1)
    beside = (relation < 2)[:, None]
    return np.stack([np.where(beside, along, across), np.where(beside, across, along)])


# -------------------------------------------------------------------------------------------------------------- numbers


def _below(n: int, u: Floats) -> Ints:
    """Whole numbers in [0, n) from uniform ones in [0, 1)."""
    return (n * u).astype(np.int64)


def _two(u: Floats, v: Floats, n: int, other: Ints) -> Ints:
    """A number below n for the first object, and for the second one that differs from it."""
    first = _below(n, u)[:, None]
    second = (first + 1 + _below(n - 1, v)[:, None]) % n
    return np.where(other == 0, first, second)


def _number(word: str, words: Sequence[str]) -> int:
    if word not in words:
        raise ValueError(f"there is no {word!r} in scenes; there are {', '.join(words)}")
    return words.index(word)
