"""A policy that raises a reward of whole texts, on a leash (Schulman et al. 2017; Stiennon et al. 2020; Ouyang et al. 2022).

    reward_t = -beta log p(x_t | x_<t) / p_ref(x_t | x_<t)  +  [t is last] r(x)         summed: r(x) - beta log p(x) / p_ref(x)
    A_t, the generalised advantage of each token                                        V(x_<t) is read off the same places
    loss = -E min(ratio A, clip(ratio) A) + c E (V - A - V_old)^2                       ratio = p / p_old

Texts are written by the policy as it stands, and a few steps are taken on them before others are written. They are buffers, as
is all that was told of them when they were written: a run that is killed in between goes on with the same bits.

Simpler than in the papers: V is no network of its own that begins as the reward model, its error is not clipped, and nothing of
the loss before is mixed in.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple, Self

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.distributions import Categorical
from genmodels.language.alignment.answers import Answers, answer_nats, places, shape_of, write
from genmodels.language.gpt import GPT
from genmodels.losses import advantages, clipped_gain
from genmodels.model import Model
from genmodels.nn import Positions
from genmodels.training import Optimizer, Update

Reward = Callable[[Answers], Tensor]  # what each text is worth, (B,)


class Kept(NamedTuple):
    """N texts, and what was told of them when they were written; all but the lengths are (N, T)."""

    tokens: Tensor
    begins: Tensor
    ends: Tensor
    old: Tensor
    """log p of each token"""
    advantage: Tensor
    """of mean 0 and deviation 1 over the tokens of all answers"""
    target: Tensor
    """what V should have said before each token"""


def no_reward(texts: Answers) -> Tensor:
    """Nothing for any text: only the leash pulls. What a PPO has that was not made by `of`."""
    return torch.zeros(len(texts.tokens), device=texts.tokens.device)


class PPO(Model):
    """A GPT, `policy`, and the one that it must not leave for nothing, `reference`.

    It is trained on prompts: tokens (B, P) and their lengths (B,), as of `genmodels.data.Padded`; of a step on which nothing is
    written they are not looked at. The reward is any function of texts, a `RewardModel` or a rule. It is no part of the PPO:
    neither saved with it, nor moved to another device.

        ppo = PPO.of(gpt, reward, beta=0.1, end=vocabulary.end)
        ppo.fit(Padded(prompts), minutes=5)

    Arguments:
        tokens, width, layers, heads, length, positions, groups: of both GPTs, see there; no text is longer than `length`.
        end: the token that ends an answer.
        beta: the price of a nat in units of the reward: the leash.
        texts: how many are written at a time; where a batch has fewer prompts, some are answered more than once.
        epochs: steps that are taken on them, each on all.
        clip: how far the ratio may go, as a share.
        lam: the decay of the advantage's sum.
        value: c, the weight of the value's loss.
        lr: the learning rate at its height.
    """

    cannot: ClassVar[dict[str, str]] = {
        "sample": "its policy does, which is a GPT",
        "log_prob": "its policy has, which is a GPT",
    }
    taken: Tensor

    def __init__(
        self,
        tokens: int = 65,
        width: int = 256,
        layers: int = 6,
        heads: int = 8,
        length: int = 256,
        positions: Positions = "rotary",
        groups: int | None = None,
        end: int = 0,
        beta: float = 0.1,
        texts: int = 128,
        epochs: int = 4,
        clip: float = 0.2,
        lam: float = 0.95,
        value: float = 0.1,
        lr: float = 3e-4,
    ) -> None:
        super().__init__()
        if not 0 <= end < tokens:
            raise ValueError(f"end is a token, from 0 to {tokens - 1}, not {end}")
        if not beta >= 0.0:
            raise ValueError(f"beta is at least 0, not {beta}")
        if texts < 2 or epochs < 1:
            raise ValueError(f"texts are at least 2 and epochs at least 1, not {texts} and {epochs}")
        self.end, self.beta, self.texts, self.epochs = end, beta, texts, epochs
        self.clip, self.lam, self.weight, self.lr = clip, lam, value, lr
        self.policy = GPT(tokens, width, layers, heads, length, positions, groups)
        self.reference = GPT(tokens, width, layers, heads, length, positions, groups).requires_grad_(False)
        self.reward: Reward = no_reward
        self.value = nn.Linear(width, 1)
        nn.init.zeros_(self.value.weight)
        nn.init.zeros_(self.value.bias)
        lengths, numbers = torch.ones(texts, dtype=torch.int64), torch.zeros(texts, length)
        for name, like in zip(Kept._fields, (numbers.long(), lengths, lengths, numbers, numbers, numbers), strict=True):
            self.register_buffer(f"kept_{name}", like.clone())
        self.register_buffer("taken", torch.tensor(epochs))  # steps on what is kept: as many as may be, so write first

    @classmethod
    def of(cls, gpt: GPT, reward: Reward, **how: Any) -> Self:
        """One that begins as this GPT and is held to it, and is to raise this reward; `how` are the arguments from `end` on."""
        model = cls(**shape_of(gpt), **how)
        object.__setattr__(model, "reward", reward)  # a module of its own
        for part in (model.policy, model.reference):
            part.load_state_dict(gpt.state_dict())
        return model

    def loss(self, prompts: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus what is gained on the texts that are kept, and the value's error; when they are used up, others are written."""
        figures = self._write(*prompts) if self.taken >= self.epochs else {}
        self.taken += 1
        kept, texts = self._kept()
        written = texts.written
        nats, value = self._read(texts)
        log_ratio = (nats - kept.old).masked_fill(~written, 0.0)
        gain = clipped_gain(log_ratio, kept.advantage, self.clip)[written].mean()
        error = (value - kept.target).square()[written].mean()
        beyond = (log_ratio.exp() - 1.0).abs()[written] > self.clip
        return self.weight * error - gain, {"value": error, "clipped": beyond.float().mean(), **figures}

    def updates(self) -> list[Update]:
        """One objective: the loss, for the policy and for the value that is read off it."""
        optimizer = Optimizer(lr=self.lr, betas=(0.9, 0.95), warmup=20, decay="linear")
        moved = [*self.policy.parameters(), *self.value.parameters()]
        return [Update("ppo", self.loss, moved, optimizer, clip=1.0, weight=self._told)]

    def _told(self, prompts: tuple[Tensor, Tensor]) -> Tensor:
        """How many tokens of answers are kept, whatever the prompts."""
        return self._kept()[1].written.sum()

    @torch.no_grad()
    def _write(self, prompts: Tensor, begins: Tensor) -> dict[str, Tensor]:
        """Answer prompts, and keep the answers with all that is told of them now."""
        rows = torch.arange(self.texts, device=prompts.device) % len(prompts)
        seed = int(torch.randint(2**62, ()).item())
        texts = write(self.policy, prompts[rows], begins[rows], end=self.end, seed=seed)
        written = texts.written
        old, value = self._read(texts)
        apart = old - answer_nats(self.reference, texts)  # from the reference, in nats
        worth = self.reward(texts).float()
        earned = (-self.beta * apart).scatter_add(1, texts.ends[:, None] - 1, worth[:, None])
        value = value.masked_fill(~written, 0.0)
        onward = F.pad(value[:, 1:], (0, 1))  # nothing follows upon the last token
        going = F.pad(written[:, 1:], (0, 1)).float()
        advantage = advantages(earned.T, value.T, onward.T, going.T, 1.0, self.lam).T
        told = advantage[written]
        standard = ((advantage - told.mean()) / (told.std() + 1e-6)).masked_fill(~written, 0.0)
        for name, part in zip(Kept._fields, (*texts, old, standard, value + advantage), strict=True):
            self.get_buffer(f"kept_{name}").copy_(part)
        self.taken.zero_()
        length = (texts.ends - texts.begins).float().mean()
        return {"reward": worth.mean(), "kl": apart.sum(1).mean(), "tokens": length}

    def _kept(self) -> tuple[Kept, Answers]:
        """What is kept, as far as the longest text goes; and the texts of it."""
        kept = Kept(*(self.get_buffer(f"kept_{name}") for name in Kept._fields))
        longest = int(kept.ends.max())
        kept = Kept(*(part[:, :longest] if part.ndim == 2 else part for part in kept))
        return kept, Answers(kept.tokens, kept.begins, kept.ends)

    def _read(self, texts: Answers) -> tuple[Tensor, Tensor]:
        """log p of each token of the answers, 0 at all others, and V before each token: (B, T) both, from the same places."""
        h = places(self.policy, texts.tokens)[:, :-1]
        nats = Categorical(F.linear(h, self.policy.vectors.weight)).nats_per_dim(texts.tokens)
        return nats.masked_fill(~texts.written, 0.0), self.value(h)[..., 0].float()
