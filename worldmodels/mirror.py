"""The world in a mirror: as many episodes again, and no frame played for them.

    obs'[y, x] = obs[y, W - 1 - x]        act' = signs * act        rew' = rew        end' = end

That is right where the mirror image is as likely as what was played: in a room into which fireballs come from all sides, but
not on a page of text. V learns from pictures of both kinds and M from each episode twice, and dreams begin in either world. Of
what is rare in the data, as deaths are, there is twice as much.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from worldmodels.replay_store import Replay
from worldmodels.types import Entry, Frames


class Mirrored:
    """The episodes of a replay, each followed by its mirror image: twice as many, as `Latents.encode` reads them.

    Arguments:
        replay: what was played.
        signs: of each number of an action, -1 where it has the other sign in a mirror, else 1.
    """

    def __init__(self, replay: Replay, signs: Sequence[float]) -> None:
        check_signs(signs, replay.action_size)
        self.replay, self.signs, self.action_size = replay, np.array(signs, np.float32), replay.action_size
        self.episodes = list(chain.from_iterable(_both(entry) for entry in replay.episodes))

    def obs(self, index: int) -> Frames:
        """The frames of one episode."""
        played = self.replay.obs(index // 2)
        return np.ascontiguousarray(played[:, :, ::-1]) if index % 2 else played

    def act(self, index: int) -> NDArray[np.float32]:
        """The actions of one episode."""
        played = self.replay.act(index // 2)
        return self.signs * played if index % 2 else played

    def rew(self, index: int) -> NDArray[np.float32]:
        """The rewards of one episode."""
        return self.replay.rew(index // 2)


def check_signs(signs: Sequence[float], size: int) -> None:
    """Whether these are the signs of actions of so many numbers."""
    if len(signs) != size or not set(signs) <= {-1.0, 1.0}:
        raise ValueError(f"collect.mirror: 1 or -1 for each of the {size} numbers of an action, not {signs}")


def _both(entry: Entry) -> tuple[Entry, Entry]:
    return replace(entry, index=2 * entry.index), replace(entry, index=2 * entry.index + 1, seal=f"{entry.seal} mirrored")


def now_and_then(batches: Callable[[int], Tensor]) -> Callable[[int], Tensor]:
    """Batches of images (B, C, H, W), those of odd steps in a mirror."""

    def seen(step: int) -> Tensor:
        images = batches(step)
        return images.flip(-1) if step % 2 else images

    return seen
