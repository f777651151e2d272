"""Direct preference optimisation: from pairs to a policy, without a reward model (Rafailov et al. 2023, arXiv 2305.18290).

The policy that is best for a reward r at a price of beta for each nat away from the reference is

    p(y | x) = p_ref(y | x) exp(r(x, y) / beta) / Z(x)        so        r = beta log p / p_ref + beta log Z(x)

Put into the model of Bradley and Terry, in which Z cancels, this is a loss of the policy itself:

    loss = -E log sigmoid(beta log p(better) / p_ref(better) - beta log p(worse) / p_ref(worse))
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import torch
from torch import Tensor
from torch.nn import functional as F

from genmodels.language.alignment.answers import answer_nats, checked_answers, shape_of
from genmodels.language.gpt import GPT
from genmodels.model import Model
from genmodels.nn import Positions
from genmodels.training import Optimizer, Update


class DPO(Model):
    """A GPT, `policy`, and the one that it must not leave for nothing, `reference`.

    It is trained on pairs: tokens (B, 2, T), begins (B, 2), ends (B, 2), the better text first.

    Arguments:
        tokens, width, layers, heads, length, positions, groups: of both GPTs, see there.
        beta: the price of a nat, in units of the reward: the larger, the closer the policy stays.
        lr: the learning rate at its height.
    """

    cannot: ClassVar[dict[str, str]] = {
        "sample": "its policy does, which is a GPT",
        "log_prob": "its policy has, which is a GPT",
    }

    def __init__(
        self,
        tokens: int = 65,
        width: int = 256,
        layers: int = 6,
        heads: int = 8,
        length: int = 256,
        positions: Positions = "rotary",
        groups: int | None = None,
        beta: float = 0.1,
        lr: float = 1e-4,
    ) -> None:
        super().__init__()
        if not beta > 0.0:
            raise ValueError(f"beta is above 0, not {beta}: without a price there is no best policy")
        self.length, self.beta, self.lr = length, beta, lr
        self.policy = GPT(tokens, width, layers, heads, length, positions, groups)
        self.reference = GPT(tokens, width, layers, heads, length, positions, groups).requires_grad_(False)

    @classmethod
    def of(cls, gpt: GPT, *, beta: float = 0.1, lr: float = 1e-4) -> Self:
        """One that begins as this GPT and is held to it."""
        model = cls(**shape_of(gpt), beta=beta, lr=lr)
        for part in (model.policy, model.reference):
            part.load_state_dict(gpt.state_dict())
        return model

    def loss(self, pairs: Any) -> tuple[Tensor, dict[str, Tensor]]:
        """Minus the log-probability of the preferences in nats, mean over pairs; how many it shares, and by how much."""
        texts = checked_answers(pairs, self.length, pairs=True).flat()
        with torch.no_grad():
            known = answer_nats(self.reference, texts).sum(1)
        reward = self.beta * (answer_nats(self.policy, texts).sum(1) - known)
        better, worse = reward.view(-1, 2).unbind(1)
        ahead = better - worse
        figures = {"accuracy": (ahead > 0).float().mean(), "ahead": ahead.mean(), "better": better.mean()}
        return F.softplus(-ahead).mean(), figures

    def updates(self) -> list[Update]:
        """One objective: the loss, for the policy."""
        optimizer = Optimizer(lr=self.lr, betas=(0.9, 0.99), warmup=50, decay="cosine")
        return [Update("dpo", self.loss, self.policy.parameters(), optimizer, clip=1.0)]
