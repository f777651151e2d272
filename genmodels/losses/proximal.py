"""How far a step may be trusted: what policies learn from what they did (Schulman et al. 2015, 2017).

delta_t = reward_t + gamma V_{t+1} - V_t
A_t = delta_t + gamma lambda A_{t+1}                 the generalised advantage, arXiv 1506.02438
min(r A, clip(r, 1 - eps, 1 + eps) A)                r = p / p_old: the clipped gain, arXiv 1707.06347
"""

from __future__ import annotations

import torch
from torch import Tensor


def advantages(reward: Tensor, value: Tensor, onward: Tensor, going: Tensor, gamma: float, lam: float) -> Tensor:
    """A_t of each moment of a stretch, all (T, ...).

    Arguments:
        reward: of what was done at each moment.
        value: V of what was seen before.
        onward: V of what was seen after, 0 where there is nothing more to come.
        going: 1 where the next moment goes on from this one, 0 where the sum ends.
        gamma, lam: the discount, and the decay of the sum.
    """
    found, later = torch.zeros_like(value), torch.zeros_like(value[0])
    for t in reversed(range(len(value))):
        later = reward[t] + gamma * onward[t] - value[t] + gamma * lam * going[t] * later
        found[t] = later
    return found


def clipped_gain(log_ratio: Tensor, advantage: Tensor, clip: float) -> Tensor:
    """What there is to gain by doing the same with the ratio exp(log_ratio); nothing more by going beyond the clip.

    >>> clipped_gain(torch.tensor([0.0, 1.0, 1.0]), torch.tensor([2.0, 2.0, -2.0]), 0.2)
    tensor([ 2.0000,  2.4000, -5.4366])
    """
    ratio = log_ratio.exp()
    return torch.minimum(ratio * advantage, ratio.clamp(1.0 - clip, 1.0 + clip) * advantage)
