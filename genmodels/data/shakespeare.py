"""Tiny Shakespeare: 1.1 million characters of the plays, 65 different ones (Karpathy 2015, char-rnn).

By convention the first 90 % are for training and the last 10 % for validation; there is no third part.
"""

from __future__ import annotations

from typing import Literal

from genmodels.data.downloads import Source, locate

Split = Literal["train", "valid"]

SOURCE = Source(
    "tinyshakespeare.txt",
    "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ("https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",),
    limit=1 << 21,
)


def shakespeare(split: Split = "train") -> str:
    """The text: 1,003,854 characters to train on, 111,540 to judge by."""
    if split not in ("train", "valid"):
        raise ValueError(f"tiny Shakespeare has the splits train, valid, not {split!r}")
    text = locate(SOURCE).read_text(encoding="ascii")
    cut = len(text) * 9 // 10
    return text[:cut] if split == "train" else text[cut:]
