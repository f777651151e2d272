"""M's step, for dreams: what `memory.predict(z, act, state)` says and `sample` draws, in place, on weights laid out for it.

    [z, act, h] -> one product -> gates -> h', c'        h' -> one product -> mixtures -> z'        [h', z'] -> reward, end

Of the mixtures only the components that were chosen are gone on with. In "fp32" the numbers are those of the model, but for the
order of sums. In "bf16" the factors of matrix products are rounded to eight bits, and the gates' and mixtures' sums; what is
carried from step to step, exponentials, draws and rewards are in float32.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, silu

from genmodels.dynamics.mdn_rnn import MDNRNN, State
from genmodels.dynamics.prediction import Outcome
from genmodels.model import DynamicsModel
from genmodels.sampling.counter_noise import gaussian


class QuickSteps:
    """The steps of N dreams of one memory, which must not be trained meanwhile.

    Arguments:
        memory: M.
        slots: N.
        precision: "fp32", or "bf16" for the factors of products.
    """

    def __init__(self, memory: MDNRNN, slots: int, precision: str = "fp32") -> None:
        self.memory, self.kind = memory, torch.bfloat16 if precision == "bf16" else torch.float32
        hidden, latent, actions = memory.hidden_size, memory.latent_size, memory.action_size
        w, u, b, d = (getattr(memory.lstm, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        halves = torch.full((4, hidden), 0.5)
        halves[2] = 1.0  # sigmoid(x) = (1 + tanh(x / 2)) / 2, and tanh is twice as fast
        halves = halves.flatten()
        self.of_gates = self._layer(halves[:, None] * torch.cat([u, w], 1), halves * (b + d))
        mixture = memory.mixture
        self.of_mixture = self._layer(mixture.linear.weight, mixture.linear.bias)
        self.of_reward, self.of_end = (self._layers(head) for head in (memory.heads.of_reward, memory.heads.of_end))
        self.floor = torch.tensor(mixture.log_floor)
        self.seen = torch.empty(slots, hidden + latent + actions + memory.restart, dtype=self.kind)  # [h, z, act]
        sizes = [hidden, latent, actions, 1][: 3 + memory.restart]
        self.h, self.z, *self.rest = self.seen.split(sizes, 1)
        self.gates, self.mixture = (torch.empty(slots, len(bias)) for _, bias in (self.of_gates, self.of_mixture))

    def __call__(self, z: Tensor, act: Tensor, state: State, noise: Tensor, temperature: float = 1.0) -> tuple[Outcome, State]:
        """The next moment that this noise makes, see `Prediction.sample`, and the state after it: the one given, changed."""
        self.h.copy_(state.h)
        self.z.copy_(z)
        for place, part in zip(self.rest, (act, state.restart[:, None]), strict=False):
            place.copy_(part)
        self._step(self._product(self.seen, self.of_gates, self.gates), state)
        self.h.copy_(state.h)
        drawn = self._draw(self._product(self.h, self.of_mixture, self.mixture), noise, temperature)
        z = z + drawn if self.memory.residual else drawn
        self.z.copy_(z)
        nothing = torch.zeros(len(z))
        reward = nothing if self.of_reward is None else self.memory.reward_scale * self._read(self.of_reward)
        return Outcome(z, reward, nothing if self.of_end is None else self._read(self.of_end).sigmoid()), state

    def _step(self, gates: Tensor, state: State) -> None:
        """The LSTM's equations, on its gates before they are squashed, those of sigmoids halved."""
        i, f, g, o = gates.tanh_().chunk(4, 1)
        state.c.addcmul_(f, state.c).add_(g).addcmul_(i, g).mul_(0.5)
        torch.tanh(state.c, out=state.h)
        state.h.addcmul_(o, state.h).mul_(0.5)
        state.restart.zero_()

    def _draw(self, raw: Tensor, noise: Tensor, temperature: float) -> Tensor:
        """A draw from each mixture: its parameters (N, 3 K Z) as `MixtureHead` orders them, noise (N, 2 Z)."""
        logits, mean, log_sd = raw.view(len(raw), *self.memory.mixture.sizes).unbind(1)
        choose, point = noise.chunk(2, -1)
        weight = logits.sub_(logits.amax(1, keepdim=True)).div_(temperature).exp_()
        for k in range(1, weight.shape[1]):
            weight[:, k] += weight[:, k - 1]  # not normalised: `choose` is scaled
        chosen = choose * weight[:, -1]
        of_mean, of_log_sd, left = torch.zeros_like(choose), torch.zeros_like(choose), torch.ones_like(choose)
        for k in range(weight.shape[1]):  # a sum with a single 1 among its factors is exact, and quicker than a gather
            passed = (chosen > weight[:, k]).float()
            one = left - passed
            of_mean.addcmul_(one, mean[:, k])
            of_log_sd.addcmul_(one, log_sd[:, k])
            left = passed
        if self.floor > -math.inf:
            of_log_sd = torch.logaddexp(of_log_sd, self.floor)
        return torch.addcmul(of_mean, of_log_sd.add(0.5 * math.log(temperature)).exp_(), gaussian(point))

    def _read(self, layers: list[tuple[Tensor, Tensor]]) -> Tensor:
        """A head's number of each dream, (N,)."""
        *hidden, (weight, bias) = layers
        x = self.seen[:, : layers[0][0].shape[1]]
        for layer in hidden:
            x = silu(linear(x, *layer))
        return linear(x.float(), weight.float(), bias.float()).squeeze(1)

    def _product(self, x: Tensor, layer: tuple[Tensor, Tensor], out: Tensor) -> Tensor:
        """W x + b, in float32."""
        weight, bias = layer
        return torch.addmm(bias, x, weight.t(), out=out) if self.kind == torch.float32 else out.copy_(linear(x, weight, bias))

    def _layer(self, weight: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        return weight.detach().to(self.kind).contiguous(), bias.detach().to(self.kind)

    def _layers(self, head: nn.Module | None) -> list[tuple[Tensor, Tensor]] | None:
        if head is None:
            return None
        return [self._layer(layer.weight, layer.bias) for layer in head.modules() if isinstance(layer, nn.Linear)]


def steps_of(memory: DynamicsModel, slots: int, precision: str = "fp32") -> Callable[..., tuple[Outcome, Any]]:
    """What takes N dreams of a memory one step on: (z, act, state, noise, temperature) -> the outcome and the state after it.

    The state that is given may be changed by it. A memory that has no quick steps takes its own, in float32.
    """
    if type(memory).predict is MDNRNN.predict:
        return QuickSteps(memory, slots, precision)  # type: ignore[arg-type]

    def step(z: Tensor, act: Tensor, state: Any, noise: Tensor, temperature: float = 1.0) -> tuple[Outcome, Any]:
        prediction, after = memory.predict(z, act, state)
        return prediction.sample(noise, temperature), after

    return step
