"""Whether predictions know what they do not know: the probability integral transform (Dawid 1984).

    u = P(X <= x)        uniform in [0, 1] if x was drawn from what was predicted for X

A histogram that is flat says that the predictions are right about their own uncertainty. Heaps at both ends say that they are
too sure, a heap in the middle that they are not sure enough, a slope that they are biased.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from genmodels.viz.figure import COLOURS, INK, Picture, blank, render, style


def uniform_distance(values: ArrayLike) -> float:
    """How far the values' distribution function is from the uniform one at most: Kolmogorov and Smirnov's distance.

    >>> uniform_distance([0.25, 0.75])
    0.25
    >>> uniform_distance([0.9, 0.9])
    0.9
    """
    ordered = np.sort(_flat(values))
    steps = np.arange(len(ordered) + 1) / len(ordered)
    return float(max((steps[1:] - ordered).max(), (ordered - steps[:-1]).max()))


def pit_histogram(values: ArrayLike, bins: int = 20) -> Picture:
    """The values' density beside the uniform one, with Kolmogorov and Smirnov's distance."""
    flat = _flat(values)
    figure = blank(6.4, 2.4)
    axes = figure.subplots()
    style(axes, "where what came lay in what was predicted", "density")
    axes.hist(flat, bins, range=(0.0, 1.0), density=True, color=COLOURS[0], alpha=0.85, rwidth=0.92)
    axes.axhline(1.0, color=COLOURS[1], linewidth=1.5, label="uniform")
    axes.set_xlim(0.0, 1.0)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, title=f"KS {uniform_distance(flat):.3f}", title_fontsize=8)
    return render(figure)


def _flat(values: ArrayLike) -> NDArray[np.float64]:
    flat = np.asarray(values, np.float64).ravel()
    if not flat.size or not (flat.min() >= 0.0 and flat.max() <= 1.0):
        raise ValueError(f"values: probabilities in [0, 1], at least one; these are {flat.size} numbers")
    return flat
