"""Means against a quantity, each with its 95 % confidence interval: one line for each name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genmodels.viz.figure import COLOURS, INK, Picture, blank, render, style


def intervals(lines: Mapping[str, Sequence[tuple[float, float, float]]], xlabel: str = "", ylabel: str = "") -> Picture:
    """Each line is made of points (x, mean, standard error of the mean), in any order."""
    if not lines or not all(len(points) for points in lines.values()):
        raise ValueError("lines: at least one, and a point on each")
    figure = blank(6.4, 3.2)
    axes = figure.subplots()
    style(axes, xlabel, ylabel)
    for colour, (name, points) in zip(COLOURS, lines.items(), strict=False):
        x, mean, error = np.array(sorted(points), np.float64).T
        axes.errorbar(x, mean, 1.96 * error, fmt="o-", color=colour, markersize=4, linewidth=1.5, capsize=3, label=name)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK)
    return render(figure)
