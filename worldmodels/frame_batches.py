"""Frames for a vision model, out of recordings that are compressed by stretches of time.

A frame costs the decoding of the 32 frames around it. A data set of single frames would waste 31 of them, a batch of
neighbours would be 32 times the same picture. So frames are drawn from a *pool*: chunks of time from all over the recordings,
decoded once, from which a block of batches is taken. With a pool of 64 chunks a batch of 128 has two frames of each, four
chunks are decoded for it, and 64 chunks (25 MB) are held.

Every frame is as likely as every other: a chunk is drawn in proportion to its frames, then a frame within it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genmodels.random_streams import stream
from worldmodels.types import Entry, Frames

CHUNK = 32  # frames that are compressed together
HELD = 256  # chunks that a data set of frames keeps decoded: 100 MB


class Recorded(Protocol):
    """Whatever holds episodes that can be read by stretches of time."""

    @property
    def episodes(self) -> Sequence[Entry]:
        """What there is."""

    def obs(self, index: int, start: int = 0, stop: int | None = None) -> Frames:
        """Some frames of an episode."""


class _Chunks:
    """The episodes there are now, cut into chunks; all frames are numbered in one line, episode after episode."""

    def __init__(self, recorded: Recorded, latest: int | None = None) -> None:
        self.recorded = recorded
        entries = list(recorded.episodes)
        if not entries:
            raise ValueError("the replay has no episodes to learn from: collect some first")
        frames = np.array([entry.frames for entry in entries])
        self.offset = np.concatenate([[0], np.cumsum(frames)])  # the number of each episode's first frame
        self.recent = int(self.offset[max(0, len(entries) - latest)]) if latest else 0  # and of the latest episodes'

    @property
    def total(self) -> int:
        return int(self.offset[-1])

    def find(self, number: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """The episode of each frame, and its place there."""
        episode = np.searchsorted(self.offset, number, side="right") - 1
        return episode, number - self.offset[episode]

    def read(self, episode: int, chunk: int) -> Frames:
        frames = int(self.offset[episode + 1] - self.offset[episode])
        return self.recorded.obs(episode, chunk * CHUNK, min((chunk + 1) * CHUNK, frames))


class FrameSet:
    """All frames as a data set, for what asks for particular ones: `data[indices]` is uint8 (B, 3, height, width).

    Chunks stay decoded, the latest used `held` of them. To train on all frames in random order, `FrameBatches` is far quicker.
    """

    def __init__(self, recorded: Recorded, held: int = HELD) -> None:
        self._chunks, self._limit = _Chunks(recorded), held
        self._held: OrderedDict[tuple[int, int], Frames] = OrderedDict()

    def __len__(self) -> int:
        return self._chunks.total

    def __getitem__(self, index: Any, /) -> Tensor:
        number = np.asarray(index, np.int64)
        if number.size and not (number.min() >= 0 and number.max() < len(self)):
            raise IndexError(
                f"frames are numbered 0 to {len(self) - 1}, and one of {number.min()} to {number.max()} was asked for"
            )
        flat = number.reshape(-1)
        episode, place = self._chunks.find(flat)
        frames: list[Frames] = [np.empty(0, np.uint8)] * len(flat)
        for position in np.lexsort((place, episode)):  # neighbours one after the other, so that each chunk is read once
            chunk = self._chunk(int(episode[position]), int(place[position]) // CHUNK)
            frames[position] = chunk[place[position] % CHUNK]
        images = torch.from_numpy(np.stack(frames)).permute(0, 3, 1, 2)
        return images.reshape(*number.shape, *images.shape[1:])

    def _chunk(self, episode: int, chunk: int) -> Frames:
        key = (episode, chunk)
        if key not in self._held:
            self._held[key] = self._chunks.read(episode, chunk)
            if len(self._held) > self._limit:
                self._held.popitem(last=False)
        self._held.move_to_end(key)
        return self._held[key]


class FrameBatches:
    """step -> frames uint8 (size, 3, height, width), a function of seed and step.

    It draws from the episodes there were when it was built.
    Frames are channels first in shape and last in memory, as they lie on disk and as convolutions are quickest.

    Arguments:
        recorded: the replay.
        size: frames in a batch.
        seed: of what is drawn.
        recent: the share of the pool that is drawn from the latest episodes alone.
        recent_episodes: how many those are.
        chunks: how many are in a pool.
    """

    def __init__(
        self,
        recorded: Recorded,
        size: int,
        seed: int = 0,
        *,
        recent: float = 0.0,
        recent_episodes: int = 0,
        chunks: int = 64,
    ) -> None:
        if size < 1 or chunks < 1:
            raise ValueError(f"size, chunks: a batch has at least one frame and a pool one chunk, not {size} and {chunks}")
        check_recent(recent, recent_episodes)
        self.size, self.seed = size, seed
        self._chunks = _Chunks(recorded, recent_episodes)
        self._pool_size, self._recent = chunks, round(recent * chunks)
        self._steps = max(1, chunks * CHUNK // size)  # batches from one pool: each frame of it is seen about once
        self._block, self._pool, self._frames = -1, torch.empty(0), np.empty(0, np.int64)

    def __call__(self, step: int) -> Tensor:
        if step // self._steps != self._block:
            self._fill(step // self._steps)
        random = np.random.default_rng(stream(self.seed, 1, step))
        chunk = random.permutation(self.size) % self._pool_size if self.size >= self._pool_size else self._some(random)
        frame = random.integers(0, self._frames[chunk])
        return self._pool[torch.from_numpy(chunk), torch.from_numpy(frame)].permute(0, 3, 1, 2)

    def _some(self, random: np.random.Generator) -> NDArray[np.int64]:
        return random.permutation(self._pool_size)[: self.size]

    def _fill(self, block: int) -> None:
        """Draw and decode the pool of a block of steps."""
        random = np.random.default_rng(stream(self.seed, 0, block))
        low = np.where(np.arange(self._pool_size) < self._recent, self._chunks.recent, 0)
        episode, place = self._chunks.find(random.integers(low, self._chunks.total))
        self._block = -1  # the old pool is overwritten
        frames = np.empty(self._pool_size, np.int64)
        for slot in range(self._pool_size):
            chunk = self._chunks.read(int(episode[slot]), int(place[slot]) // CHUNK)
            if self._pool.shape[2:] != chunk.shape[1:]:
                self._pool = torch.empty((self._pool_size, CHUNK, *chunk.shape[1:]), dtype=torch.uint8)
            self._pool[slot, : len(chunk)] = torch.from_numpy(chunk)
            frames[slot] = len(chunk)
        self._block, self._frames = block, frames


def check_recent(recent: float, episodes: int) -> None:
    """Whether a share of the latest episodes can be drawn."""
    if not 0.0 <= recent <= 1.0:
        raise ValueError(f"recent: a share is between 0 and 1, not {recent}")
    if recent > 0.0 and episodes < 1:
        raise ValueError(
            f"recent_episodes: {episodes}, yet recent asks for a share of {recent} from them; say how many there are"
        )
