"""Random streams, each a function of a seed and a key: nothing is drawn from a hidden global state."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


def stream(seed: int, *key: int) -> int:
    """The seed of one of the independent random streams below a root seed.

    >>> stream(0, 1) == stream(0, 1), stream(0, 1) == stream(0, 2)
    (True, False)
    """
    return int(np.random.SeedSequence(seed, spawn_key=key).generate_state(1, np.uint64)[0])


def normal(shape: Sequence[int], device: torch.device, generator: torch.Generator | None = None) -> Tensor:
    """Standard normal noise on a device, drawn where the generator is, so that one generator serves every device."""
    where = device if generator is None else generator.device
    return torch.randn(*shape, generator=generator, device=where).to(device)


def uniform(
    shape: Sequence[int],
    device: torch.device,
    generator: torch.Generator | None = None,
    dtype: torch.dtype = torch.float32,
) -> Tensor:
    """Noise uniform in [0, 1) on a device, drawn where the generator is."""
    where = device if generator is None else generator.device
    return torch.rand(*shape, generator=generator, device=where, dtype=dtype).to(device)
