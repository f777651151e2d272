"""Which texts are to be learned from, and which to judge by, where texts are made as they are needed.

A text belongs to the test split if its checksum is divisible by eight: no text of one split can come up in the other, whatever
seeds they are made with and however many there are.
"""

from __future__ import annotations

from typing import Literal
from zlib import crc32

Split = Literal["train", "test"]


def belongs(text: str, split: Split) -> bool:
    """Whether a text is of this split.

    >>> [sum(belongs(str(number), split) for number in range(8000)) for split in ("train", "test")]
    [7001, 999]
    """
    if split not in ("train", "test"):
        raise ValueError(f"split is 'train' or 'test', not {split!r}")
    return (crc32(text.encode()) % 8 == 0) == (split == "test")
