"""Proximal policy optimisation in the dream (Schulman et al. 2017, arXiv 1707.06347).

    u ~ N(scores(x), sd^2), act = tanh u; a categorical for a Discrete space     x = [z, h]
    A_t = sum_k (gamma lambda)^k [rew + gamma V(x') - V(x)]_{t+k}                the advantage (GAE)
    min   -E min(r A, clip(r, 1 - eps, 1 + eps) A) - entropy H                   r = p(act) / p_old(act)
    min    E (V(x) - A - V_old(x))^2

Noise is added before the squashing: beyond it, an actor that is sure could not act so, and what it learned would drown.

Each iteration dreams anew: thousands of short stretches from moments that really happened, cut after `length` steps and
completed by V. So nothing but weights is carried from one iteration to the next, and a dream has little time to drift.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from genmodels import storage
from genmodels.compiled import tanh
from genmodels.losses import advantages, clipped_gain
from genmodels.nn import mlp
from genmodels.precision import checked_precision
from genmodels.random_streams import stream
from genmodels.storage import Sealed
from genmodels.updates import ActiveUpdate, Optimizer, Update
from worldmodels.controller import Controller
from worldmodels.dream import DreamVectorEnv
from worldmodels.interfaces import Array, Learner, Policy
from worldmodels.rollout import at_work, steps

_DREAM, _ACTION, _ORDER = range(3)  # the random streams below (seed, iteration)


@dataclass(frozen=True)
class Stretch:
    """What was dreamt, all (T, N, ...) but the value after the last step, (N,)."""

    x: Tensor
    act: Tensor
    old: Tensor  # its log-probability
    rew: Tensor
    going: Tensor  # 1 where the dream goes on, 0 where it is over
    alive: Tensor  # M's belief, before the dice were cast, that nothing ended
    last: Tensor  # the value of what was seen last where a dream is over, else 0
    after: Tensor  # the value after the last step


class PPO(Learner):
    """Learns a controller by gradients, batched over thousands of dreams.

    Arguments:
        controller: what is trained.
        dream: where; its horizon and its starts are its own.
        length: steps of a stretch.
        epochs, minibatch: passes over what was dreamt, and how much of it at once.
        gamma, lam: discount, and the decay of the advantage's sum.
        clip, entropy: of the objective above.
        lr: learning rate of both networks.
        sd, sd_last: the standard deviation of actions, which falls from the first to the last over `iterations`.
        iterations: over which it falls.
        ema: decay of the average of the controller's weights, which is what `finish` leaves in it.
        hidden: units of the two hidden layers of the value network.
        precision: of matrix products, "fp32" or "bf16"; what they add up to, and all losses, are in float32.
        seed: of everything it draws.
    """

    def __init__(
        self,
        controller: Controller,
        dream: DreamVectorEnv,
        *,
        length: int = 32,
        epochs: int = 3,
        minibatch: int = 4096,
        gamma: float = 0.99,
        lam: float = 0.95,
        clip: float = 0.2,
        entropy: float = 0.001,
        lr: float = 3e-4,
        sd: float = 0.8,
        sd_last: float = 0.3,
        iterations: int = 100,
        ema: float = 0.99,
        hidden: int = 128,
        precision: str = "fp32",
        seed: int = 0,
    ) -> None:
        checked_precision(precision)
        self._products = partial(torch.autocast, "cpu", torch.bfloat16, enabled=precision == "bf16")
        self._kind = torch.bfloat16 if precision == "bf16" else torch.float32
        self.controller, self.dream, self.length = controller, dream, length
        self.epochs, self.minibatch, self.gamma, self.lam = epochs, minibatch, gamma, lam
        self.clip, self.entropy, self.sd, self.sd_last, self.iterations, self.seed = (
            clip,
            entropy,
            sd,
            sd_last,
            iterations,
            seed,
        )
        with torch.random.fork_rng([]):
            torch.manual_seed(stream(seed) % 2**63)
            self.value = _Value(controller.sizes[0], hidden)
        self._pair = nn.ModuleDict({"actor": controller, "critic": self.value})
        how: dict[str, Any] = {"optimizer": Optimizer(lr=lr), "clip": 0.5}
        actor = Update("actor", self._actor_loss, controller.parameters(), ema=ema, **how)
        critic = Update("critic", self._critic_loss, self.value.net.parameters(), **how)
        self._actor, self._critic = ActiveUpdate(actor, self._pair), ActiveUpdate(critic, self._pair)
        self._moved = 0
        self._noise = sd

    def iterate(self, iteration: int) -> Mapping[str, float]:
        """Dream, then descend."""
        share = min(1.0, iteration / max(1, self.iterations - 1))
        self._noise = self.sd + share * (self.sd_last - self.sd)
        with torch.no_grad():
            with at_work(self.dream):
                stretch = self._dream(iteration)
            value = self._worth(stretch.x)
            advantage = gae(stretch, value, self.gamma, self.lam)
            target = value + advantage
            self.value.rescale(target)
            batch = {"x": stretch.x, "act": stretch.act, "old": stretch.old, "advantage": advantage, "target": target}
            batch = {name: part.flatten(0, 1) for name, part in batch.items()}
            batch["advantage"] = (advantage.flatten() - advantage.mean()) / (advantage.std() + 1e-6)
        figures = self._descend(batch, iteration)
        explained = 1.0 - (target - value).var() / target.var().clamp_min(1e-8)
        rewards = {"reward": stretch.rew.mean().item(), "ended": 1.0 - stretch.going.mean().item()}
        return {**rewards, "value": value.mean().item(), "explained": explained.item(), **figures}

    def finish(self) -> None:
        """What was trained in place gives way to its average, which swings less."""
        self._actor.swap()
        self.controller.eval()

    def inherit(self, sealed: Sealed) -> None:
        """Go on with its networks, the average and the optimisers."""
        self.load(sealed)

    def state(self) -> Mapping[str, bytes]:
        """Weights of both networks and of their optimisers."""
        tensors = {f"model:{name}": tensor for name, tensor in self._pair.state_dict().items()}
        tensors |= {**self._actor.state(), **self._critic.state()}
        return {"ppo.safetensors": storage.pack_tensors(tensors), "ppo.json": storage.to_json({"moved": self._moved})}

    def load(self, sealed: Sealed) -> None:
        """The inverse of `state`."""
        tensors = sealed.tensors("ppo.safetensors")
        model = {name.partition(":")[2]: tensor for name, tensor in tensors.items() if name.startswith("model:")}
        self._pair.load_state_dict(model)
        optimisers = {name: tensor for name, tensor in tensors.items() if not name.startswith("model:")}
        self._actor.load(optimisers)
        self._critic.load(optimisers)
        self._moved = sealed.json("ppo.json")["moved"]

    def _dream(self, iteration: int) -> Stretch:
        """`length` steps of every dream, from new starts."""
        actor = _Exploring(self._features, self._sample, stream(self.seed, iteration, _ACTION))
        seen: list[dict[str, Tensor]] = []
        driven = steps(self.dream, actor, stream(self.seed, iteration, _DREAM) >> 1)
        for _, step in zip(range(self.length), driven, strict=False):
            over, ended = torch.from_numpy(step.over), step.info.get("end_probability", step.end)
            seen.append(
                {
                    "x": actor.seen,
                    "act": actor.taken,
                    "old": actor.log_prob,
                    "rew": torch.from_numpy(step.rew),
                    "going": (~over).float(),
                    "alive": 1.0 - torch.from_numpy(ended).float(),
                    "last": torch.where(over, self._worth(self._features(step.after)), 0.0)
                    if over.any()
                    else torch.zeros(len(over)),
                }
            )
        stacked = {name: torch.stack([moment[name] for moment in seen]) for name in seen[0]}
        return Stretch(**stacked, after=self._worth(self._features(step.after)))

    def _features(self, obs: Array) -> Tensor:
        """What is seen, a dream to a row, in the precision of products."""
        return torch.from_numpy(obs).to(self._kind).contiguous()

    def _descend(self, batch: dict[str, Tensor], iteration: int) -> dict[str, float]:
        """Some epochs of minibatches; the mean of their figures."""
        order = torch.Generator().manual_seed(stream(self.seed, iteration, _ORDER) >> 1)
        sums: dict[str, float] = {}
        count = 0
        for _ in range(self.epochs):
            for part in torch.randperm(len(batch["x"]), generator=order).split(self.minibatch):
                minibatch = {name: values[part] for name, values in batch.items()}
                for update in (self._actor, self._critic):
                    loss, gradients, figures = update.gradients(minibatch)
                    norm = torch.nn.utils.get_total_norm([g for g in gradients if g is not None])
                    if loss.isfinite() and norm.isfinite():
                        update.move(gradients, norm, self._moved, 0.0)
                    for name, value in {f"{update.update.name}_loss": loss.detach(), **figures}.items():
                        sums[name] = sums.get(name, 0.0) + float(value)
                self._moved, count = self._moved + 1, count + 1
        return {name: total / count for name, total in sums.items()}

    def _actor_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        log_prob = self._log_prob(scores := self._scores(batch["x"]), batch["act"])
        gain = clipped_gain(log_prob - batch["old"], batch["advantage"], self.clip).mean()
        kl = (batch["old"] - log_prob).mean().detach()
        return -gain - self.entropy * self._entropy(scores), {"kl": kl}

    def _critic_loss(self, batch: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        with self._products():
            return self.value.loss(batch["x"], batch["target"]), {}

    def _scores(self, x: Tensor) -> Tensor:
        with self._products():
            return self.controller.scores(x).float()

    def _worth(self, x: Tensor) -> Tensor:
        with self._products():
            return self.value(x)

    def _sample(self, x: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """What is drawn, its log-probability, and what the world is given."""
        scores = self._scores(x)
        if self.controller.discrete:
            chosen = torch.multinomial(scores.softmax(-1), 1, generator=random)[:, 0]
            taken = torch.nn.functional.one_hot(chosen, scores.shape[-1]).float()
            return taken, self._log_prob(scores, taken), taken
        taken = scores + self._noise * torch.randn(scores.shape, generator=random)
        return taken, self._log_prob(scores, taken), taken.tanh()

    def _log_prob(self, scores: Tensor, act: Tensor) -> Tensor:
        """Of what was taken, up to a constant."""
        if self.controller.discrete:
            return (scores.log_softmax(-1) * act).sum(-1)
        return -0.5 * ((act - scores) / self._noise).square().sum(-1)

    def _entropy(self, scores: Tensor) -> Tensor:
        """Of a choice; a Gaussian's depends on its standard deviation alone, which is not learned."""
        if not self.controller.discrete:
            return torch.zeros(())
        log_prob = scores.log_softmax(-1)
        return -(log_prob.exp() * log_prob).sum(-1).mean()


