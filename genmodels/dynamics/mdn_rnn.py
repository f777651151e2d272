"""The memory of a world model: an LSTM that ends in mixtures of Gaussians (Ha and Schmidhuber 2018, arXiv 1803.10122).

    h', c' = LSTM([z, act], (h, c))        z' ~ prod_d sum_k w_dk(h') N(mean_dk(h'), sd_dk(h')^2)

h holds what the past says of the next moment. The form for TakeCover (`restart`) also reads whether the memory starts here and
predicts, from h' alone, whether the next step is a start. Beyond the paper, M may learn rewards and ends from (h', z'),
predict the step z' - z instead of the place z' (`residual`), and have layers before and behind the LSTM (`deep`): a code of
pictures bends as what is seen in it moves, and one layer of gates unbends little.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from genmodels import compiled
from genmodels.distributions import GaussianMixture
from genmodels.dynamics.prediction import Heads, Prediction
from genmodels.dynamics.training_windows import Window, steps_of
from genmodels.model import Model
from genmodels.nn import MixtureHead, mlp
from genmodels.training import Optimizer, Update

RESTART_WEIGHT = 10.0  # in the loss, of a step that ends an episode against one that does not, in the paper's form


class State(NamedTuple):
    """The memory of B dreams, one to a row."""

    h: Tensor
    """(B, H)"""
    c: Tensor
    """(B, H) the LSTM's cells"""
    restart: Tensor
    """(B,) 1.0 where nothing has been seen yet"""


