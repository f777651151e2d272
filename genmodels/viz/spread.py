"""Groups of numbers side by side: every number a dot, the mean a line, its 95 % confidence interval a bar."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from genmodels.viz.figure import COLOURS, INK, Picture, blank, render, style

_WIDE = 0.32  # of a row, that dots are strewn over


def spread(groups: Mapping[str, Sequence[float]], label: str = "") -> Picture:
    """Rows in the order of the groups, the first on top; `label` is what the numbers are."""
    if not groups or not all(len(values) for values in groups.values()):
        raise ValueError("groups: at least one, and a number in each")
    figure = blank(6.4, 0.7 + 0.42 * len(groups))
    axes = figure.subplots()
    style(axes, label)
    axes.grid(False, axis="y")
    for row, values in enumerate(groups.values()):
        numbers = np.asarray(values, np.float64)
        strewn = np.modf(np.arange(len(numbers)) * 0.618033988749895)[0] - 0.5  # evenly, and the same each time
        axes.plot(numbers, row + 2.0 * _WIDE * strewn, "o", color=COLOURS[0], markersize=3, alpha=0.35, markeredgewidth=0)
        mean, error = numbers.mean(), numbers.std(ddof=1) / len(numbers) ** 0.5 if len(numbers) > 1 else 0.0
        axes.plot([mean - 1.96 * error, mean + 1.96 * error], [row, row], color=COLOURS[1], linewidth=5, alpha=0.5)
        axes.plot([mean, mean], [row - _WIDE, row + _WIDE], color=COLOURS[1], linewidth=2)
    axes.set_yticks(range(len(groups)), list(groups), color=INK)
    axes.set_ylim(len(groups) - 0.5, -0.5)
    return render(figure)
