"""The likelihood of an energy in the plane: its normaliser is summed over a grid, so that its nats compare with all others.

    log p(x) = f(x) - log Z,    log Z = log integral exp(f(x)) dx = log (h_1 h_2 sum_ij exp(f(x_ij)))

x_ij are the points of a grid over a window, h_1 and h_2 apart. Where f is smooth and its mass stays inside the window, this
sum is the trapezoidal rule, and its error falls faster than any power of h (Trefethen and Weideman 2014). Two things tell
that it is not to be trusted, and are refused: mass at the border of the window, and another sum over every second point.
A spike finer than the grid, and what lies far outside of the window, are seen by neither.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from genmodels.model import LogProb

BLOCK = 16_384  # points of the grid at a time
RIM = 16  # the border of the window is this part of its width


@dataclass(frozen=True, eq=False)
class GridNormalised:
    """A density in the window between two corners, whose held-out nats `held_out_nats` gives.

    log_f: the unnormalised log-density, (N, 2) -> (N,).
    low, high: the corners, (2,).
    log_z: the logarithm of the normaliser.
    error: how far a grid of half the resolution is from `log_z`.
    """

    log_f: Callable[[Tensor], Tensor]
    low: Tensor
    high: Tensor
    log_z: float
    error: float

    def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        """f(x) - log Z for points x (N, 2) of the window."""
        outside = ((x < self.low) | (x > self.high)).any(1).sum().item()
        if outside:
            raise ValueError(f"{outside} of {len(x)} points lie outside of {_window(self.low, self.high)}: widen the window")
        return LogProb(self.log_f(x).double() - self.log_z, "exact")


@torch.no_grad()
def grid_normalised(
    log_f: Callable[[Tensor], Tensor], low: Tensor, high: Tensor, cells: int = 512, tolerance: float = 1e-3
) -> GridNormalised:
    """The density proportional to exp(f) in the plane.

    Arguments:
        log_f: its unnormalised logarithm, (N, 2) -> (N,).
        low, high: the corners of the window, (2,); the points have their type and device.
        cells: along each axis, an even number.
        tolerance: the share of mass that may stand at the border, a sixteenth of the window at each side; and how far log Z
            may move when the resolution is halved.

    >>> low, high = torch.tensor([-8.0, -8.0]), torch.tensor([8.0, 8.0])
    >>> bell = grid_normalised(lambda x: -x.square().sum(1) / 2, low, high)
    >>> round(bell.log_z, 6)  # log 2 pi
    1.837877
    """
    if low.shape != (2,) or high.shape != (2,) or not (low < high).all():
        raise ValueError(f"a window has a low and a high corner, (2,) each, not {low.tolist()} and {high.tolist()}")
    if cells < RIM or cells % 2:
        raise ValueError(f"the grid has an even number of cells, {RIM} or more, not {cells}")
    ends = zip(low.tolist(), high.tolist(), strict=True)
    axes = [torch.linspace(a, b, cells + 1, dtype=low.dtype, device=low.device) for a, b in ends]
    f = torch.cat([log_f(x).double() for x in torch.cartesian_prod(*axes).split(BLOCK)]).view(cells + 1, cells + 1)
    if f.isnan().any() or f.max().isinf():
        raise ValueError("the log-density is not a number somewhere in the window, or nowhere or anywhere infinite")
    log_cell = ((high - low).double() / cells).log().sum().item()
    log_z, coarse = f.logsumexp((0, 1)).item() + log_cell, f[::2, ::2].logsumexp((0, 1)).item() + log_cell + math.log(4)
    rim = cells // RIM
    at_border = -math.expm1(f[rim:-rim, rim:-rim].logsumexp((0, 1)).item() + log_cell - log_z)
    if at_border > tolerance:
        raise ValueError(f"{at_border:.2%} of the mass stands at the border of {_window(low, high)}: widen the window")
    if not abs(coarse - log_z) <= tolerance:
        raise ValueError(f"half of {cells} cells move log Z by {coarse - log_z:.2g} nats: take more cells, or a closer window")
    return GridNormalised(log_f, low, high, log_z, abs(coarse - log_z))


def _window(low: Tensor, high: Tensor) -> str:
    """
    >>> _window(torch.tensor([-1.0, 0.0]), torch.tensor([2.0, 1.5]))
    'the window [-1, 2] x [0, 1.5]'
    """
    return "the window " + " x ".join(f"[{a:g}, {b:g}]" for a, b in zip(low.tolist(), high.tolist(), strict=True))
