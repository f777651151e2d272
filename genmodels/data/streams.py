"""A long sequence as windows of a few streams through it, for models that carry their state from one batch to the next."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from genmodels.random_streams import stream


class Streams:
    """Batches as a function of step: the next `window` steps of each of so many streams, and which of these begin anew.

    An epoch cuts the sequence (N, ...) into streams of equal length, which go forward together; row i of a batch goes on where
    row i of the batch before it ended. Each epoch cuts it at other places, a function of (seed, epoch) alone.

    >>> batches = Streams(torch.arange(12), streams=2, window=3)
    >>> batches(0)
    (tensor([[0, 1, 2],
            [6, 7, 8]]), tensor([True, True]))
    >>> batches(1)
    (tensor([[ 3,  4,  5],
            [ 9, 10, 11]]), tensor([False, False]))
    """

    def __init__(self, sequence: Tensor, streams: int, window: int, seed: int = 0) -> None:
        if streams < 1 or window < 1:
            raise ValueError(f"streams and window are at least 1, not {streams} and {window}")
        if len(sequence) < streams * window:
            raise ValueError(f"a sequence of {len(sequence)} steps has no {streams} streams of {window} steps")
        self.sequence, self.window, self.seed = sequence, window, seed
        self.windows = len(sequence) // (streams * window)  # of a stream
        self.starts = torch.arange(streams) * (self.windows * window)

    def __call__(self, step: int) -> tuple[Tensor, Tensor]:
        epoch, position = divmod(step, self.windows)
        spare = len(self.sequence) - len(self.starts) * self.windows * self.window
        shift = int(np.random.default_rng(stream(self.seed, epoch)).integers(spare + 1))
        places = self.starts[:, None] + torch.arange(self.window) + (shift + position * self.window)
        return self.sequence[places], torch.full((len(self.starts),), position == 0)
