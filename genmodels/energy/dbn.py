"""The deep belief network (Hinton, Osindero and Teh 2006): Boltzmann machines, one above the other.

    p(v, h_1, ..., h_L) = p(v | h_1) ... p(h_{L-2} | h_{L-1}) p(h_{L-1}, h_L)          the last factor is an RBM

Each machine learns the density of the bits that the one below has drawn for the data, which raises a bound of log p(v) if it
does better than what the one below implies. It is drawn from the top down: Gibbs sampling in the topmost machine, then one
pass through those below.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

from genmodels.batches import checked, to_device
from genmodels.energy.rbm import RBM, draw
from genmodels.model import Model
from genmodels.training import Update


class DBN(Model):
    """A stack of RBMs, each an objective of its own.

    Greedily, from the bottom up, as in the paper:

        dbn = DBN(shape=(1, 28, 28), hidden=(500, 500))
        for layer, update in enumerate(dbn.updates()):
            fit(dbn, [update], batches, minutes=5, folder=f"my/dbn/{layer}")

    and all at once by `dbn.fit(data)`, where the upper ones follow the lower ones while these still move; no gradient passes
    from one to another in either way.

    Arguments:
        shape: of an example of bits: (features,) or (channels, height, width).
        hidden: bits of each layer above the visible one.
        k, chains, length, lr: as of `RBM`, for each.
    """

    cannot: ClassVar[dict[str, str]] = {
        "log_prob": "a sum over all bits of all layers: only the machine at the bottom, an RBM, has its free energy",
        "encode": "its hidden bits are drawn by up(v), and are no distribution over z",
    }

    def __init__(
        self,
        shape: Sequence[int] = (1, 28, 28),
        hidden: Sequence[int] = (500, 500),
        k: int = 1,
        chains: int = 128,
        length: int = 1000,
        lr: float = 1e-3,
    ) -> None:
        super().__init__()
        if len(hidden) < 2:
            raise ValueError(f"hidden: a stack has two layers of hidden bits or more, not {tuple(hidden)}; one is an RBM")
        self.shape = tuple(shape)
        sizes = (math.prod(shape), *hidden)
        self.layers = nn.ModuleList(RBM((below,), above, k, chains, length, lr) for below, above in itertools.pairwise(sizes))

    @property
    def machines(self) -> list[RBM]:
        """From the bottom up."""
        return [layer for layer in self.layers if isinstance(layer, RBM)]

    @torch.no_grad()
    def up(self, v: Tensor, layers: int, generator: torch.Generator | None = None) -> Tensor:
        """Bits drawn so many layers above visible ones (B, *shape); those themselves for 0."""
        bits = to_device(checked(v, self.shape, "DBN"), self.device).flatten(1)
        for machine in self.machines[:layers]:
            bits = draw(machine.hidden(bits), generator)
        return bits

    @torch.no_grad()
    def sample(
        self, n: int, *, cond: Tensor | None = None, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n examples of bits (n, *shape), from Gibbs sampling in the topmost machine at a temperature, and one pass down."""
        if cond is not None:
            raise ValueError("this DBN is not conditional: leave cond out")
        *below, top = self.machines
        bits = top.sample(n, temperature=temperature, generator=generator)
        for machine in reversed(below):
            bits = draw(machine.visible(bits), generator)
        return bits.view(n, *self.shape)

    def layer_loss(self, layer: int, v: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss of one machine, of what the ones below draw for visible bits (B, *shape)."""
        return self.machines[layer].loss(self.up(v, layer))

    def updates(self) -> list[Update]:
        """One objective for each machine, from the bottom up."""
        each = [(layer, machine, machine.updates()[0].optimizer) for layer, machine in enumerate(self.machines)]
        return [Update(f"rbm-{i}", partial(self.layer_loss, i), machine.parameters(), how) for i, machine, how in each]
