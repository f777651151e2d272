"""The unit interval as the line, which gives its ends room (Dinh et al. 2017, arXiv 1605.08803, section 4.1)."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F

from genmodels.distributions.bijectors.bijector import Bijector, no_stretch


class Logit(Bijector):
    """y = log v - log(1 - v), with v = margin + (1 - 2 margin) x, for each number x in [0, 1] of an example (...).

    Near the ends it stretches by about 1 / margin, in the middle by about 4: of an image whose pixels are mostly black, the
    black ones do not remain a line that is a hundredth as wide as what they are told from.

    >>> import torch
    >>> Logit(margin=0.1)(torch.tensor([[0.0, 0.5, 1.0]]))[0]
    tensor([[-2.1972,  0.0000,  2.1972]])
    """

    def __init__(self, margin: float) -> None:
        super().__init__()
        if not 0.0 < margin < 0.5:
            raise ValueError(f"margin: between 0, where an end lies at infinity, and 0.5, where nothing is left, not {margin}")
        self.margin = margin

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        y = (self.margin + (1.0 - 2.0 * self.margin) * x).logit()
        return y, self._log_det(y)

    def inverse(self, y: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        return (y.sigmoid() - self.margin) / (1.0 - 2.0 * self.margin), -self._log_det(y)

    def _log_det(self, y: Tensor) -> Tensor:
        """log dy/dx = log (1 - 2 margin) - log v - log(1 - v), and v is the sigmoid of y."""
        log_slopes = math.log(1.0 - 2.0 * self.margin) - F.logsigmoid(y) - F.logsigmoid(-y)
        return no_stretch(y) + log_slopes.flatten(1).sum(1)
