"""M's step, for dreams: what `memory.predict(z, act, state)` says and `sample` draws, in place, on weights laid out for it.

    x = [h, 1, z, act], a dream to a column     G x -> gates -> h', c'     M x' -> mixtures -> z'     R x' -> reward, end

There is one product for all gates, one for all mixtures and one for both heads, each with its biases in the column of the 1,
and of as much of x as it needs: mixtures are read off [h', 1], heads off [h', 1, z']. As each dream is a column, what is done
to one gate or one component of all dreams is done to one stretch of memory; and to a block of dreams at a time, so that it
stays in the cache. Of the mixtures only the components that were chosen are gone on with.

In "fp32" the numbers are those of the model, but for the order of sums. In "bf16" factors and results of these products are
rounded to eight bits; what is carried from step to step, exponentials, draws, ends and rewards are in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, silu

from genmodels import compiled
from genmodels.dynamics.mdn_rnn import MDNRNN, State
from genmodels.dynamics.prediction import Outcome
from genmodels.model import DynamicsModel
from genmodels.precision import checked_precision, multiplied_at_once
from genmodels.sampling.counter_noise import gaussian

BLOCK = 1024  # dreams whose gates stay in the cache

Layers = list[tuple[Tensor, Tensor]]  # weights (out, in) and biases (out, 1), to be multiplied with columns


@dataclass(frozen=True)
class Layout:
    """M's weights as they are multiplied with x."""

    sizes: tuple[int, ...]
    """of h, the 1, z, act and restart in x"""
    gates: Tensor
    """(4 H, X) halved where a sigmoid follows: sigmoid(x) = (1 + tanh(x / 2)) / 2, and tanh is twice as fast"""
    mixtures: Tensor
    """(3 K Z, H + 1), as all of these with zeros up to what a processor multiplies at once"""
    heads: tuple[Tensor, Tensor]
    """(rows, H + 1 + Z) the first layers of the reward's head and of the end's: no rows for what is not there"""
    later: tuple[Layers, Layers]
    """their other layers"""

    @classmethod
    @torch.no_grad()
    def of(cls, memory: MDNRNN, kind: torch.dtype) -> Layout:
        """What M's weights are now."""
        sizes = (memory.hidden_size, 1, memory.latent_size, memory.action_size, int(memory.restart))
        at_once = multiplied_at_once()

        def on_x(of_h: Tensor, bias: Tensor, *others: Tensor) -> Tensor:
            """The weights of a layer that reads x from h on."""
            laid = torch.cat([of_h, bias[:, None], *others], 1)
            return pad(laid, (0, -laid.shape[1] % at_once)).to(kind)

        w, u, b, d = (getattr(memory.lstm, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        halves = torch.tensor([0.5, 0.5, 1.0, 0.5]).repeat_interleave(memory.hidden_size)
        gates = on_x(halves[:, None] * u, halves * (b + d), halves[:, None] * w)
        mixture = memory.mixture.linear
        reward, end = (
            [layer for layer in head.modules() if isinstance(layer, nn.Linear)] if head is not None else []
            for head in (memory.heads.of_reward, memory.heads.of_end)
        )
        seen = memory.hidden_size
        heads, widest = [], max((layers[0].in_features for layers in (reward, end) if layers), default=seen)
        for layers in (reward, end):
            weight, bias = (layers[0].weight, layers[0].bias) if layers else (w.new_empty(0, widest), w.new_empty(0))
            heads.append(on_x(weight[:, :seen], bias, weight[:, seen:], w.new_zeros(len(weight), widest - weight.shape[1])))
        later = [[_by_columns(layer) for layer in layers[1:]] for layers in (reward, end)]
        return cls(sizes, gates, on_x(mixture.weight, mixture.bias), (heads[0], heads[1]), (later[0], later[1]))

    def x(self, slots: int) -> Tensor:
        """(X, slots) nothing yet, and the 1."""
        x = self.gates.new_zeros(self.gates.shape[1], slots)
        x[self.sizes[0]] = 1.0
        return x

    def parts(self, x: Tensor) -> list[Tensor]:
        """h, z, act and restart in x, whose other rows stay as they are."""
        h, _, *told = x[: sum(self.sizes)].split(self.sizes)
        return [h, *told]


class Columns(NamedTuple):
    """What a step takes and what it makes, (rows, dreams)."""

    z: Tensor
    act: Tensor
    restart: Tensor
    h: Tensor
    c: Tensor
    noise: Tensor
    after: Tensor
    read: Tensor


class QuickSteps:
    """The steps of N dreams of one memory, which must not be trained meanwhile.

    States are (N, H) as the model's, and quickest as transposed views of (H, N).

    Arguments:
        memory: M.
        slots: N.
        precision: "fp32", or "bf16" for the factors of products.
    """

    def __init__(self, memory: MDNRNN, slots: int, precision: str = "fp32") -> None:
        self.memory, self.precision = memory, checked_precision(precision)
        kind, block = torch.bfloat16 if precision == "bf16" else torch.float32, min(slots, BLOCK)
        self.layout = Layout.of(memory, kind)
        self.heads = torch.cat(self.layout.heads)
        self.floor = torch.tensor(memory.mixture.floor).log()
        self.x, rows = self.layout.x(block), max(len(of) for of in (self.layout.gates, self.layout.mixtures, self.heads))
        self.products, self.sums = torch.empty(rows, block, dtype=kind), torch.empty(rows, block)

    def __call__(self, z: Tensor, act: Tensor, state: State, noise: Tensor, temperature: float = 1.0) -> tuple[Outcome, State]:
        """The next moment that this noise makes, see `Prediction.sample`, and the state after it: the one given, changed."""
        after, read = torch.empty(z.shape[1], len(z)), torch.zeros(2, len(z))
        columns = (z.t(), act.t(), state.restart[None], state.h.t(), state.c.t(), noise.t(), after, read)
        for block in zip(*(part.split(BLOCK, 1) for part in columns), strict=True):
            self._advance(Columns(*block), temperature)
        state.restart.zero_()
        return Outcome(after.t(), *read), state

    def _advance(self, dreams: Columns, temperature: float) -> None:
        """A step of a block of dreams: h and c in place, z' to `after`, reward and end to `read`."""
        z, h = dreams.z, dreams.h
        x = self.x[:, : z.shape[1]]
        self._fill(x, h, z, dreams.act, dreams.restart)
        self._step(self._product(self.layout.gates, x), h, dreams.c)
        self._fill(x, h)
        drawn = self._draw(self._product(self.layout.mixtures, x), dreams.noise, temperature)
        torch.add(drawn, z, alpha=int(self.memory.residual), out=dreams.after)
        self._fill(x, h, dreams.after)
        self._read(self._product(self.heads, x), dreams.read)

    def _fill(self, x: Tensor, *parts: Tensor) -> None:
        """Put [h, z, act, restart], or as much of it as is given, into x."""
        for place, part in zip(self.layout.parts(x), parts, strict=False):
            place.copy_(part[: len(place)])

    def _step(self, gates: Tensor, h: Tensor, c: Tensor) -> None:
        """The LSTM's equations, on its gates before they are squashed, those of sigmoids halved; h and c (H, N) in place."""
        i, f, g, o = gates.tanh_().chunk(4)
        c.addcmul_(f, c).add_(g).addcmul_(i, g).mul_(0.5)
        torch.tanh(c, out=h)
        h.addcmul_(o, h).mul_(0.5)

    def _draw(self, raw: Tensor, noise: Tensor, temperature: float) -> Tensor:
        """A draw from each mixture, (Z, N): its parameters (3 K Z, N) as `MixtureHead` orders them, noise (2 Z, N)."""
        logits, mean, log_sd = raw.view(*self.memory.mixture.sizes, -1)
        choose, point = noise.chunk(2)
        weight = logits.sub_(logits.amax(0)).div_(temperature).exp_()
        for k in range(1, len(weight)):
            weight[k] += weight[k - 1]  # not normalised: `choose` is scaled
        chosen = choose * weight[-1]
        of_mean, of_log_sd, left = torch.zeros_like(chosen), torch.zeros_like(chosen), torch.ones_like(chosen)
        for k in range(len(weight)):  # a sum with a single 1 among its factors is exact, and quicker than a choice
            passed = torch.gt(chosen, weight[k], out=weight[k])
            one = left.sub_(passed)
            of_mean.addcmul_(one, mean[k])
            of_log_sd.addcmul_(one, log_sd[k])
            left = passed
        if self.floor > -math.inf:
            of_log_sd = torch.logaddexp(of_log_sd, self.floor)
        return of_mean.addcmul_(of_log_sd.add_(0.5 * math.log(temperature)).exp_(), gaussian(point))

    def _read(self, sums: Tensor, read: Tensor) -> None:
        """The numbers of both heads (2, N), from the sums in their first layers."""
        halves = sums.split([len(first) for first in self.layout.heads])
        for said, y, layers in zip(read, halves, self.layout.later, strict=True):
            for weight, bias in layers:
                y = torch.addmm(bias, weight, silu(y, inplace=True))
            if len(y):
                said.copy_(y[0])
        reward, end = read
        reward.mul_(self.memory.reward_scale)
        if self.memory.predicts_end:
            end.sigmoid_()

    def _product(self, weight: Tensor, x: Tensor) -> Tensor:
        """W x, of as much of x as W has columns for, in float32."""
        x = x[: weight.shape[1]]
        sums, products = (room[: len(weight), : x.shape[1]] for room in (self.sums, self.products))
        if self.precision == "bf16":
            return sums.copy_(torch.mm(weight, x, out=products))
        return torch.mm(weight, x, out=sums)


def steps_of(memory: DynamicsModel, slots: int, precision: str = "fp32") -> Callable[..., tuple[Outcome, Any]]:
    """What takes N dreams of a memory one step on: (z, act, state, noise, temperature) -> the outcome and the state after it.

    The state that is given may be changed by it. In bf16 they are the quicker ones of `FusedSteps`, where Numba is installed. A
    memory that has no quick steps takes its own, and in bf16 those under autocast.
    """
    checked_precision(precision)
    if isinstance(memory, MDNRNN) and type(memory).predict is MDNRNN.predict and not memory.deep:
        if precision == "bf16" and compiled.available():
            from genmodels.dynamics.fused_steps import FusedSteps

            return FusedSteps(memory, slots)
        return QuickSteps(memory, slots, precision)

    def step(z: Tensor, act: Tensor, state: Any, noise: Tensor, temperature: float = 1.0) -> tuple[Outcome, Any]:
        with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
            prediction, after = memory.predict(z, act, state)
        return prediction.sample(noise, temperature), after

    return step


def _by_columns(layer: nn.Linear) -> tuple[Tensor, Tensor]:
    """A layer for columns: weights, and biases as a column."""
    return layer.weight.detach(), layer.bias.detach()[:, None]
