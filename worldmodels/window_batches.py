"""Stretches of episodes, as the memory learns from them: batches that are a function of seed and step."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from genmodels.dynamics import Window
from genmodels.random_streams import stream
from worldmodels.frame_batches import check_recent
from worldmodels.latents import Latents


class WindowBatches:
    """step -> a `Window` of stretches of episodes, a function of seed and step.

    A window slides over an episode from one side to the other, and in and out at its ends, where it is cut short:

        episode      |0 1 2 3 4 5 6|
        windows     0|
                    0 1|
                    0 1 2|             of length 3, and shorter at both ends: each transition is in three of the nine
                      1 2 3 ...

    So every transition is as likely as every other to be learned from, and to stand at each place of a window: the first, and
    the last with its end, which windows that must fit would show a `length`th as often. What lies past the cut is padding,
    zeros under a mask of 0: (length - 1) / (T + length - 1) of a batch. An episode that is no longer than the window is
    always shown whole, just as often.

    Arguments:
        latents: the data.
        length: transitions in a window.
        size: windows in a batch.
        seed: of what is drawn.
        recent: the share of a batch that is drawn from the latest episodes alone.
        recent_episodes: how many those are.
        patience: a step upon which so many earn nothing counts as an end, since all is lost; 0: only true ends do.
    """

    def __init__(
        self,
        latents: Latents,
        length: int,
        size: int,
        seed: int = 0,
        *,
        recent: float = 0.0,
        recent_episodes: int = 0,
        patience: int = 0,
    ) -> None:
        if length < 1 or size < 1:
            raise ValueError(
                f"length, size: a window has at least one transition and a batch one window, not {length} and {size}"
            )
        if len(latents) == 0:
            raise ValueError(f"{latents.folder}: there are no episodes to learn from: collect and encode some first")
        check_recent(recent, recent_episodes)
        self.latents, self.length, self.size, self.seed = latents, length, size, seed
        # how many windows each episode has, a short one's being all the same
        self._count = np.where(latents.lengths > length, latents.lengths + length - 1, length)
        self._first = np.concatenate([[0], np.cumsum(self._count)])
        self._recent = round(recent * size)
        self._since = int(self._first[max(0, len(latents) - recent_episodes)]) if recent_episodes else 0
        self._ends = hopeless(latents, patience)

    def __call__(self, step: int) -> Window:
        random = np.random.default_rng(stream(self.seed, step))
        low = np.where(np.arange(self.size) < self._recent, self._since, 0)
        return self.at(random.integers(low, self._first[-1]))

    def __len__(self) -> int:
        """How many windows there are."""
        return int(self._first[-1])

    def at(self, number: NDArray[np.int64]) -> Window:
        """The windows of these numbers."""
        episode = np.searchsorted(self._first, number, side="right") - 1
        total = self.latents.lengths[episode]
        start = np.where(total > self.length, number - self._first[episode] - (self.length - 1), 0)
        stop = np.minimum(start + self.length, total)  # transitions start to stop, but for those before the episode
        start = np.maximum(start, 0)
        return self._window(episode, start, stop)

    def _window(self, episode: NDArray[np.int64], start: NDArray[np.int64], stop: NDArray[np.int64]) -> Window:
        place = start[:, None] + np.arange(self.length + 1)  # (B, L + 1), in the episode
        row = self.latents.offset[episode][:, None] + np.minimum(place, stop[:, None])
        mean, log_sd, act, rew = (self.latents.rows(name, row) for name in ("mean", "log_sd", "act", "rew"))
        there = place <= stop[:, None]
        mask = place[:, :-1] < stop[:, None]
        return Window(
            mean=torch.from_numpy(mean * there[..., None]),
            log_sd=torch.from_numpy(log_sd * there[..., None]),
            act=torch.from_numpy(act[:, :-1] * mask[..., None]),
            rew=torch.from_numpy(rew[:, :-1, 0] * mask),
            end=torch.from_numpy((mask & self._ends[row[:, :-1]]).astype(np.float32)),
            mask=torch.from_numpy(mask.astype(np.float32)),
        )


def hopeless(latents: Latents, patience: int) -> NDArray[np.bool_]:
    """Whether nothing is earned any more after the step of each row: it is the end, or upon it so many steps earn nothing.

    Where time runs out before there are as many, nobody knows, and there is hope.
    """
    rows = np.arange(latents.frames)
    last = np.repeat(latents.offset[1:] - 2, latents.lengths + 1)  # the row of each episode's last step
    ends = np.repeat(latents.ends, latents.lengths + 1)
    if not patience:
        return ends & (rows == last)
    earning = np.where(latents.rows("rew", rows)[:, 0] > 0.0, rows, latents.frames)
    following = np.append(np.minimum.accumulate(earning[::-1])[::-1][1:], latents.frames)  # the next row that earns
    known = (ends & (rows <= last)) | (rows + patience <= last)
    return known & (following > np.minimum(rows + patience, last))