def gae(stretch: Stretch, value: Tensor, gamma: float, lam: float) -> Tensor:
    """Generalised advantages (Schulman et al. 2016): (T, N).

    What comes after is worth V of what was seen then, as far as M believes that anything comes. Whether the dice then ended the
    dream does not matter: an end in a thousand steps, told as it fell, would drown all else.
    """
    after = torch.cat([value[1:], stretch.after[None]])
    onward = stretch.alive * (stretch.going * after + stretch.last)
    return advantages(stretch.rew, value, onward, stretch.going, gamma, lam)


class _Tanh(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return tanh(x)


class _Value(nn.Module):
    """V(x) in units of the returns seen so far, so that its network works with numbers about one."""

    scale: Tensor
    shift: Tensor

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.net = mlp((features, hidden, hidden, 1), _Tanh)
        self.register_buffer("scale", torch.ones(()))
        self.register_buffer("shift", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return self.shift + self.scale * self.net(x)[..., 0].float()

    def loss(self, x: Tensor, target: Tensor) -> Tensor:
        return (self.net(x)[..., 0].float() - (target - self.shift) / self.scale).square().mean()

    @torch.no_grad()
    def rescale(self, target: Tensor) -> None:
        """Follow the returns, and keep V as it is: the last layer is changed to undo the change of units."""
        share = 0.1 if self.scale != 1.0 else 1.0
        scale = torch.lerp(self.scale, target.std().clamp_min(1e-3), share)
        shift = torch.lerp(self.shift, target.mean(), share)
        last = self.net[-1]
        assert isinstance(last, nn.Linear)
        last.weight.mul_(self.scale / scale)
        last.bias.mul_(self.scale / scale).add_((self.shift - shift) / scale)
        self.scale.copy_(scale)
        self.shift.copy_(shift)


class _Exploring(Policy):
    """The actor at work; `seen` is what it saw last, and `taken` what it drew, before the squashing."""

    def __init__(
        self,
        features: Callable[[Array], Tensor],
        sample: Callable[[Tensor, torch.Generator], tuple[Tensor, Tensor, Tensor]],
        seed: int,
    ) -> None:
        self._features, self._sample = features, sample
        self._random = torch.Generator().manual_seed(seed >> 1)
        self.seen, self.taken, self.log_prob = torch.zeros(0, 0), torch.zeros(0, 0), torch.zeros(0)

    def initial(self, slots: int) -> None:
        """It remembers nothing."""

    @torch.no_grad()
    def act(self, obs: Array, state: Any, first: NDArray[np.bool_]) -> tuple[NDArray[np.float32], None]:
        self.seen = self._features(obs)
        self.taken, self.log_prob, given = self._sample(self.seen, self._random)
        return given.numpy(), None
