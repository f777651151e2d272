"""Noise that is a function of where it is used: of (seed, row, step, column), and of nothing else.

A generator hands out numbers in the order in which it is asked, so a dream's noise would depend on how many others run beside
it. Here each number is the hash of its place (a counter-based generator, Salmon et al. 2011): any batch, any order, any
number of workers give the same bits.

    key     = mix64(mix64(mix64(seed) + row) + step)                    64 bits for each row, mix64 of splitmix64 (Vigna)
    bits    = mix32(mix32(low(key) + column * golden) xor high(key))    32 bits for each column, mix32 by Wellons' search
    uniform = (bits >> 9 + 1/2) / 2^23                                  strictly inside (0, 1), exact in float32
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from genmodels import compiled

MANY = 1024  # numbers from which on it is worth while to have a compiled loop make them


def uniform(seed: int, rows: Tensor, step: int | Tensor, n: int) -> Tensor:
    """n numbers uniform in (0, 1) for each row at a step: rows (B,) of int64, one step for all or (B,), to (B, n).

    >>> rows = torch.tensor([7, 8, 9])
    >>> torch.equal(uniform(0, rows, 3, 2)[1:], uniform(0, rows[1:], 3, 2))
    True
    """
    if rows.dtype != torch.int64 or rows.ndim != 1:
        raise ValueError(f"rows is (B,) of int64, not {tuple(rows.shape)} of {rows.dtype}")
    if compiled.available() and rows.device.type == "cpu" and len(rows) * n >= MANY:
        from genmodels.sampling.compiled_noise import uniforms

        steps = torch.as_tensor(step).expand_as(rows)
        return torch.from_numpy(uniforms(seed % 2**64, rows.numpy(), steps.numpy(), n)).t()
    key = _mix64(_mix64(_mix64(torch.full_like(rows, _signed(seed, 64))) + rows) + step)
    low, high = ((key >> shift).bitwise_and_(0xFFFFFFFF).to(torch.int32) for shift in (0, 32))
    bits = low + _GOLDEN * torch.arange(n, dtype=torch.int32, device=rows.device)[:, None]
    bits = _mix32_(_mix32_(bits).bitwise_xor_(high))
    return _shifted(bits, 9, 32).to(torch.float32).add_(0.5).mul_(2.0**-23).t()


def gaussian(uniforms: Tensor) -> Tensor:
    """Standard normal numbers, one from each uniform one, by the inverse of their distribution function."""
    return torch.erfinv(2.0 * uniforms - 1.0).mul_(math.sqrt(2.0))


def normal(seed: int, rows: Tensor, step: int | Tensor, n: int) -> Tensor:
    """n standard normal numbers for each row at a step; see `uniform`."""
    return gaussian(uniform(seed, rows, step, n))


def _signed(number: int, bits: int) -> int:
    """The signed integer with the same low bits.

    >>> _signed(2**32 - 1, 32)
    -1
    """
    return (number + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


_GOLDEN = _signed(0x9E3779B9, 32)


def _shifted(x: Tensor, by: int, bits: int) -> Tensor:
    """x >> by, zeros moving in."""
    return (x >> by).bitwise_and_((1 << bits - by) - 1)


def _mix64(x: Tensor) -> Tensor:
    x = x + _signed(0x9E3779B97F4A7C15, 64)
    x = (x ^ _shifted(x, 30, 64)) * _signed(0xBF58476D1CE4E5B9, 64)
    x = (x ^ _shifted(x, 27, 64)) * _signed(0x94D049BB133111EB, 64)
    return x ^ _shifted(x, 31, 64)


def _mix32_(x: Tensor) -> Tensor:
    x.bitwise_xor_(_shifted(x, 16, 32)).mul_(_signed(0x7FEB352D, 32))
    x.bitwise_xor_(_shifted(x, 15, 32)).mul_(_signed(0x846CA68B, 32))
    return x.bitwise_xor_(_shifted(x, 16, 32))
