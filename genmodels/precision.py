"""Precisions, and the one that a processor is quick in, told by what it says it is: timings differ from run to run."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

AMX, AVX = "amx_bf16", "avx512_bf16"  # matrices, and rows of numbers


def checked_precision(given: str, known: Sequence[str] = ("fp32", "bf16")) -> str:
    """The precision that is given, if it is known.

    >>> checked_precision("bfloat16")
    Traceback (most recent call last):
    ValueError: precision is 'fp32' or 'bf16', not 'bfloat16'
    """
    if given not in known:
        *others, last = map(repr, known)
        raise ValueError(f"precision is {', '.join(others)} or {last}, not {given!r}")
    return given


def quick_precision() -> Literal["bf16", "fp32"]:
    """bf16 where the processor multiplies matrices, or rows of numbers, in it."""
    about = _about()
    return "bf16" if AMX in about or AVX in about else "fp32"


def multiplied_at_once() -> int:
    """How many numbers of bf16 along a sum the processor multiplies together: sums are quickest if they have a multiple."""
    return 32 if AMX in _about() else 4


def _about() -> str:
    """What the system says of its processors, or nothing."""
    with contextlib.suppress(OSError):
        return Path("/proc/cpuinfo").read_text(errors="replace")
    return ""
