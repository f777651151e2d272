"""Increasing functions of one number, given by a few raw ones each: what a coupling does to the half that it changes.

All raw numbers zero make the identity.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F


class Elements(ABC):
    """An increasing function for each number of x (...), given by as many `numbers`, raw (..., numbers)."""

    numbers: int

    @abstractmethod
    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """y and log dy/dx, (...) each."""

    @abstractmethod
    def inverse(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        """x and log dx/dy, (...) each."""


class AffineElements(Elements):
    """y = e^s x + t, with s = reach tanh(r / reach), so that no slope is above e^reach or below e^-reach."""

    numbers = 2

    def __init__(self, reach: float = 3.0) -> None:
        if not reach > 0.0:
            raise ValueError(f"reach: the greatest log-slope is above 0, not {reach}")
        self.reach = reach

    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        log_slope, shift = self._parts(raw)
        return x * log_slope.exp() + shift, log_slope

    def inverse(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        log_slope, shift = self._parts(raw)
        return (y - shift) * (-log_slope).exp(), -log_slope

    def _parts(self, raw: Tensor) -> tuple[Tensor, Tensor]:
        slope, shift = raw.unbind(-1)
        return self.reach * (slope / self.reach).tanh(), shift


class SplineElements(Elements):
    """A monotone rational-quadratic spline on [-bound, bound], and the identity outside (Durkan et al. 2019, arXiv 1906.04032).

    Within bin k, of width w and height h, let t = (x - x_k) / w, s = h / w and d_k the slope at the knot x_k. Then

        y = y_k + h (s t^2 + d_k t (1 - t)) / (s + (d_{k+1} + d_k - 2 s) t (1 - t))

    which increases, has the slopes d_k at the knots, and is inverted by the root of a quadratic. At either end the slope is 1,
    where the identity goes on.

    Arguments:
        bins: between so many knots, less one.
        bound: half the side of the square in which it bends.
    """

    least: float = 1e-2  # width and height of a bin, as shares of the side, and slope at a knot

    def __init__(self, bins: int = 8, bound: float = 5.0) -> None:
        if not 2 <= bins < 1 / self.least:
            raise ValueError(f"bins: at least 2, and fewer than {1 / self.least:g}, not {bins}")
        if not bound > 0.0:
            raise ValueError(f"bound: half the side of a square is above 0, not {bound}")
        self.bins, self.bound, self.numbers = bins, bound, 3 * bins - 1

    def forward(self, x: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        knots_x, knots_y, slopes = self._knots(raw)
        inside = x.clamp(-self.bound, self.bound)
        at = _bin(inside, knots_x, knots_y, slopes, searched=knots_x)
        t = (inside - at.x) / at.width
        numerator = at.height * (at.mean_slope * t.square() + at.slope * t * (1 - t))
        y = at.y + numerator / (at.mean_slope + at.bend * t * (1 - t))
        outside = x.abs() >= self.bound
        return torch.where(outside, x, y), at.log_slope(t).masked_fill(outside, 0.0)

    def inverse(self, y: Tensor, raw: Tensor) -> tuple[Tensor, Tensor]:
        knots_x, knots_y, slopes = self._knots(raw)
        inside = y.clamp(-self.bound, self.bound)
        at = _bin(inside, knots_x, knots_y, slopes, searched=knots_y)
        risen = inside - at.y  # a t^2 + b t + c = 0
        a = at.height * (at.mean_slope - at.slope) + risen * at.bend
        b = at.height * at.slope - risen * at.bend
        c = -at.mean_slope * risen
        t = 2 * c / (-b - (b.square() - 4 * a * c).clamp_min(0).sqrt())  # the root that does not cancel
        outside = y.abs() >= self.bound
        return torch.where(outside, y, at.x + t * at.width), -at.log_slope(t).masked_fill(outside, 0.0)

    def _knots(self, raw: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The knots' x and y, and the slopes there: (..., bins + 1) each."""
        widths, heights, slopes = raw.split([self.bins, self.bins, self.bins - 1], -1)
        at_zero = math.log(math.expm1(1.0 - self.least))  # whose softplus, with the least slope, is 1
        inner = self.least + F.softplus(slopes + at_zero)
        return self._edges(widths), self._edges(heights), F.pad(inner, (1, 1), value=1.0)

    def _edges(self, raw: Tensor) -> Tensor:
        shares = self.least + (1.0 - self.least * self.bins) * raw.softmax(-1)
        inner = shares[..., :-1].cumsum(-1)
        return self.bound * (2.0 * F.pad(F.pad(inner, (1, 0)), (0, 1), value=1.0) - 1.0)


class _Bin(NamedTuple):
    """The bin that each number lies in, (...) each: its corner, its sides, the slopes at its ends."""

    x: Tensor
    y: Tensor
    width: Tensor
    height: Tensor
    slope: Tensor
    next_slope: Tensor

    @property
    def mean_slope(self) -> Tensor:
        return self.height / self.width

    @property
    def bend(self) -> Tensor:
        return self.slope + self.next_slope - 2 * self.mean_slope

    def log_slope(self, t: Tensor) -> Tensor:
        """log dy/dx at the share t of the width."""
        s, between = self.mean_slope, t * (1 - t)
        numerator = self.next_slope * t.square() + 2 * s * between + self.slope * (1 - t).square()
        return 2 * s.log() + numerator.log() - 2 * (s + self.bend * between).log()


def _bin(value: Tensor, knots_x: Tensor, knots_y: Tensor, slopes: Tensor, searched: Tensor) -> _Bin:
    """The bin whose `searched` edges a value (...) lies between; all knots are (..., bins + 1)."""
    index = (value.unsqueeze(-1) >= searched[..., 1:-1]).sum(-1, keepdim=True)
    x, y, slope = (knots.gather(-1, index).squeeze(-1) for knots in (knots_x, knots_y, slopes))
    next_x, next_y, next_slope = (knots.gather(-1, index + 1).squeeze(-1) for knots in (knots_x, knots_y, slopes))
    return _Bin(x, y, next_x - x, next_y - y, slope, next_slope)
