"""What a worker process and its parent say to each other, and the memory that they share."""

from __future__ import annotations

import mmap
import os
from typing import Any

import numpy as np
from gymnasium import spaces

from envs.action_checks import box
from envs.simulator import FRAME, Frames, Outcome

BEGIN, STEP, READY = b"b", b"s", b"{}"


def shared(descriptor: int, count: int) -> tuple[Frames, Outcome]:
    """The arrays of `count` slots in the file of this descriptor, which is made as long as they need."""
    frame_bytes = count * int(np.prod(FRAME))
    rew_at = -(-frame_bytes // 8) * 8
    masks_at = rew_at + 8 * count
    os.ftruncate(descriptor, masks_at + 3 * count)
    memory = mmap.mmap(descriptor, masks_at + 3 * count)
    masks = np.frombuffer(memory, np.bool_, 3 * count, masks_at).reshape(3, count)
    frames = np.frombuffer(memory, np.uint8, frame_bytes).reshape(count, *FRAME)
    return frames, Outcome(np.frombuffer(memory, np.float64, count, rew_at), masks[0], masks[1], masks[2])


def describe(space: spaces.Space[Any]) -> dict[str, int]:
    """An action space of ours as plain data.

    >>> parse(describe(box(3))), parse(describe(spaces.Discrete(4)))
    (Box(-1.0, 1.0, (3,), float32), Discrete(4))
    """
    if isinstance(space, spaces.Discrete):
        return {"n": int(space.n), "start": int(space.start)}
    return {"box": int(np.prod(space.shape or ()))}


def parse(description: dict[str, int]) -> spaces.Space[Any]:
    """The inverse of `describe`."""
    if "box" in description:
        return box(description["box"])
    return spaces.Discrete(description["n"], start=description["start"])
