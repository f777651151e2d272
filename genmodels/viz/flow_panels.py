"""What a flow does, in four panels: the data, the latents they become, the noise, the samples it becomes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from genmodels.viz.figure import Picture, blank, render, style
from genmodels.viz.points import Points, draw, frame, plane, window


def flow_panels(x: Tensor, z: Tensor, noise: Tensor, samples: Tensor) -> Picture:
    """Points x (N, 2) beside their latents z (N, 2); noise (M, 2) beside the samples (M, 2) that it becomes.

    A point has one colour on both sides: the direction in which its latent lies. The two spaces have a window each.
    """
    for name, a, b in (("z", x, z), ("samples", noise, samples)):
        if a.shape != b.shape:
            raise ValueError(f"{name}: one for each of {tuple(a.shape)} points, not {tuple(b.shape)}")
    data, latents, drawn, made = (plane(points) for points in (x, z, noise, samples))
    data_window, latent_window = window(data, 0.0), window(drawn, 0.0)
    figure = blank(6.4, 6.6)
    panels = figure.subplots(2, 2)
    for axes, points, origin, where, title in (
        (panels[0, 0], data, latents, data_window, "data x"),
        (panels[0, 1], latents, latents, latent_window, "their latents z = f(x)"),
        (panels[1, 1], drawn, drawn, latent_window, "noise z"),
        (panels[1, 0], made, drawn, data_window, "samples x = f$^{-1}$(z)"),
    ):
        style(axes, title=title)
        frame(axes, where, points)
        draw(axes, points, _directions(origin))
    return render(figure)


def _directions(z: Points) -> NDArray[np.float64]:
    """A colour for the direction of each point (N, 2) from the origin, the same after a whole turn: (N, 4)."""
    from matplotlib import colormaps

    turn = np.arctan2(z[:, 1], z[:, 0]) / (2 * np.pi) + 0.5
    return np.asarray(colormaps["hsv"](turn), np.float64)
