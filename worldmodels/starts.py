"""Moments at which dreams begin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genmodels.dynamics import DynamicsModel
from worldmodels.latents import Latents
from worldmodels.window_batches import hopeless

MOMENTS = 20_000  # of all that were seen, so many are kept


@dataclass(frozen=True)
class Starts:
    """Where dreams may begin: latents' distributions, and M's state there, all with one row for each moment.

    `state` is None for moments at which an episode begins.
    """

    mean: Tensor  # (S, Z)
    log_sd: Tensor  # (S, Z)
    state: Any = None

    def __len__(self) -> int:
        return len(self.mean)


def beginnings(latents: Latents) -> Starts:
    """The moments at which episodes began."""
    mean, log_sd = (torch.from_numpy(latents.rows(name, latents.offset[:-1])) for name in ("mean", "log_sd"))
    return Starts(mean, log_sd)


@torch.no_grad()
def find_starts(
    memory: DynamicsModel, latents: Latents, anywhere: bool, seed: int, moments: int = MOMENTS, patience: int = 0
) -> Starts:
    """Moments at which dreams may start: where episodes began, or a random choice of all, with M's state there.

    M is taken through each episode from its first frame: a state made from a few steps only would not know what it should.
    With a `patience`, a moment at which all is lost already (`hopeless`) is no start.
    """
    if not anywhere:
        return beginnings(latents)
    hope = np.insert(~hopeless(latents, patience), 0, True)  # before the first step of all there is
    hope[latents.offset[:-1]] = True
    share = min(1.0, moments / int(hope.sum()))
    random = np.random.default_rng(seed)
    found: list[tuple[torch.Tensor, ...]] = []
    by_length = sorted(range(len(latents)), key=lambda index: (latents.lengths[index], index))
    for group in range(0, len(by_length), 64):
        episodes = [latents.episode(index) for index in by_length[group : group + 64]]
        longest = max(len(episode.act) for episode in episodes)
        z = torch.from_numpy(np.stack([_pad(episode.mean[:-1], longest) for episode in episodes]))
        act = torch.from_numpy(np.stack([_pad(episode.act, longest) for episode in episodes]))
        states = memory.scan(z, act)
        for row, (index, episode) in enumerate(zip(by_length[group : group + 64], episodes, strict=True)):
            # the last frame of an episode is no start where the episode ended there
            first, length = latents.offset[index], len(episode.act)
            chosen = torch.from_numpy(np.flatnonzero((random.random(length) < share) & hope[first : first + length]))
            mean, log_sd = (torch.from_numpy(np.array(part, np.float32))[chosen] for part in (episode.mean, episode.log_sd))
            found.append((mean, log_sd, *(part[row, chosen] for part in states)))
    mean, log_sd, *state = (torch.cat(parts) for parts in zip(*found, strict=True))
    return Starts(mean, log_sd, type(states)(*state))


def _pad(values: NDArray[Any], length: int) -> NDArray[np.float32]:
    padded = np.zeros((length, values.shape[1]), np.float32)
    padded[: len(values)] = values
    return padded
