"""Piano rolls: time goes to the right, pitch upwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from genmodels.viz.figure import Picture

LOWEST = 21  # the MIDI pitch of a piano's first key
INK, WHITE_KEY, BLACK_KEY, BAR = (66, 105, 165), (255, 255, 255), (242, 243, 245), (222, 225, 229)
_BLACK = (1, 3, 6, 8, 10)  # of the twelve pitches of an octave


def piano_rolls(rolls: Sequence[Tensor], bar: int = 4, factor: int = 5) -> Picture:
    """Pieces (T, 88), one where a key sounds, each below the last; all show the keys from the lowest to the highest that sound.

    Arguments:
        rolls: pieces; where a number is neither 0 nor 1 the colour lies between.
        bar: frames between two vertical lines.
        factor: pixels of a frame and of a key.

    >>> import torch
    >>> piano_rolls([torch.eye(88)[50:54], torch.eye(88)[50:52]]).shape  # 4 keys and 4 frames of 5 pixels; 10 between pieces
    (50, 20, 3)
    """
    if not rolls or any(roll.ndim != 2 or roll.shape != (len(roll), 88) or len(roll) == 0 for roll in rolls):
        raise ValueError(f"a piano roll is (T, 88), these are {', '.join(str(tuple(roll.shape)) for roll in rolls) or 'none'}")
    played = [roll.detach().cpu().float().clamp(0.0, 1.0).numpy() for roll in rolls]
    sounding = np.flatnonzero(np.concatenate(played).max(0) > 0.5)
    low, high = (int(sounding.min()), int(sounding.max()) + 1) if len(sounding) else (0, 88)
    longest, gap = max(map(len, played)), np.full((2 * factor, factor * max(map(len, played)), 3), 255, np.uint8)
    sheets: list[Picture] = []
    for roll in played:
        paper = np.full((high - low, longest, 3), WHITE_KEY, float)
        paper[[(LOWEST + key) % 12 in _BLACK for key in range(low, high)]] = BLACK_KEY
        paper[:, len(roll) :] = 255.0
        share = roll[:, low:high].T[..., None]  # (keys, T, 1)
        paper[:, : len(roll)] += share * (np.array(INK) - paper[:, : len(roll)])
        sheet = paper[::-1].round().astype(np.uint8).repeat(factor, 0).repeat(factor, 1)
        for line in range(bar * factor, len(roll) * factor, bar * factor):
            column = sheet[:, line]  # a view
            column[(column != INK).any(-1)] = BAR
        sheets += [sheet, gap]
    return np.concatenate(sheets[:-1])
