"""The C library's allocator, asked to keep what it has."""

from __future__ import annotations

import contextlib
import ctypes
import sys

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # glibc's malloc.h
_KEPT, _LARGE = 1 << 30, 32 << 20


def keep_pages() -> None:
    """Leave up to a gigabyte that was freed with the process, for arrays below 32 megabytes.

    Otherwise each array of a few megabytes is fetched from the system and given back a moment later, and the system clears
    every page of it before it is written: in a step of dreams, or of training, that took as long as some of the arithmetic.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):  # another C library
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_TRIM_THRESHOLD, _KEPT)
            mallopt(_MMAP_THRESHOLD, _LARGE)
