"""The best of n answers, by a reward: what can be had without training, and what training is held against.

    KL(best of n || one) <= log n - (n - 1) / n                  exact where no two texts are the same (Beirami et al. 2024)

How good the best is by another reward is estimated without bias from N >= n answers: each subset of n is as probable, and the
i-th lowest of all is the best of C(i - 1, n - 1) subsets of C(N, n) (Nakano et al. 2021, arXiv 2112.09332).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def best_of_n(reward: Tensor, worth: Tensor, n: int) -> Tensor:
    """What the best of n by `reward` is worth, on average over all choices of n among N: both (..., N), to (...,).

    >>> best_of_n(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([10.0, 20.0, 0.0]), 2)  # the last one is in two pairs of three
    tensor(6.6667)
    """
    count = reward.shape[-1]
    if not 1 <= n <= count:
        raise ValueError(f"n is from 1 to the {count} answers there are, not {n}")
    shares = [math.comb(place, n - 1) / math.comb(count, n) for place in range(count)]
    return worth.gather(-1, reward.argsort(-1)) @ torch.tensor(shares, dtype=worth.dtype, device=worth.device)


def best_of_n_nats(n: int) -> float:
    """How far the best of n is from one, at most, in nats.

    >>> best_of_n_nats(1), round(best_of_n_nats(16), 3)
    (0.0, 1.835)
    """
    return math.log(n) - (n - 1) / n
