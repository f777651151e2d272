"""What a network is asked for, and what image and noise follow from its answer. x = signal x_0 + noise eps.

    eps     the noise                          x_0 = (x - noise eps) / signal
    x0      the image                          eps = (x - signal x_0) / noise
    v       signal eps - noise x_0             x_0 = signal x - noise v,  eps = noise x + signal v      (Salimans and Ho 2022)

All three are the same question. Their errors are not: that of x_0 from eps is large where there is hardly any signal, that of
eps from x_0 where there is hardly any noise; v is of one size everywhere.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

from torch import Tensor

PredictionName = Literal["eps", "x0", "v"]


class Prediction(NamedTuple):
    """One of the three: what is to be answered, and what an answer means; signal and noise are broadcast to the images."""

    target: Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]
    """x_0, eps, signal, noise to the right answer"""
    parts: Callable[[Tensor, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]
    """x, answer, signal, noise to (x_0, eps)"""


PREDICTIONS: dict[PredictionName, Prediction] = {
    "eps": Prediction(
        lambda x0, eps, signal, noise: eps,
        lambda x, answer, signal, noise: ((x - noise * answer) / signal, answer),
    ),
    "x0": Prediction(
        lambda x0, eps, signal, noise: x0,
        lambda x, answer, signal, noise: (answer, (x - signal * answer) / noise),
    ),
    "v": Prediction(
        lambda x0, eps, signal, noise: signal * eps - noise * x0,
        lambda x, answer, signal, noise: (signal * x - noise * answer, noise * x + signal * answer),
    ),
}
