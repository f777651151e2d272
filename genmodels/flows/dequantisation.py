"""Whole numbers as points: a density of points is a bound of the probability of an image.

    v = (level + u) / levels,    u in [0, 1) for each pixel, from q(u | x)

    log P(x) >= E_q [log p(v) - D log levels - log q(u | x)]

With u uniform (Theis et al. 2016, arXiv 1511.01844) q is 1, and the flow has to make the flat top of every level. Where q is
learned with the flow (Ho et al. 2019, arXiv 1902.00275) it lays the noise as the flow likes it. With k draws the bound tightens
as that of an autoencoder does.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.distributions import DiagonalGaussian
from genmodels.flows.conditioners import Convolutional
from genmodels.random_streams import normal, uniform


class Dequantisation(nn.Module, ABC):
    """q(u | x), the noise that fills the levels."""

    @abstractmethod
    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        """A draw of u in [0, 1), and log q(u | x), for images x in [0, 1]: (B, C, H, W), (B,)."""


class UniformDequantisation(Dequantisation):
    """u ~ U(0, 1)."""

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        return uniform(x.shape, x.device, generator), torch.zeros(len(x), device=x.device)


class VariationalDequantisation(Dequantisation):
    """u = sigmoid(mean(x) + sd(x) e), e ~ N(0, 1): each pixel by itself, given the whole image.

    It starts with the deviation 1.6, with which u is all but uniform.

    Arguments:
        shape: of an image.
        width: channels of the network of mean and deviation.
    """

    def __init__(self, shape: Sequence[int], width: int) -> None:
        super().__init__()
        channels, height, breadth = shape
        self.network = Convolutional(channels, 2 * channels, width, (height, breadth))

    def forward(self, x: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
        mean, log_sd = self.network(x - 0.5).float().chunk(2, dim=1)
        q = DiagonalGaussian(mean, 0.47 + 2.0 * (log_sd / 2.0).tanh())
        noise = normal(x.shape, x.device, generator)
        logit = q.mean + q.sd * noise
        log_slope = F.logsigmoid(logit) + F.logsigmoid(-logit)  # of the sigmoid
        return logit.sigmoid(), q.log_prob(logit) - log_slope.flatten(1).sum(1)
