"""The house style: one palette, one kind of axes, and a figure turned into an array.

matplotlib is imported when the first figure is made, and draws into memory: no window, no state shared with the caller's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Picture = NDArray[np.uint8]  # (H, W, 3)

INK, FAINT, GRID = "#2f3337", "#8a9096", "#eceef0"
COLOURS = (
    *("#4269a5", "#e8833a", "#4f9d69", "#c44e52", "#8268a8"),
    *("#3fa7b5", "#d9b13b", "#d27ba8", "#8c6d54", "#7d858c"),
)


def blank(width: float, height: float) -> Figure:
    """An empty figure of that many inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), dpi=160, facecolor="white", layout="constrained")


def style(axes: Axes, xlabel: str = "", ylabel: str = "", title: str = "") -> None:
    """Light grid, two spines, small type; the title stands at the left."""
    axes.set_facecolor("white")
    axes.grid(True, color=GRID, linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(FAINT)
    axes.tick_params(which="both", color=FAINT, labelcolor=INK, labelsize=8, length=3, width=0.8)
    axes.tick_params(which="minor", length=0)
    axes.set_xlabel(xlabel, color=INK, fontsize=9)
    axes.set_ylabel(ylabel, color=INK, fontsize=9)
    axes.set_title(title, loc="left", color=INK, fontsize=10)


def render(figure: Figure) -> Picture:
    """The figure's pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.array(canvas.buffer_rgba())[..., :3].copy()
