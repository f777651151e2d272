"""What a dynamics model learns from: stretches of episodes, already seen through a vision model.

    z_0 --act_0--> z_1 --act_1--> z_2 ...      act_t is taken at z_t and leads to z_t+1, to rew_t and, perhaps, to the end

A stretch never crosses an episode's end. Latents are kept as the Gaussians q(z | obs) that the vision model gave, so that z is
drawn afresh each time it is learned from, and the memory cannot lean on one draw's noise.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from torch import Tensor

from genmodels.random_streams import normal


class Window(NamedTuple):
    """A batch of B stretches of T transitions. Padding is finite numbers under a mask of 0, after the episode's end."""

    mean: Tensor
    """(B, T + 1, Z) of q(z | obs)"""
    log_sd: Tensor
    """(B, T + 1, Z) of q(z | obs)"""
    act: Tensor
    """(B, T, A) taken at z[:, t], leading to z[:, t + 1]"""
    rew: Tensor
    """(B, T) for that action"""
    end: Tensor
    """(B, T) 1.0 where that action ended the episode (not where time ran out)"""
    mask: Tensor
    """(B, T) 1.0 where the transition exists"""

    def draw(self) -> Tensor:
        """Latents drawn from q, by torch's global stream: (B, T + 1, Z)."""
        return self.mean + self.log_sd.exp() * normal(self.mean.shape, self.mean.device)


def steps_of(window: Window) -> Tensor:
    """How many transitions there are that are not padding."""
    return window.mask.sum()


class Windows:
    """A data set of stretches that are all in memory: `model.fit(Windows(window))`."""

    def __init__(self, window: Window) -> None:
        self.window = window

    def __len__(self) -> int:
        return len(self.window.mean)

    def __getitem__(self, index: Any, /) -> Window:
        return Window(*(field[index] for field in self.window))
