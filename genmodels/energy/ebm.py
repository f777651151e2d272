"""Deep energy-based models (LeCun et al. 2006; Du and Mordatch 2019, arXiv 1903.08689).

    p(x) = p_0(x) exp(-E(x)) / Z            p_0: a plain density, where chains begin;  E: a network

    grad log p(x) in the network's weights = -grad E(x) + E_{x' ~ p} grad E(x')

The energy of data is pushed down and that of the model's own samples is pulled up, until the two cannot be told apart. The
samples are drawn by Langevin's walk, and a step of training affords few steps of it. So the chains are kept in a buffer, and
go on where they were left (Tieleman 2008); a few begin anew each time, so that the way from p_0 to the data stays open too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from genmodels.batches import checked, to_device
from genmodels.model import LogProb, Model
from genmodels.nn import ConvEncoder, FourierFeatures, mlp
from genmodels.random_streams import normal, uniform
from genmodels.sampling import langevin, score_of
from genmodels.training import Hook, Indexed, Optimizer, Update

AT_ONCE = 1024  # chains that `sample` walks together


class EnergyModel(Model):
    """An energy of images or of vectors. It is smooth, and sees each example by itself: its slope leads the chains.

    The buffer of chains is saved with the model, so that a run that was killed goes on with the same bits.

    Arguments:
        shape: of an example: (channels, height, width) in [0, 1], or (features,) of about unit variance.
        width: channels at the finest level, or units of a hidden layer.
        blocks: residual blocks at each level, of images.
        frequency: the waves within one unit of a vector that the network sees at once.
        chains: how many are kept, of which a batch moves as many as it has examples.
        restart: the share of those that begin anew.
        metropolis: whether they do so only by Metropolis' rule, with probability min(1, exp(E(x) - E(x_0))). That leaves the
            density as it is, and lets chains change modes between which no walk leads; in few dimensions, where a draw from
            p_0 may do as well as x. Else the share of a mode is that of the starts from which it is walked to.
        steps: of Langevin's walk at each step of training.
        length: steps of it for a sample. Chains of training have taken steps / restart of them on average.
        step: what the slope of log p is multiplied by.
        noise: the deviation of each jolt. None takes sqrt(2 step), with which the energy is that of a density.
        clip: no number of the slope counts for more than this.
        blur: the deviation of noise on the data, which keeps the energy from becoming a spike around each example.
        penalty: the weight of the mean of E^2, of data and of samples, which keeps energies near zero.
        lr: falling to nothing.
    """

    cannot: ClassVar[dict[str, str]] = {"encode": "an energy has no latents"}
    replay: Tensor

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        width: int = 32,
        blocks: int = 0,
        frequency: float = 0.5,
        chains: int = 4096,
        restart: float = 0.1,
        metropolis: bool = False,
        steps: int = 20,
        length: int = 200,
        step: float = 5.0,
        noise: float | None = 0.005,
        clip: float | None = 0.03,
        blur: float = 0.005,
        penalty: float = 0.1,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        if chains < 1:
            raise ValueError(f"chains are at least 1, not {chains}")
        if not 0.0 <= restart <= 1.0:
            raise ValueError(f"restart is a share in [0, 1], not {restart}")
        if steps < 1 or length < 1:
            raise ValueError(f"steps and length are at least 1, not {steps} and {length}")
        self.shape, self.images = tuple(shape), len(shape) == 3
        self.restart, self.metropolis, self.steps, self.length = restart, metropolis, steps, length
        self.step, self.noise, self.clip = step, math.sqrt(2.0 * step) if noise is None else noise, clip
        self.blur, self.penalty, self.lr = blur, penalty, lr
        self.net = ConvEncoder(shape, 1, width, blocks) if self.images else _plane_energy(shape[0], width, frequency)
        self.register_buffer("replay", self._starts(chains))

    # ---- the density

    def energy(self, x: Tensor) -> Tensor:
        """E(x): (B, *shape) -> (B,)."""
        return self.net(x).squeeze(1).float()

    def log_f(self, x: Tensor) -> Tensor:
        """log p_0(x) - E(x) = log p(x) + log Z: (B,). p_0 is uniform in the cube of images, and standard normal for vectors."""
        if self.images:
            return -self.energy(x)
        return -self.energy(x) - 0.5 * (x.square() + math.log(2.0 * math.pi)).sum(1)

    @torch.no_grad()
    def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        """log p(x) + log Z of each example; Z is not known."""
        return LogProb(self.log_f(self._examples(x)), "unnormalised")

    def validation(self, held: Indexed, batch_size: int) -> Hook | None:
        """None: Z moves in training, so that what is not normalised does not tell the better of two checkpoints."""
        return None

    # ---- samples

    def walk(
        self,
        x: Tensor,
        steps: int,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        way: list[Tensor] | None = None,
    ) -> Tensor:
        """Where chains that begin at x (B, *shape) are after so many steps; see `langevin`."""
        within = (0.0, 1.0) if self.images else None
        noise = math.sqrt(temperature) * self.noise
        return langevin(score_of(self.log_f), x, steps, self.step, noise, self.clip, within, generator, way)

    def sample(
        self, n: int, *, cond: Tensor | None = None, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n examples, (n, *shape), each at the end of a chain of `length` steps that begins in p_0."""
        if cond is not None:
            raise ValueError("this EnergyModel is not conditional: leave cond out")
        starts = self._starts(n, generator).split(AT_ONCE)
        return torch.cat([self.walk(start, self.length, temperature, generator) for start in starts])

    def _starts(self, n: int, generator: torch.Generator | None = None) -> Tensor:
        """n draws from p_0."""
        device = next(self.net.parameters()).device
        return (uniform if self.images else normal)((n, *self.shape), device, generator)

    # ---- training

    def loss(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """E(data) - E(samples), whose gradient is that of minus the log-likelihood, and a penalty on large energies."""
        real = self._examples(x)
        fake = self._continued(len(real))
        energies = self.energy(torch.cat([real + self.blur * torch.randn_like(real), fake]))
        low, high = energies[: len(real)], energies[len(real) :]
        difference = low.mean() - high.mean()
        large = low.square().mean() + high.square().mean()
        return difference + self.penalty * large, {"difference": difference, "energy": low.mean()}

    def _continued(self, n: int) -> Tensor:
        """Some chains of the buffer, as many as n where there are as many, a few steps on; a few of them begin anew."""
        rows = torch.randperm(len(self.replay), device=self.replay.device)[:n]
        left, fresh = self.replay[rows], self._starts(len(rows))
        anew = torch.rand(len(rows), device=rows.device) < self.restart
        if self.metropolis:
            with torch.no_grad():
                anew &= torch.rand(len(rows), device=rows.device).log() < self.energy(left) - self.energy(fresh)
        start = torch.where(anew.view(-1, *[1] * len(self.shape)), fresh, left)
        end = self.walk(start, self.steps)
        if self.training:  # a look at held-out examples leaves the chains where they are
            self.replay[rows] = end
        return end

    def updates(self) -> list[Update]:
        """One objective: the loss, for the network."""
        optimizer = Optimizer(lr=self.lr, betas=(0.0, 0.999), warmup=100, decay="linear")
        return [Update("energy", self.loss, self.net.parameters(), optimizer, clip=1.0, ema=0.999)]

    def _examples(self, x: Tensor) -> Tensor:
        return to_device(checked(x, self.shape, "EnergyModel"), self.device)


def _plane_energy(features: int, width: int, frequency: float) -> nn.Module:
    """A network of vectors that sees fine detail."""
    seen = FourierFeatures(features, frequency=frequency)
    return nn.Sequential(seen, mlp((seen.out_features, width, width, 1)))
