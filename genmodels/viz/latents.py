"""Latent spaces: where the data go, and what is decoded from where."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from genmodels.viz.figure import COLOURS, FAINT, INK, Picture, blank, render, style
from genmodels.viz.grids import grid
from genmodels.viz.points import Points, draw, frame, legend, plane, window

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def latent_scatter(z: Tensor, labels: Tensor | None = None, names: Sequence[str] | None = None) -> Picture:
    """The first two dimensions of the codes z (N, d), coloured by their labels (N,); `names[label]` stands in the legend.

    Up to ten whole labels have a colour each. More of them, or real numbers, are shades with a scale beside them.
    """
    points = plane(z)
    if labels is not None and labels.shape != z.shape[:1]:
        raise ValueError(f"{len(z)} codes, but labels of shape {tuple(labels.shape)}")
    figure = blank(5.4, 4.6)
    axes = figure.subplots()
    of = f"  (of {z.shape[1]} dimensions)" if z.shape[1] > 2 else ""
    style(axes, f"$z_1${of}", "$z_2$")
    frame(axes, window(points), points)
    if labels is None:
        draw(axes, points, COLOURS[0])
    elif labels.is_floating_point() or len(torch.unique(labels)) > len(COLOURS):
        _draw_shades(axes, points, labels.detach().cpu().double())
    else:
        _draw_classes(axes, points, labels.cpu(), names)
    return render(figure)


def latent_histograms(z: Tensor, most: int = 32, columns: int = 8) -> Picture:
    """The density of each dimension of the codes z (N, d), the widest first, beside the standard normal one.

    A dimension without a use is a spike at zero (of means) or the very curve (of draws); codes without a prior go anywhere.
    """
    if z.ndim != 2 or len(z) < 2 or not z.isfinite().all():
        raise ValueError(f"codes are finite numbers (N, d), at least two codes; these have the shape {tuple(z.shape)}")
    values = z.detach().cpu().double()
    widest = values.std(0).argsort(descending=True, stable=True)[:most].tolist()
    columns = min(columns, len(widest))
    rows = math.ceil(len(widest) / columns)
    reach = max(3.5, float(values[:, widest].abs().quantile(0.999, dim=0).max()))
    figure = blank(max(1.5 * columns, 3.0), 1.3 * rows + 0.2)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True).flat
    x = np.linspace(-reach, reach, 201)
    for dimension, axes in zip(widest, panels, strict=False):
        style(axes, title=f"$z_{{{dimension + 1}}}$")
        axes.hist(values[:, dimension].numpy(), 60, range=(-reach, reach), density=True, color=COLOURS[0], alpha=0.85)
        axes.plot(x, np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi), color=COLOURS[1], linewidth=1.2)
        axes.set_yticks([])
    for axes in panels:  # the rest of the last row
        axes.set_visible(False)
    return render(figure)


def inverse_cdf_grid(decode: Callable[[Tensor], Tensor], side: int = 20, padding: int = 0) -> Picture:
    """What `decode` (n, 2) -> (n, C, H, W) makes of a plane whose prior is N(0, I), each cell as probable as any other.

    Cell i of an axis stands for z = Phi^-1((i + 1/2) / side), Phi the Gaussian's distribution function: the grid covers the
    prior and not the empty corners. z_1 grows to the right and z_2 upwards, as in `latent_scatter`.
    """
    axis = torch.special.ndtri((torch.arange(side, dtype=torch.float64) + 0.5) / side).float()
    z_2, z_1 = torch.meshgrid(axis.flip(0), axis, indexing="ij")
    with torch.no_grad():
        images = decode(torch.stack([z_1.flatten(), z_2.flatten()], dim=1))
    return grid(images, columns=side, padding=padding)


def _draw_classes(axes: Axes, points: Points, labels: Tensor, names: Sequence[str] | None) -> None:
    classes: list[int] = torch.unique(labels).tolist()
    few = min(classes) >= 0 and max(classes) < len(COLOURS)  # then a class has its colour whichever others are present
    colours = {label: COLOURS[label if few else rank] for rank, label in enumerate(classes)}
    draw(axes, points, [colours[label] for label in labels.tolist()])
    legend(axes, {names[label] if names else str(label): (colours[label], "o") for label in classes}, beside=True)


def _draw_shades(axes: Axes, points: Points, values: Tensor) -> None:
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    shades = ScalarMappable(Normalize(float(values.min()), float(values.max())), colormaps["viridis"])
    draw(axes, points, shades.to_rgba(values.numpy()))
    figure = axes.get_figure(root=True)
    assert figure is not None
    scale = figure.colorbar(shades, ax=axes, shrink=0.8, aspect=30)
    scale.outline.set_visible(False)
    scale.ax.tick_params(color=FAINT, labelcolor=INK, labelsize=8)
