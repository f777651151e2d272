"""Bach's chorales for four voices, 382 of them (Boulanger-Lewandowski, Bengio and Vincent 2012, arXiv:1206.6392).

| call | a piece is | from |
|---|---|---|
| `chorales(split)` | (T, 4) int64, MIDI pitches of soprano, alto, tenor, bass at each 16th, -1 where silent | jsb16th.npz |
| `quarter_chorales(split)` | (T, 88) uint8, one where a key of the piano sounds at a quarter | jsb-quarter.json |
| `quarters(chorales(split))` | the same, from each fourth of the 16ths | |

The 16ths do not tell a held note from a repeated one. The published likelihoods (an LSTM's 8.45 nats a frame) are of
`quarter_chorales`, which differs from `quarters`: pieces in another order and other keys, and here and there other notes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from genmodels.data.downloads import Source, locate
from genmodels.storage import Corrupt

Split = Literal["train", "valid", "test"]

SILENCE = -1
LOWEST, KEYS = 21, 88  # the piano's, as MIDI pitches

SIXTEENTHS = Source("jsb16th.npz", "da848e810fecc5ad7c2e4f58fbb83d7eaa727b8ced9d1e2c5f1a1ae1e61c70e9")
QUARTERS = Source(
    "jsb-quarter.json",
    "2db9329f1881a1d3f49703ec556bf1d6f84b4f6c1d702c156536e93cf31e1c91",
    ("https://raw.githubusercontent.com/czhuang/JSB-Chorales-dataset/master/jsb-chorales-quarter.json",),
    limit=1 << 20,
)


def chorales(split: Split = "train") -> list[Tensor]:
    """229, 76 or 77 pieces, each (T, 4) int64: the voices from soprano to bass, one row a 16th."""
    return read_sixteenths(locate(SIXTEENTHS), _checked(split))


def quarter_chorales(split: Split = "train") -> list[Tensor]:
    """As many piano rolls, each (T, 88) uint8, one row a quarter; key k has the MIDI pitch 21 + k."""
    return read_quarters(locate(QUARTERS), _checked(split))


def quarters(pieces: Sequence[Tensor]) -> list[Tensor]:
    """Voices at 16ths (T, 4) as piano rolls at quarters (T / 4, 88) uint8.

    >>> roll = quarters([torch.tensor([[60, 60, 48, -1]]).repeat(5, 1)])[0]
    >>> roll.shape, roll[1].nonzero().flatten() + LOWEST
    (torch.Size([2, 88]), tensor([48, 60]))
    """
    return [_roll([row[row != SILENCE].tolist() for row in piece[::4]]) for piece in pieces]


# --------------------------------------------------------------------------------------------------------------- files


def read_sixteenths(path: Path, split: Split) -> list[Tensor]:
    """The pieces of an npz file: all rows (T, 4) one after another, and the offsets at which each piece begins and ends."""
    with np.load(path, allow_pickle=False) as arrays:
        rows, offsets = arrays[split], arrays[f"{split}_offsets"]
    if rows.ndim != 2 or rows.shape[1] != 4 or offsets.ndim != 1 or len(offsets) < 1:
        raise Corrupt(f"{path}: rows of shape {rows.shape} and offsets of shape {offsets.shape} are no chorales")
    if offsets[0] != 0 or offsets[-1] != len(rows) or (np.diff(offsets) <= 0).any():
        raise Corrupt(f"{path}: its offsets do not cut {len(rows):,} rows into pieces")
    if ((rows != SILENCE) & ((rows < LOWEST) | (rows >= LOWEST + KEYS))).any():
        raise Corrupt(f"{path}: a pitch beyond the keys of a piano")
    return [torch.from_numpy(piece.astype(np.int64)) for piece in np.split(rows, offsets[1:-1])]


def read_quarters(path: Path, split: Split) -> list[Tensor]:
    """The pieces of a JSON file: for each split a list of pieces, of frames, of the pitches that sound."""
    try:
        pieces = json.loads(path.read_bytes())[split]
        return [_roll(piece) for piece in pieces]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Corrupt(f"{path}: not the chorales as lists of pitches ({error})") from None


def _roll(frames: Sequence[Sequence[int]]) -> Tensor:
    """One row of keys for each frame, a list of pitches."""
    roll = torch.zeros(len(frames), KEYS, dtype=torch.uint8)
    for row, pitches in zip(roll, frames, strict=True):
        if not all(isinstance(pitch, int) and LOWEST <= pitch < LOWEST + KEYS for pitch in pitches):
            raise ValueError(f"a frame of {pitches}, which are not keys of a piano")
        row[[pitch - LOWEST for pitch in pitches]] = 1
    return roll


def _checked(split: Split) -> Split:
    if split not in get_args(Split):
        raise ValueError(f"the chorales have the splits {', '.join(get_args(Split))}, not {split!r}")
    return split
