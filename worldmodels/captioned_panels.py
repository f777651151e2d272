"""A sheet: frames enlarged on a dark ground, a caption above each, what is done and what came of it below.

    real       12   reconstruction   24 numbers   dream   7 alone
    +-----------+   +-------------------------+   +-------------+
    |           |   |                         |   |             |
    +-----------+   +-------------------------+   +-------------+
                                                  ----
    [ action ]                                       return 12.0

Pixels stay square and sharp: a frame is enlarged by a whole factor. A sheet knows its size and where its panels are before
anything is drawn, so that every picture of a video has the same.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from worldmodels.types import Floats, Frames

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw

GROUND, RIM, INK, FAINT, ACCENT, COOL = "#15171b", "#30343b", "#e4e7ea", "#8a9096", "#e8833a", "#6f9bd8"
MARGIN, GAP, HEAD, LINE, BAR = 20, 14, 26, 24, 54  # pixels: around, between panels, captions, lines below, an action's bar
SIZE = 15  # of type
SELDOM = 3  # pixels of the line below a panel


@dataclass(frozen=True)
class Caption:
    """What stands around a panel.

    Arguments:
        title: above it, at the left.
        note: above it, at the right.
        share: how long the line below it is, from 0 to 1; None for no line.
        marked: whether the panel is set off by its rim.
    """

    title: str = ""
    note: str = ""
    share: float | None = None
    marked: bool = False


class Sheet:
    """Panels of one size in rows.

    Arguments:
        panels: how many.
        columns: in a row; None for all in one.
        frame: height and width of the frames.
        side: at least so many pixels wide are they shown.
        lines: of text below.
        discrete: whether actions are a choice, one-hot, instead of numbers in [-1, 1].
    """

    def __init__(
        self,
        panels: int,
        columns: int | None = None,
        frame: tuple[int, int] = (64, 64),
        *,
        side: int = 256,
        lines: int = 1,
        discrete: bool = False,
    ) -> None:
        self.panels, self.columns, self.lines, self.discrete = panels, columns or panels, lines, discrete
        self.factor = math.ceil(side / frame[1])
        self.height, self.width = self.factor * frame[0], self.factor * frame[1]
        rows = math.ceil(panels / self.columns)
        width = 2 * MARGIN + self.columns * self.width + (self.columns - 1) * GAP
        height = 2 * MARGIN + rows * (HEAD + self.height) + (rows - 1) * GAP + (GAP + lines * LINE if lines else 0)
        self.size = (width + width % 2, height + height % 2)

    def corner(self, panel: int) -> tuple[int, int]:
        """The left and upper edge of a panel's frame."""
        row, column = divmod(panel, self.columns)
        return MARGIN + column * (self.width + GAP), MARGIN + HEAD + row * (HEAD + self.height + GAP)

    def draw(
        self,
        frames: Iterable[Frames],
        captions: Sequence[Caption],
        text: Sequence[tuple[str, str]] = (),
        act: Floats | None = None,
    ) -> Frames:
        """The sheet with frames (H, W, 3), lines of text, each at the left and right, and at the first left an action."""
        from PIL import Image, ImageDraw

        image = Image.new("RGB", self.size, GROUND)
        draw = ImageDraw.Draw(image)
        for panel, caption in enumerate(captions):
            self._caption(draw, panel, caption)
        below = self.size[1] - MARGIN - self.lines * LINE
        if act is not None:
            self._choice(draw, act, below) if self.discrete else self._bars(draw, act, below)
        for line, (at_left, at_right) in enumerate(text):
            y = below + line * LINE + LINE // 2
            draw.text((MARGIN, y), at_left, FAINT, _font(), anchor="lm")
            draw.text((self.size[0] - MARGIN, y), at_right, FAINT if line else INK, _font(), anchor="rm")
        picture = np.array(image)
        for panel, pixels in enumerate(frames):
            left, top = self.corner(panel)
            picture[top : top + self.height, left : left + self.width] = enlarged(pixels, self.factor)
        return picture

    def _caption(self, draw: ImageDraw, panel: int, caption: Caption) -> None:
        left, top = self.corner(panel)
        right, bottom = left + self.width, top + self.height
        draw.rectangle((left - 1, top - 1, right, bottom), outline=RIM)
        if caption.marked:
            draw.rectangle((left - 3, top - 3, right + 2, bottom + 2), outline=ACCENT, width=2)
        draw.text((left, top - HEAD // 2 - 2), caption.title, INK, _font(), anchor="lm")
        draw.text((right, top - HEAD // 2 - 2), caption.note, ACCENT if caption.marked else FAINT, _font(), anchor="rm")
        if caption.share is not None:
            reach = left + round(min(max(caption.share, 0.0), 1.0) * (self.width - 1))
            draw.rectangle((left, bottom + 5, right - 1, bottom + 4 + SELDOM), fill=RIM)
            draw.rectangle((left, bottom + 5, reach, bottom + 4 + SELDOM), fill=ACCENT)

    def _bars(self, draw: ImageDraw, act: Floats, top: int) -> None:
        """A bar for each number, from its middle."""
        y = top + LINE // 2
        draw.text((MARGIN, y), "action", FAINT, _font(), anchor="lm")
        for index, value in enumerate(act):
            left = MARGIN + BAR + index * (BAR + GAP)
            middle = left + BAR // 2
            end = middle + round(float(value) * (BAR // 2))
            draw.rectangle((left, y - 4, left + BAR, y + 4), fill=RIM)
            draw.rectangle((min(middle, end), y - 4, max(middle, end), y + 4), fill=COOL)
            draw.line((middle, y - 6, middle, y + 6), fill=INK)

    def _choice(self, draw: ImageDraw, act: Floats, top: int) -> None:
        """A box for each choice, the chosen one filled."""
        chosen = int(np.argmax(act))
        draw.text((MARGIN, top + LINE // 2), "action", FAINT, _font(), anchor="lm")
        for index in range(len(act)):
            left = MARGIN + BAR + index * LINE
            here = index == chosen
            draw.rounded_rectangle((left, top + 2, left + LINE - 5, top + LINE - 4), 4, COOL if here else GROUND, RIM)
            middle = (left + (LINE - 5) / 2, top + LINE / 2 - 1)
            draw.text(middle, str(index), GROUND if here else FAINT, _font(), anchor="mm")


def enlarged(pixels: Frames, factor: int) -> Frames:
    """Each pixel as a square of `factor` by `factor`.

    >>> enlarged(np.array([[[1, 1, 1], [2, 2, 2]]], np.uint8), 2)[..., 0].tolist()
    [[1, 1, 2, 2], [1, 1, 2, 2]]
    """
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


@functools.cache
def _font() -> Any:
    """The typeface that Pillow carries, so that a sheet looks the same on every machine."""
    from PIL import ImageFont

    return ImageFont.load_default(SIZE)
