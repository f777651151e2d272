"""Arithmetic for loops that Numba compiles: exponentials it can vectorise, and numbers of bf16, which NumPy has not.

    exp(x) = 2^k e^f                 k = round(x / log 2), f the rest, |f| <= log(2) / 2: e^f by its series to f^7 / 7!
    log(x) = k log 2 + 2 artanh t    x = 2^k m, 2/3 < m <= 4/3, t = (m - 1) / (m + 1): artanh t by its series to t^9 / 9
    tanh(x) = x P(x^2) / Q(x^2)      fitted by least squares, weighted until the errors on [-8, 8] were equal
    normal(u) = x P(-log(1 - x^2))   x = 2 u - 1: Giles (2012), Approximating the erfinv function, his two polynomials

Each is a function of one number, to be called in a loop over a contiguous row. Relative errors of `exp` are below 1e-7, those
of `tanh` and `sigmoid` below 4e-7 of 1, those of `normal` below 4e-7.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import float32, int32, njit, types, uint16, uint32
from numba.extending import intrinsic

_FORM = {"error_model": "numpy", "fastmath": {"contract", "nsz", "arcp"}}


def kernel(function: Callable[..., Any]) -> Any:
    """Compiles a function, which then lets go of the lock on Python's objects; what it compiled is kept beside the source."""
    try:
        return njit(nogil=True, cache=True, **_FORM)(function)
    except RuntimeError:  # there is no place to keep it that may be written
        return njit(nogil=True, **_FORM)(function)


within = njit(inline="always", **_FORM)
"""Compiles a function that kernels call."""

_LOG2E, _HIGH, _LOW = float32(1.4426950408889634), float32(0.693359375), float32(-2.12194440e-4)  # high + low = log 2
_ROUND = float32(1.5 * 2**23)  # to add and take away leaves the nearest whole number
_FAR = float32(87.0)
_ONE = float32(1.0)


@intrinsic
def _as_float(context: Any, bits: Any) -> Any:
    """The number with these bits."""
    return types.float32(types.uint32), lambda _, builder, __, given: builder.bitcast(given[0], ir.FloatType())


@intrinsic
def _as_bits(context: Any, number: Any) -> Any:
    """A number's bits."""
    return types.uint32(types.float32), lambda _, builder, __, given: builder.bitcast(given[0], ir.IntType(32))


@within
def wide(x):
    """bf16, as its 16 bits, to float32."""
    return _as_float(uint32(x) << uint32(16))


@within
def narrow(x):
    """float32 to the nearest bf16, as its 16 bits."""
    bits = _as_bits(x)
    return uint16((bits + uint32(0x7FFF) + ((bits >> uint32(16)) & uint32(1))) >> uint32(16))


@within
def exp(x):
    """e^x in float32, of an x held between -87 and 87."""
    x = min(max(x, -_FAR), _FAR)
    shifted = x * _LOG2E + _ROUND
    k = shifted - _ROUND
    f = x - k * _HIGH - k * _LOW
    y = (float32(1 / 5040) * f + float32(1 / 720)) * f + float32(1 / 120)
    y = ((y * f + float32(1 / 24)) * f + float32(1 / 6)) * f + float32(1 / 2)
    y = (y * f + _ONE) * f + _ONE
    return y * _as_float(uint32((int32(k) + int32(127)) << int32(23)))


@within
def sigmoid(x):
    """1 / (1 + e^-x)."""
    return _ONE / (_ONE + exp(-x))


@within
def tanh(x):
    """The hyperbolic tangent, of an x held between -8 and 8."""
    x = min(max(x, -float32(8.0)), float32(8.0))
    s = x * x
    p = float32(1.50617131e-08) * s + float32(2.17731786e-05)
    p = ((p * s + float32(3.56415215e-03)) * s + float32(0.134381878)) * s + float32(0.99999997)
    q = float32(8.45362306e-07) * s + float32(3.39917281e-04)
    q = ((q * s + float32(2.61360007e-02)) * s + float32(0.467715086)) * s + _ONE
    return x * p / q


@within
def log(x):
    """The natural logarithm of an x that is above 0 and no subnormal number."""
    bits = _as_bits(x)
    k = (int32(bits) - int32(0x3F2AAAAB)) >> int32(23)  # bits of 2/3
    m = _as_float(bits - uint32(k << int32(23)))
    t = (m - _ONE) / (m + _ONE)
    s = t * t
    y = (float32(1 / 9) * s + float32(1 / 7)) * s + float32(1 / 5)
    y = (y * s + float32(1 / 3)) * s + _ONE
    return float32(k) * float32(0.6931471805599453) + float32(2.0) * t * y


@within
def normal(u):
    """The number below which a standard normal one is with probability u, strictly between 0 and 1."""
    x = u + u - _ONE
    w = -log((_ONE - x) * (_ONE + x))
    near, far = w - float32(2.5), np.sqrt(w) - float32(3.0)
    p = float32(2.81022636e-08) * near + float32(3.43273939e-07)
    p = (p * near + float32(-3.5233877e-06)) * near + float32(-4.39150654e-06)
    p = (p * near + float32(0.00021858087)) * near + float32(-0.00125372503)
    p = (p * near + float32(-0.00417768164)) * near + float32(0.246640727)
    p = p * near + float32(1.50140941)
    q = float32(-0.000200214257) * far + float32(0.000100950558)
    q = (q * far + float32(0.00134934322)) * far + float32(-0.00367342844)
    q = (q * far + float32(0.00573950773)) * far + float32(-0.0076224613)
    q = (q * far + float32(0.00943887047)) * far + float32(1.00167406)
    q = q * far + float32(2.83297682)
    return float32(1.4142135623730951) * (p if w < float32(5.0) else q) * x
