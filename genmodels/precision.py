"""The precision that a processor is quick in, told by what it is: by a timing two runs on it might differ."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal

AMX, AVX = "amx_bf16", "avx512_bf16"  # matrices, and rows of numbers


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
