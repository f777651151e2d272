"""Supervised fine-tuning: a GPT that has read much learns from few examples how to answer (Ouyang et al. 2022).

    loss = -sum_{begin <= t < end} log p(x_t | x_<t) / their number

The prompt is read and not learned: what is asked is not for the model to say.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from genmodels.language.alignment.answers import answer_nats, checked_answers
from genmodels.language.gpt import GPT
from genmodels.training import Optimizer, Update


def supervised(gpt: GPT, lr: float = 5e-4) -> Update:
    """The objective by which a GPT learns answers: batches are (tokens, begins, ends), as of `genmodels.data.Answered`.

        fit(gpt, [supervised(gpt)], Shuffled(Answered(prompts, answers), 64), minutes=2)

    The learning rate is that at its height; it should be below the one of the training before.
    """

    def loss(batch: Any) -> tuple[Tensor, dict[str, Tensor]]:
        answers = checked_answers(batch, gpt.length)
        return -answer_nats(gpt, answers).sum() / answers.written.sum(), {}

    def told(batch: Any) -> Tensor:
        return checked_answers(batch, gpt.length).written.sum()

    optimizer = Optimizer(lr=lr, betas=(0.9, 0.99), weight_decay=0.1, warmup=50, decay="cosine")
    return Update("supervised", loss, gpt.parameters(), optimizer, clip=1.0, weight=told)
