"""Captioned shapes: pictures whose every attribute is known, so that what a model makes of a word can be measured.

shape_scenes.py     what is in each picture, as arrays of attributes
shape_drawing.py    the pictures
shape_captions.py   captions, questions and answers
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor

from genmodels.data.shape_captions import QA, captions, questions
from genmodels.data.shape_drawing import draw
from genmodels.data.shape_scenes import KINDS, draw_scenes

_TOGETHER = 64  # pictures drawn at once: they stay in the cache


class Shapes:
    """`n` pictures of `kinds` ("single", "group", "pair"), `size` pixels wide, drawn when they are asked for.

    An int64 index tensor (B,) or a slice gives uint8 pictures (B, 3, size, size), a number gives one. Picture i depends on the
    seed and i alone, and of another size it shows the same scene.

    >>> shapes = Shapes(1000, seed=0, size=32)
    >>> shapes[torch.tensor([0, 5])].shape, shapes.captions[5]
    (torch.Size([2, 3, 32, 32]), 'a large green circle right of a large red square')
    >>> held_out = shapes.scenes.having(shape="circle", colour="red")
    >>> train, test = shapes.where(~held_out), shapes.where(held_out)
    """

    def __init__(self, n: int = 50_000, seed: int = 0, size: int = 64, kinds: Sequence[str] = KINDS) -> None:
        self.scenes, self.size = draw_scenes(n, seed, kinds), size
        draw(self.scenes[:0], size)  # refuses a size now rather than at the first picture

    def __len__(self) -> int:
        return len(self.scenes)

    def __getitem__(self, index: Tensor | slice | int) -> Tensor:
        if isinstance(index, int):
            return self[torch.tensor([range(len(self))[index]])][0]
        chosen = self.scenes[index]
        parts = [draw(chosen[i : i + _TOGETHER], self.size) for i in range(0, max(len(chosen), 1), _TOGETHER)]
        return torch.cat([torch.from_numpy(part) for part in parts])

    @cached_property
    def captions(self) -> list[str]:
        """One for each picture."""
        return captions(self.scenes)

    @cached_property
    def questions(self) -> list[tuple[QA, ...]]:
        """For each picture all questions that it answers, with the answers."""
        return questions(self.scenes)

    def where(self, chosen: Tensor) -> Shapes:
        """The pictures at an index, or where a mask (N,) is true."""
        part = Shapes(0, size=self.size)
        part.scenes = self.scenes[chosen]
        return part
