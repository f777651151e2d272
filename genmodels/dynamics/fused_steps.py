"""M's step in bf16 on a processor: three matrix products, and one pass over the numbers after each, compiled by Numba.

    x = [h, 1, z, act]       G x  -- cells -->  h', c'       M x'  -- draw -->  z'       R x'  -- read -->  reward, end

What `QuickSteps` does in a hundred calls from Python is done in a dozen, all of which let go of Python's lock: blocks of dreams
are taken on by as many threads as PyTorch has. Rounded is what is rounded there.
"""

from __future__ import annotations

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

Array = NDArray[np.float32]
LEAST = 64  # dreams for which a thread is worth its while


class FusedSteps:
    """The steps of N dreams of one memory, which must not be trained meanwhile, in bf16; see `QuickSteps`.

    Arguments:
        memory: M.
        slots: N.

    After each step `seen` is [z', h'] (N, Z + H), in memory of its own: it is written while both are at hand.
    """

    seen: Tensor

    def __init__(self, memory: MDNRNN, slots: int) -> None:
        self.memory, self.layout = memory, Layout.of(memory, torch.bfloat16)
        self.threads = max(1, min(torch.get_num_threads(), slots // LEAST))
        size = min(BLOCK, -(-slots // self.threads))
        self.blocks = [_Block(self, start, min(size, slots - start)) for start in range(0, slots, size)]

    def __call__(self, z: Tensor, act: Tensor, state: State, noise: Tensor, temperature: float = 1.0) -> tuple[Outcome, State]:
        """The next moment that this noise makes, see `Prediction.sample`, and the state after it: the one given, changed."""
        choose, point = noise.t().chunk(2)
        h, c = (part.t().contiguous() for part in (state.h, state.c))  # themselves, where they are laid out by columns
        after, read, seen = torch.empty(z.shape[1], len(z)), torch.zeros(2, len(z)), torch.empty(z.shape[1] + len(h), len(z))
        given = [part.contiguous() for part in (z.t(), act.t(), state.restart[None], choose, point)]
        arrays = [part.numpy() for part in (*given, h, c, after, read, seen)]
        each(lambda block: block.advance(arrays, temperature), self.blocks, self.threads)
        for part, new in zip(state, (h, c), strict=False):
            if new.data_ptr() != part.data_ptr():
                part.copy_(new.t())
        state.restart.zero_()
        self.seen = seen.t()
        return Outcome(after.t(), *read), state


class _Block:
    """Some of the dreams, and room for what is in between."""

    def __init__(self, steps: FusedSteps, start: int, slots: int) -> None:
        memory, layout, self.start, self.stop = steps.memory, steps.layout, start, start + slots
        x = layout.x(slots)
        self.in_x = [_bits(part) for part in layout.parts(x)]
        self.gates, self.mixtures, self.heads = (
            _Product(w, x) for w in (layout.gates, layout.mixtures, torch.cat(layout.heads))
        )
        self.room = np.empty((5 + memory.mixture.sizes[1], slots), np.float32)
        self.floor, self.residual = np.float32(memory.mixture.floor), np.float32(memory.residual)
        end_of_reward = len(layout.heads[0])
        self.readings = [
            (slice(end_of_reward), *_numbers(layout, 0), np.float32(memory.reward_scale), False),
            (slice(end_of_reward, None), *_numbers(layout, 1), np.float32(1.0), memory.predicts_end),
        ]

    def advance(self, arrays: Sequence[Array], temperature: float) -> None:
        """Take these dreams a step on: arrays (rows, N) of all dreams."""
        z, act, restart, choose, point, h, c, after, read, seen = arrays
        for part, place in zip((h, z, act, restart), self.in_x, strict=True):
            fill(part, self.start, place)
        of_h, of_z = self.in_x[:2]
        cells(self.gates(), self.start, h, c, of_h)
        tau = np.float32(temperature)
        draw(self.mixtures(), self.start, z, choose, point, self.residual, self.floor, tau, after, of_z, self.room)
        here, latent = slice(self.start, self.stop), len(z)
        seen[:latent, here], seen[latent:, here] = after[:, here], h[:, here]
        sums = self.heads()
        for said, (rows, weights, bias, scale, squashed) in zip(read, self.readings, strict=True):
            if len(sums[rows]):
                read_off(sums[rows], self.start, weights, bias, scale, squashed, said)


class _Product:
    """W x, of as much of x as W has columns for, in a place of its own."""

    def __init__(self, weight: Tensor, x: Tensor) -> None:
        self.factors, self.result = (weight, x[: weight.shape[1]]), weight.new_empty(len(weight), x.shape[1])
        self.bits = _bits(self.result)

    def __call__(self) -> NDArray[np.uint16]:
        torch.mm(*self.factors, out=self.result)
        return self.bits


def _bits(x: Tensor) -> NDArray[np.uint16]:
    """Numbers of bf16 as loops take them."""
    return x.view(torch.uint16).numpy()


def _numbers(layout: Layout, which: int) -> tuple[Array, np.float32]:
    """The weights (rows,) and the bias of a head's second layer; of a head that has one layer only, none and 0."""
    if not layout.later[which]:
        return np.empty(0, np.float32), np.float32(0.0)
    ((weight, bias),) = layout.later[which]
    return weight[0].numpy(), np.float32(bias.item())
