"""The precision that a processor is quick in, told by what it is: by a timing two runs on it might differ."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Literal


def quick_precision() -> Literal["bf16", "fp32"]:
    """bf16 where the processor multiplies matrices, or rows of numbers, in it."""
    with contextlib.suppress(OSError):
        about = Path("/proc/cpuinfo").read_text(errors="replace")
        if "amx_bf16" in about or "avx512_bf16" in about:
            return "bf16"
    return "fp32"