class MDNRNN(Model):
    """An LSTM over (z, act) with a mixture of Gaussians for each dimension of the next z.

    `MDNRNN(32, 3, 256)` is the paper's for CarRacing, `MDNRNN(64, 1, 512, restart=True)` that for TakeCover; `nn.LSTM` has two
    biases where the paper's has one, so they count 1,024 and 2,048 parameters more.

    Arguments:
        latent: Z, the numbers of z.
        actions: A, the numbers of an action.
        hidden: H, the LSTM's units.
        mixtures: K, the Gaussians for each dimension.
        reward, end: whether reward and end of a step are learned, from (h', z').
        restart: the paper's form for TakeCover: starts are seen, and ends, ten times as heavy, are learned from h' alone.
        residual: the mixtures are of z' - z.
        sigma_floor: no deviation falls below this.
        reward_scale: rewards are divided by this where they are learned.
        reward_weight, end_weight: of their losses; at 1 such a loss counts as much as the mean over the dimensions of z.
        foreseen: the end is learned from h' alone, before z' is drawn.
        dropout: the share of h' that is hidden from what is read off it, in training: few ends are soon known by heart.
        deep: units of two layers that read (z, act) for the LSTM, and of one between h' and the mixtures; 0: no such layers.
    """

    cannot: ClassVar[dict[str, str]] = {
        "sample": "a next moment follows from a state and an action: use predict(z, act, state)[0].sample(noise)",
        "log_prob": "a next moment follows from a state and an action: use predict(z, act, state)[0].z.log_prob(next)",
    }

    def __init__(
        self,
        latent: int = 32,
        actions: int = 3,
        hidden: int = 256,
        mixtures: int = 5,
        reward: bool = False,
        end: bool = False,
        restart: bool = False,
        residual: bool = False,
        sigma_floor: float = 1e-2,
        reward_scale: float = 1.0,
        reward_weight: float = 2.0,
        end_weight: float = 1.0,
        foreseen: bool = False,
        dropout: float = 0.0,
        deep: int = 0,
    ) -> None:
        super().__init__()
        if end and restart:
            raise ValueError("end and restart are two ways to learn the same: choose one")
        if not 0.0 <= dropout < 1.0:
            raise ValueError(f"dropout is a share below 1, not {dropout}")
        if not reward_scale > 0.0:
            raise ValueError(f"reward_scale is above 0, not {reward_scale}")
        self.latent_size, self.action_size, self.hidden_size, self.feature_size = latent, actions, hidden, hidden
        self.noise_size = 2 * latent
        self.predicts_reward, self.predicts_end = reward, end or restart
        self.restart, self.residual = restart, residual
        self.reward_scale, self.reward_weight = reward_scale, reward_weight
        self.end_weight, self.dropout, self.deep = end_weight, dropout, deep
        read = latent + actions + restart
        self.reading = mlp((read, deep, deep)) if deep else None
        self.lstm = nn.LSTM(deep or read, hidden, batch_first=True)
        self.telling = mlp((hidden, deep, hidden)) if deep else None
        self.mixture = MixtureHead(hidden, latent, mixtures, sigma_floor)
        self.heads = Heads(hidden, latent, reward, self.predicts_end, foreseen, linear=restart)

    # ---- one step of many dreams

    def initial(self, batch: int) -> State:
        """The memory of `batch` dreams that have seen nothing."""
        h, c = torch.zeros(2, batch, self.hidden_size, device=self.device)  # two: there are steps that change them in place
        return State(h, c, torch.ones(batch, device=self.device))

    def reset(self, state: State, first: Tensor) -> State:
        """The state, anew in the rows where an episode begins: first (B,) of bool."""
        h, c = (x.masked_fill(first[:, None], 0.0) for x in (state.h, state.c))
        return State(h, c, state.restart.masked_fill(first, 1.0))

    def features(self, state: State, carry: bool = False) -> Tensor:
        """What a controller reads of a state: h (B, H), or with `carry` also the cells, [c, h] (B, 2 H)."""
        return torch.cat([state.c, state.h], -1) if carry else state.h

    def predict(self, z: Tensor, act: Tensor, state: State) -> tuple[Prediction, State]:
        """What follows from (B, Z) and (B, A), and the state after it."""
        after = self._step(z, act, state)
        return Prediction(self._mixture(after.h, z), after.h, self.heads, self.reward_scale), after

    def _step(self, z: Tensor, act: Tensor, state: State) -> State:
        """The LSTM's equations on its own weights; its cells stay in float32 also under autocast."""
        w, u, b, d = (getattr(self.lstm, f"{name}_l0") for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))
        seen = torch.cat([self._input(z, act, state.restart), state.h], -1)
        i, f, g, o = F.linear(seen, torch.cat([w, u], -1), b + d).float().chunk(4, dim=-1)  # one product is faster than two
        c = f.sigmoid() * state.c + i.sigmoid() * g.tanh()
        return State(o.sigmoid() * c.tanh(), c, torch.zeros_like(state.restart))

    def _input(self, z: Tensor, act: Tensor, restart: Tensor) -> Tensor:
        self._check(z, act)
        x = torch.cat([z, act, restart[..., None]] if self.restart else [z, act], -1)
        return x if self.reading is None else F.silu(self.reading(x))

    def _mixture(self, h: Tensor, z: Tensor) -> GaussianMixture:
        logits, mean, log_sd = self.mixture(self._telling(h))
        return GaussianMixture(logits, mean + z.unsqueeze(-1) if self.residual else mean, log_sd)

    def _nats(self, h: Tensor, z: Tensor, after: Tensor) -> Tensor:
        """log p of each dimension of what follows upon z, (N, Z), by `_mixture` or by one compiled pass."""
        if h.device.type != "cpu" or h.dtype != torch.float32 or not compiled.available():
            return self._mixture(h, z).nats_per_dim(after)
        from genmodels.compiled.quick_mixture import QuickMixture

        learned = after - z if self.residual else after
        told = self.mixture.told(self._telling(h)).contiguous()
        return QuickMixture.apply(told, learned, self.mixture.floor)  # type: ignore[no-untyped-call]

    def _telling(self, h: Tensor) -> Tensor:
        return h if self.telling is None else h + self.telling(h)

    def _check(self, z: Tensor, act: Tensor) -> None:
        for name, x, size in (("latents", z, self.latent_size), ("actions", act, self.action_size)):
            if x.shape[-1] != size:
                raise ValueError(f"this MDNRNN was built for {name} of shape {(size,)}, these are {tuple(x.shape[-1:])}")

    # ---- whole stretches

    def unroll(self, z: Tensor, act: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """h' after each step of (B, T, Z) and (B, T, A), as (B, T, H), and the state after the last."""
        state = self.initial(len(z)) if state is None else state
        later = torch.zeros(*z.shape[:2], device=z.device)
        later[:, 0] = state.restart
        h, (last_h, last_c) = self.lstm(self._input(z, act, later), (state.h[None], state.c[None]))
        return h.float(), State(last_h[0].float(), last_c[0].float(), torch.zeros_like(state.restart))

    def scan(self, z: Tensor, act: Tensor, state: State | None = None) -> State:
        """The states at every moment of (B, T, Z) and (B, T, A), the first and the last included: fields (B, T + 1, ...).

        Each can start a dream: `state` at t goes with z[:, t], before it is seen.
        """
        states = [self.initial(len(z)) if state is None else state]
        for t in range(z.shape[1]):
            states.append(self._step(z[:, t], act[:, t], states[-1]))
        return State(*(torch.stack(field, 1) for field in zip(*states, strict=True)))

    # ---- training

    def loss(self, window: Window) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the log-probability of the next latents in nats, summed over Z, mean over steps; and Z times the heads' losses.

        Latents are drawn from the window's Gaussians. Steps under the mask count for nothing.
        """
        z = window.draw()
        h, _ = self.unroll(z[:, :-1], window.act)
        valid = window.mask > 0.0
        h, before, after = F.dropout(h[valid], self.dropout, self.training), z[:, :-1][valid], z[:, 1:][valid]
        nll = -self._nats(h, before, after).sum(-1).mean()
        figures = {"nll": nll, "nll_per_dim": nll / self.latent_size}
        of_heads = torch.zeros_like(nll)
        if self.predicts_reward:
            error = F.mse_loss(self.heads.reward(h, after), window.rew[valid] / self.reward_scale)
            of_heads = of_heads + self.reward_weight * error
            figures["reward_mse"] = error * self.reward_scale**2
        if self.predicts_end:
            heavy = torch.tensor(RESTART_WEIGHT if self.restart else 1.0, device=h.device)
            bce = F.binary_cross_entropy_with_logits(self.heads.end(h, after), window.end[valid], pos_weight=heavy)
            of_heads = of_heads + self.end_weight * bce
            figures["end_bce"] = bce
        return nll + self.latent_size * of_heads, figures

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters. The clip is one for each dimension, as nats are summed over them."""
        clip, optimizer = float(self.latent_size), Optimizer(lr=1e-3)
        return [Update("mdn_rnn", self.loss, self.parameters(), optimizer, clip=clip, weight=steps_of)]
