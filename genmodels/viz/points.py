"""Points in the plane, in a window that a few outliers cannot stretch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genmodels.viz.figure import COLOURS, FAINT, INK, Picture, blank, render, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = NDArray[np.float32]  # (N, 2)
Window = tuple[float, float, float]  # centre x, centre y, half the side

_REAL, _SAMPLES, _CENTRES = "#bcc2c8", COLOURS[0], COLOURS[3]


def scatter(samples: Tensor, centres: Tensor | None = None, real: Tensor | None = None) -> Picture:
    """Samples (N, 2) above real points (M, 2), and the centres (K, 2) of the true modes as crosses.

    The window is that of the real points and the centres where they are given; samples that it leaves out are counted.
    """
    drawn = plane(samples)
    known = [plane(points) for points in (real, centres) if points is not None]
    figure = blank(4.6, 4.9)
    axes = figure.subplots()
    style(axes, "$x_1$", "$x_2$")
    marks = {}
    if real is not None:
        draw(axes, plane(real), _REAL)
        marks["real"] = (_REAL, "o")
    draw(axes, drawn, _SAMPLES)
    marks["samples"] = (_SAMPLES, "o")
    if centres is not None:
        x, y = plane(centres).T
        axes.scatter(x, y, s=40, c=_CENTRES, marker="+", linewidths=1.0)
        marks["centres"] = (_CENTRES, "+")
    frame(axes, window(np.concatenate(known), 0.0) if known else window(drawn), drawn)
    legend(axes, marks, beside=False)
    return render(figure)


def plane(points: Tensor) -> Points:
    """The first two coordinates, as an array."""
    if points.ndim != 2 or points.shape[1] < 2 or len(points) == 0:
        raise ValueError(f"points have the shape (N, 2 or more), these have {tuple(points.shape)}")
    array: Points = points.detach().cpu().float()[:, :2].numpy()
    return array


def window(points: Points, quantile: float = 0.002) -> Window:
    """A square around the points, less that share of them at either end of each axis, with a margin.

    >>> window(np.array([[-1, 0], [3, 2]], np.float32), 0.0)
    (1.0, 1.0, 2.3)
    """
    finite = points[np.isfinite(points).all(1)].astype(np.float64)
    if len(finite) == 0:
        return 0.0, 0.0, 1.0
    low, high = np.quantile(finite, [quantile, 1 - quantile], axis=0)
    x, y = (low + high) / 2
    half = 1.15 * (high - low).max() / 2
    return float(x), float(y), float(half) or 1.0


def draw(axes: Axes, points: Points, colours: str | Sequence[str] | NDArray[np.float64]) -> None:
    """Points in one colour or one each, smaller the more there are, in a random order so that no group hides another."""
    order = np.random.default_rng(0).permutation(len(points))
    x, y = points[order].T
    size = float(np.clip(450 / np.sqrt(len(points)), 2.5, 30))
    c = colours if isinstance(colours, str) else np.asarray(colours)[order]
    axes.scatter(x, y, s=size, c=c, alpha=0.7, linewidths=0)


def frame(axes: Axes, where: Window, points: Points) -> None:
    """Show the window, true to scale, and say how many of the points it leaves out."""
    x, y, half = where
    axes.set_aspect("equal")
    axes.set_xlim(x - half, x + half)
    axes.set_ylim(y - half, y + half)
    outside = len(points) - int((np.abs(points - [x, y]) <= half).all(1).sum())  # what is not a number is outside, too
    if outside:
        note = f"{outside:,} of {len(points):,} outside"
        axes.text(0.99, 0.01, note, transform=axes.transAxes, ha="right", va="bottom", fontsize=8, color=FAINT)


def legend(axes: Axes, marks: Mapping[str, tuple[str, str]], beside: bool) -> None:
    """What each (colour, marker) means: one below the other beside the axes, or in a row above them."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markersize=6, label=label)
        for label, (colour, marker) in marks.items()
    ]
    axes.legend(
        handles=handles,
        loc="upper left" if beside else "lower left",
        bbox_to_anchor=(1, 1) if beside else (-0.02, 1),
        ncols=1 if beside else len(handles),
        frameon=False,
        fontsize=9,
        labelcolor=INK,
        handletextpad=0.2,
    )
