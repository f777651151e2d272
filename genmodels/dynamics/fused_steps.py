"""M's step in bf16 on a processor: three matrix products, and one pass over the numbers after each, compiled by Numba.

    x = [h, z, act, 1]       G x  -- cells -->  h', c'       M x'  -- draw -->  z'       R x'  -- read -->  reward, end

What `QuickSteps` does in a hundred calls from Python is done in seven, all of which let go of Python's lock: blocks of dreams
are taken on by as many threads as PyTorch has. Rounded is what is rounded there.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from genmodels.compiled.threads import each
from genmodels.dynamics.mdn_rnn import MDNRNN, State
from genmodels.dynamics.prediction import Outcome
from genmodels.dynamics.quick_steps import BLOCK, Layout
from genmodels.dynamics.step_kernels import cells, draw, fill, read_off
from genmodels.sampling.counter_noise import gaussian

Array = NDArray[np.float32]
LEAST = 64  # dreams for which a thread is worth its while


class FusedSteps:
    """The steps of N dreams of one memory, which must not be trained meanwhile, in bf16; see `QuickSteps`.

    Arguments:
        memory: M.
        slots: N.
    """

    def __init__(self, memory: MDNRNN, slots: int) -> None:
        self.memory, self.layout = memory, Layout.of(memory, torch.bfloat16)
        self.threads = max(1, min(torch.get_num_threads(), slots // LEAST))
        size = min(BLOCK, -(-slots // self.threads))
        self.blocks = [_Block(self, start, min(size, slots - start)) for start in range(0, slots, size)]

    def __call__(self, z: Tensor, act: Tensor, state: State, noise: Tensor, temperature: float = 1.0) -> tuple[Outcome, State]:
        """The next moment that this noise makes, see `Prediction.sample`, and the state after it: the one given, changed."""
        choose, point = noise.t().chunk(2)
        h, c = (part.t().contiguous() for part in (state.h, state.c))  # themselves, where they are laid out by columns
        after, read = torch.empty(z.shape[1], len(z)), torch.zeros(2, len(z))
        given = [part.contiguous() for part in (z.t(), act.t(), state.restart[None], choose, gaussian(point))]
        arrays = [part.numpy() for part in (*given, h, c, after, read)]
        each(lambda block: block.advance(arrays, temperature), self.blocks, self.threads)
        for part, new in zip(state, (h, c), strict=False):
            if new.data_ptr() != part.data_ptr():
                part.copy_(new.t())
        state.restart.zero_()
        return Outcome(after.t(), *read), state


class _Block:
    """Some of the dreams, and room for what is in between."""

    def __init__(self, steps: FusedSteps, start: int, slots: int) -> None:
        memory, self.layout, self.start = steps.memory, steps.layout, start
        self.x, self.heads = self.layout.x(slots), torch.cat(self.layout.heads)
        weights = (self.layout.gates, self.layout.mixtures, self.heads)
        self.gates, self.mixtures, self.sums = (torch.empty(len(w), slots, dtype=self.x.dtype) for w in weights)
        self.room = np.empty((5 + memory.mixture.sizes[1], slots), np.float32)
        self.floor, self.residual = np.float32(math.exp(memory.mixture.log_floor)), np.float32(memory.residual)
        self.readings = [
            (_numbers(self.layout, 0), np.float32(memory.reward_scale), False),
            (_numbers(self.layout, 1), np.float32(1.0), memory.predicts_end),
        ]

    def advance(self, arrays: Sequence[Array], temperature: float) -> None:
        """Take these dreams a step on: arrays (rows, N) of all dreams."""
        z, act, restart, choose, normal, h, c, after, read = arrays
        x, gates, mixtures, sums = (part.view(torch.uint16).numpy() for part in (self.x, self.gates, self.mixtures, self.sums))
        row = 0
        for part, size in zip((h, z, act, restart), self.layout.sizes, strict=False):
            fill(part, self.start, x[row : row + size])
            row += size
        torch.mm(self.layout.gates, self.x, out=self.gates)
        cells(gates, self.start, h, c, x)
        torch.mm(self.layout.mixtures, self.x, out=self.mixtures)
        tau, of_z = np.float32(temperature), x[len(h) : len(h) + len(z)]
        draw(mixtures, self.start, z, choose, normal, self.residual, self.floor, tau, after, of_z, self.room)
        torch.mm(self.heads, self.x, out=self.sums)
        first = 0
        for said, rows, ((weights, bias), scale, squashed) in zip(read, self.layout.heads, self.readings, strict=True):
            if len(rows):
                read_off(sums[first : first + len(rows)], self.start, weights, bias, scale, squashed, said)
            first += len(rows)


def _numbers(layout: Layout, which: int) -> tuple[Array, np.float32]:
    """The weights (rows,) and the bias of a head's second layer; of a head that has one layer only, none and 0."""
    if not layout.later[which]:
        return np.empty(0, np.float32), np.float32(0.0)
    ((weight, bias),) = layout.later[which]
    return weight[0].numpy(), np.float32(bias.item())
