"""What a model of chorales must beat: chains that count, on training pieces, what follows upon what.

    notes    p(x_tv | c) = (N(c, x_tv) + a) / (N(c) + 47 a)    c some of: the voice, its note before, the place in the quarter
    keys     p(x_t | x_t-1) = prod_k (N_k(x_tk, x_t-1,k) + 1) / (N_k(x_t-1,k) + 2)

The 47 symbols of a voice are silence and the pitches 36 to 81; a = 0.01.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

VOICES, LOWEST, SYMBOLS = 4, 36, 47
GIVEN = {"voice": VOICES, "previous": SYMBOLS + 1, "beat": 4}  # how many values each may have


def note_nats(train: Sequence[Tensor], test: Sequence[Tensor], given: Sequence[str] = (), add: float = 0.01) -> float:
    """Mean -log p in nats of a note: of each voice at each 16th of pieces (T, 4), silence -1 included.

    `given` names what a note is told by: "voice", "previous" (that voice's note a 16th ago; before the first one a sign of its
    own), "beat" (which of the four 16ths of a quarter). The chorales' test split:

        nothing                    3.403
        voice, previous            0.986
        voice, previous, beat      0.741
    """
    if unknown := [name for name in given if name not in GIVEN]:
        raise ValueError(f"a note is told by {', '.join(GIVEN)}, not by {unknown[0]!r}")
    counts = torch.zeros(*(GIVEN[name] for name in given), SYMBOLS, dtype=torch.float64)
    *context, note = _notes(train, given)
    counts.index_put_((*context, note), torch.ones((), dtype=torch.float64), accumulate=True)
    p = (counts + add) / (counts.sum(-1, keepdim=True) + SYMBOLS * add)
    return -p[tuple(_notes(test, given))].log().mean().item()


def key_nats(train: Sequence[Tensor], test: Sequence[Tensor]) -> float:
    """Mean -log p in nats of a frame of piano rolls (T, K), each key a Markov chain of its own; a piece's first frame is given.

    The chorales' test split: 10.75 for each fourth of the 16ths (`quarters(chorales(split))`), 10.49 for
    `quarter_chorales(split)`.
    """
    on, frames = _transitions(train)
    chance = (on + 1) / (frames + 2)  # (2, K): that a key sounds, after silence and after sound
    on, frames = _transitions(test)
    nats = -(on * chance.log() + (frames - on) * (1 - chance).log()).sum()
    return (nats / frames[:, 0].sum()).item()


def _notes(pieces: Sequence[Tensor], given: Sequence[str]) -> list[Tensor]:
    """What is given and, last, the note as its symbol, each (N,), for all notes of all pieces."""
    columns = []
    for piece in pieces:
        symbols = torch.where(piece < 0, 0, piece - LOWEST + 1)  # (T, 4)
        if symbols.min() < 0 or symbols.max() >= SYMBOLS:
            raise ValueError(f"a voice sings pitches from {LOWEST} to {LOWEST + SYMBOLS - 2}")
        steps = len(symbols)
        told = {
            "voice": torch.arange(VOICES).expand(steps, VOICES),
            "previous": torch.cat([torch.full((1, VOICES), SYMBOLS), symbols[:-1]]),
            "beat": (torch.arange(steps) % 4)[:, None].expand(steps, VOICES),
        }
        columns.append(torch.stack([*(told[name] for name in given), symbols]).flatten(1))
    return list(torch.cat(columns, dim=1))


def _transitions(rolls: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """How often each key sounded, and how many frames there were, after silence and after sound: both (2, K)."""
    before = torch.cat([roll[:-1] for roll in rolls]).double()
    after = torch.cat([roll[1:] for roll in rolls]).double()
    on = torch.stack([((1 - before) * after).sum(0), (before * after).sum(0)])
    return on, torch.stack([(1 - before).sum(0), before.sum(0)])
