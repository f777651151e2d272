"""The restricted Boltzmann machine (Smolensky 1986; Hinton 2002).

    p(v, h) = exp(a v + c h + v W h) / Z                     bits v that are seen, bits h that are not
    p(v)    = exp(-F(v)) / Z,    F(v) = -a v - sum_j log(1 + exp(c_j + (v W)_j))            the free energy

Given one layer, the bits of the other are independent, so that both are drawn at once: Gibbs sampling. The gradient of the
log-likelihood is -grad F at the data less its mean over the model, in place of which stand the ends of chains of k steps.

    CD-k     chains begin at the data (contrastive divergence, Hinton 2002): quick, and blind to what lies far from the data
    PCD-k    chains go on from where the last step left them (Tieleman 2008): in the end, samples of the model
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmodels.batches import checked, to_device
from genmodels.data_parallel import by_one_process
from genmodels.model import LogProb, Model
from genmodels.random_streams import uniform
from genmodels.training import Hook, Indexed, Optimizer, Update

ENUMERABLE = 16  # bits of which all states are gone through: 65,536


class RBM(Model):
    """Visible bits that are tied together by hidden ones.

    Of numbers between 0 and 1, as grey levels are, the probabilities of bits are meant.

    Arguments:
        shape: of an example of bits: (features,) or (channels, height, width).
        hidden: how many bits are hidden.
        k: steps of Gibbs sampling at each step of training.
        chains: how many go on from step to step, in a buffer that is saved with the model: PCD. With 0 they begin at the data
            of each batch: CD.
        length: steps of Gibbs sampling for a sample.
        lr: falling to nothing.
    """

    cannot: ClassVar[dict[str, str]] = {"encode": "its hidden bits are drawn from hidden(v), and are no distribution over z"}
    replay: Tensor | None
    prepared: Tensor

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        hidden: int = 500,
        k: int = 1,
        chains: int = 128,
        length: int = 1000,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        if hidden < 1 or k < 1 or length < 1:
            raise ValueError(f"hidden, k and length are at least 1, not {hidden}, {k} and {length}")
        if chains < 0:
            raise ValueError(f"chains are 0 or more, not {chains}")
        self.shape, self.k, self.length, self.lr = tuple(shape), k, length, lr
        self.weights = nn.Parameter(0.01 * torch.randn(math.prod(shape), hidden))
        self.a = nn.Parameter(torch.zeros(math.prod(shape)))
        self.c = nn.Parameter(torch.zeros(hidden))
        self.register_buffer("replay", torch.rand(chains, len(self.a)).round() if chains else None)
        self.register_buffer("prepared", torch.zeros((), dtype=torch.bool))

    # ---- the density

    def free_energy(self, v: Tensor) -> Tensor:
        """F(v): (B, *shape) -> (B,)."""
        return -self.log_f(self._bits(v))

    def log_f(self, v: Tensor, beta: float = 1.0) -> Tensor:
        """-F of bits (B, V), where W and c are multiplied by beta: (B,).

        At 0 the visible bits are independent coins, from which the way to the model is gone in annealed importance sampling.
        """
        with torch.autocast(v.device.type, enabled=False):
            return v @ self.a + F.softplus(beta * (v @ self.weights + self.c)).sum(1)

    def log_z(self) -> Tensor:
        """log Z, summed over all states of the smaller layer, in double precision; differentiable."""
        a, c, weights = self.a.double(), self.c.double(), self.weights.double()
        if len(c) > len(a):
            a, c, weights = c, a, weights.T
        if len(c) > ENUMERABLE:
            raise ValueError(f"layers of {len(a)} and {len(c)} bits: log Z is summed where one has at most {ENUMERABLE}")
        states = all_states(len(c)).to(c)
        parts = [h @ c + F.softplus(a + h @ weights.T).sum(1) for h in states.split(4096)]
        return torch.cat(parts).logsumexp(0)

    def log_z_of_coins(self) -> float:
        """log Z at beta = 0."""
        return len(self.c) * math.log(2.0) + F.softplus(self.a.detach().double()).sum().item()

    @torch.no_grad()
    def log_prob(self, v: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        """log p(v), where one layer is small enough for `log_z`; else log p(v) + log Z."""
        log_f = self.log_f(self._bits(v))
        if not self.enumerable:
            return LogProb(log_f, "unnormalised")
        return LogProb((log_f.double() - self.log_z()).float(), "exact")

    @property
    def enumerable(self) -> bool:
        """Whether all states of one layer can be gone through."""
        return min(len(self.a), len(self.c)) <= ENUMERABLE

    def validation(self, held: Indexed, batch_size: int) -> Hook | None:
        """None where log Z is unknown: it moves in training, so that what is left does not tell the better checkpoint."""
        return super().validation(held, batch_size) if self.enumerable else None

    # ---- samples

    def hidden(self, v: Tensor, beta: float = 1.0) -> Tensor:
        """The probability of each hidden bit, given visible ones: (B, V) -> (B, H)."""
        return torch.sigmoid(beta * (v @ self.weights + self.c))

    def visible(self, h: Tensor, beta: float = 1.0) -> Tensor:
        """The probability of each visible bit, given hidden ones: (B, H) -> (B, V)."""
        return torch.sigmoid(self.a + beta * (h @ self.weights.T))

    @torch.no_grad()
    def gibbs(self, v: Tensor, beta: float = 1.0, generator: torch.Generator | None = None) -> Tensor:
        """One step: hidden bits are drawn given visible ones (B, V), and visible ones given them."""
        return draw(self.visible(draw(self.hidden(v, beta), generator), beta), generator)

    @torch.no_grad()
    def coins(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n draws at beta = 0, (n, V)."""
        return draw(self.a.sigmoid().expand(n, -1), generator)

    @torch.no_grad()
    def sample(
        self, n: int, *, cond: Tensor | None = None, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n examples of bits (n, *shape), each at the end of a chain of `length` steps that begins with coins.

        At a temperature both layers together are of p(v, h)^(1 / temperature).
        """
        if cond is not None:
            raise ValueError("this RBM is not conditional: leave cond out")
        v = self.coins(n, generator)
        for _ in range(self.length):
            h = draw(_tempered(self.hidden(v), temperature), generator)
            v = draw(_tempered(self.visible(h), temperature), generator)
        return v.view(n, *self.shape)

    # ---- training

    def loss(self, v: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """F(data) - F(ends of chains), whose gradient is that of minus the log-likelihood if the chains have mixed."""
        data = self._bits(v)
        return self.divergence(data)

    @torch.no_grad()
    def prepare(self, data: Tensor) -> None:
        """Begin as a model of independent bits, as frequent as in a first batch (B, V); so do the chains.

        With a = 0 the hidden bits learn also what is always so, and beside the data the model keeps a place where all are off
        and every pixel is a coin: chains that began elsewhere stay away from it, and those of AIS never leave it.
        """
        if self.training and not self.prepared:
            by_one_process("an RBM is prepared")
            self.a.copy_(torch.logit((data.sum(0) + 0.5) / (len(data) + 1)))
            if self.replay is not None:
                self.replay.copy_(self.coins(len(self.replay)))
            self.prepared.fill_(True)

    def divergence(self, data: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of bits, or of their probabilities, (B, V)."""
        self.prepare(data)
        ends = self._ends(data)
        low, high = -self.log_f(data).mean(), -self.log_f(ends).mean()
        return low - high, {"free_energy": low}

    @torch.no_grad()
    def _ends(self, data: Tensor) -> Tensor:
        """Bits after k steps, from the data or from where the chains were left."""
        v = draw(data) if self.replay is None else self.replay
        for _ in range(self.k):
            v = self.gibbs(v)
        if self.replay is not None and self.training:  # a look at held-out examples leaves the chains where they are
            self.replay.copy_(v)
        return v

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters."""
        return [Update("rbm", self.loss, self.parameters(), Optimizer(lr=self.lr, warmup=100, decay="linear"))]

    def _bits(self, v: Tensor) -> Tensor:
        return to_device(checked(v, self.shape, "RBM"), self.device).flatten(1)


def draw(probability: Tensor, generator: torch.Generator | None = None) -> Tensor:
    """Bits, each one with its probability."""
    return (uniform(probability.shape, probability.device, generator) < probability).float()


def all_states(bits: int) -> Tensor:
    """Every state of a few bits: (2^bits, bits).

    >>> all_states(2).tolist()
    [[0, 0], [1, 0], [0, 1], [1, 1]]
    """
    return (torch.arange(1 << bits)[:, None] >> torch.arange(bits)) & 1


def _tempered(probability: Tensor, temperature: float) -> Tensor:
    return torch.sigmoid(torch.logit(probability) / temperature)
