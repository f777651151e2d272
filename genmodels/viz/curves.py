"""Training curves: one small panel for each figure of a run's `metrics.jsonl`.

A line is `{"step": 25, "seconds": 1.2, "vae/loss": 103.2, "validation/loss": 104.9}`; a line may lack any figure. What is
measured in validation is drawn over the training figure of the same name, where there is exactly one.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from genmodels.viz.figure import COLOURS, INK, Picture, blank, render, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Curve = dict[int, float]  # value by step
Values = NDArray[np.float64]

_NOT_FIGURES = ("step", "seconds")
_VALIDATION = "validation"
_COLOURS = {"training": COLOURS[0], _VALIDATION: COLOURS[1]}
_FEW = 30  # points: up to so many are marked one by one
_MANY, _STRETCHES = 160, 50  # above so many points a curve is noise around the means of so many stretches of it


def curves(metrics: str | Path, columns: int = 3) -> Picture:
    """Every figure in the metrics file against the step."""
    panels = group(read_curves(Path(metrics)))
    columns = min(columns, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = blank(3.4 * columns, 2.2 * rows + 0.3)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True)
    for axes, (title, lines) in zip(grid.flat, panels.items(), strict=False):
        _draw_panel(axes, title, lines)
    for axes in grid.flat[len(panels) :]:
        axes.set_visible(False)
    figure.supxlabel("step", color=INK, fontsize=9)
    return render(figure)


def read_curves(path: Path) -> dict[str, Curve]:
    """Value by step for each figure. A step written twice counts as last written; a line cut short is passed over."""
    found: dict[str, Curve] = defaultdict(dict)
    for line in path.read_text("utf-8", errors="replace").splitlines():
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if not isinstance(record, dict) or not isinstance(record.get("step"), int):
            continue
        for name, value in record.items():
            if name not in _NOT_FIGURES and isinstance(value, int | float) and not isinstance(value, bool):
                found[name][record["step"]] = float(value)
    if not found:
        raise ValueError(f"{path}: no line of it has a step and a figure")
    return dict(found)


def group(found: dict[str, Curve]) -> dict[str, dict[str, Curve]]:
    """Panels in the order of the file: title -> name of the line -> curve.

    >>> panels = group({"vae/loss": {}, "vae/kl": {}, "validation/loss": {}, "validation/nats": {}})
    >>> {title: list(lines) for title, lines in panels.items()}
    {'vae/loss': ['training', 'validation'], 'vae/kl': ['training'], 'validation/nats': ['validation']}
    """
    panels = {name: {"training": curve} for name, curve in found.items() if not _is_validation(name)}
    for name, curve in found.items():
        if _is_validation(name):
            figure = name.removeprefix(f"{_VALIDATION}/")
            partners = [title for title in panels if figure in (title, title.partition("/")[2])]
            panels.setdefault(partners[0] if len(partners) == 1 else name, {})[_VALIDATION] = curve
    return panels


def _is_validation(name: str) -> bool:
    return name.startswith(f"{_VALIDATION}/")


def _draw_panel(axes: Axes, title: str, lines: dict[str, Curve]) -> None:
    from matplotlib.ticker import EngFormatter, MaxNLocator

    style(axes, title=title)
    every = np.array([value for curve in lines.values() for value in curve.values() if math.isfinite(value)])
    if every.size and every.min() > 0 and every.max() > 100 * every.min():
        axes.set_yscale("log")
    for label, curve in lines.items():
        _draw_curve(axes, curve, label)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.tick_params(labelbottom=True)
    axes.legend(frameon=False, fontsize=8, labelcolor=INK, handlelength=1.2)


def _draw_curve(axes: Axes, curve: Curve, label: str) -> None:
    colour = _COLOURS[label]
    steps = np.array(sorted(curve), np.float64)
    values = np.array([curve[step] for step in sorted(curve)])
    label = f"{label}  {values[-1]:.4g}"
    values = np.where(np.isfinite(values), values, np.nan)  # a gap
    if len(steps) > _MANY:
        axes.plot(steps, values, color=colour, linewidth=0.6, alpha=0.3)
        steps, values = stretch_means(steps, _STRETCHES), stretch_means(values, _STRETCHES)
    marker = "o" if len(steps) <= _FEW else "None"
    axes.plot(steps, values, marker=marker, color=colour, linewidth=1.5, markersize=3.5, label=label)


def stretch_means(values: Values, count: int) -> Values:
    """The means of `count` stretches of nearly equal length; gaps do not count, a stretch of nothing else is one.

    >>> stretch_means(np.array([1.0, 3.0, np.nan, 5.0, np.nan, np.nan]), 3)
    array([ 2.,  5., nan])
    """
    stretches = (stretch[np.isfinite(stretch)] for stretch in np.array_split(values, count))
    return np.array([stretch.mean() if stretch.size else np.nan for stretch in stretches])
