"""The passes between the matrix products of `FusedSteps`: loops over rows of dreams, compiled by Numba.

Arrays of floats are (rows, N) of all dreams, whose columns from `start` on a pass takes; arrays of bits, numbers of bf16,
are (rows, n) of these dreams alone. The innermost loop is always over dreams, along a stretch of memory.
"""

from __future__ import annotations

import math

import numpy as np
from numba import float32

from genmodels.compiled.arithmetic import exp, kernel, narrow, normal, sigmoid, tanh, wide


@kernel
def fill(part, start, x):
    """Numbers (rows, N) from a column on, as x's bf16 (rows, n)."""
    for row in range(len(x)):
        of_x = x[row]
        of_part = part[row][start : start + len(of_x)]
        for j in range(len(of_x)):
            of_x[j] = narrow(of_part[j])


@kernel
def cells(gates, start, h, c, x):
    """The LSTM's equations: its gates (4 H, n), those of sigmoids halved, to h' and c' (H, N), and h' as bf16."""
    hidden, stop, half, one = len(h), start + x.shape[1], float32(0.5), float32(1.0)
    for row in range(hidden):
        of_i, of_f, of_g, of_o = gates[row], gates[hidden + row], gates[2 * hidden + row], gates[3 * hidden + row]
        of_h, of_c, of_x = h[row][start:stop], c[row][start:stop], x[row]
        for j in range(len(of_x)):
            i, f, g, o = tanh(wide(of_i[j])), tanh(wide(of_f[j])), tanh(wide(of_g[j])), tanh(wide(of_o[j]))
            cell = half * ((one + f) * of_c[j] + (one + i) * g)
            seen = half * (one + o) * tanh(cell)
            of_c[j], of_h[j], of_x[j] = cell, seen, narrow(seen)


@kernel
def draw(mixtures, start, z, choose, point, residual, floor, temperature, after, x, room):
    """A draw from each mixture, of parameters (3 K Z, n) in the order of `MixtureHead`: z' (Z, N) and its bf16 (Z, n).

    For each dimension it goes through rows of K in turn, so that the innermost loop is over dreams.
    """
    latent, one = len(x), float32(1.0)
    components = len(mixtures) // (3 * latent)
    spread, width, stop = float32(math.sqrt(temperature)), x.shape[1], start + x.shape[1]
    top, total, mean, sd, left = room[0], room[1], room[2], room[3], room[4]
    for d in range(latent):
        of_choose, of_point, of_z = choose[d][start:stop], point[d][start:stop], z[d][start:stop]
        of_after, of_x, logit = after[d][start:stop], x[d], mixtures[d]
        for j in range(width):
            top[j], total[j], mean[j], sd[j], left[j] = wide(logit[j]), float32(0.0), float32(0.0), float32(0.0), one
        for k in range(1, components):
            logit = mixtures[k * latent + d]
            for j in range(width):
                top[j] = max(top[j], wide(logit[j]))
        for k in range(components):
            logit, up_to = mixtures[k * latent + d], room[5 + k]
            for j in range(width):
                total[j] += exp((wide(logit[j]) - top[j]) / temperature)
                up_to[j] = total[j]  # not normalised: `choose` is scaled
        for k in range(components):
            up_to = room[5 + k]
            of_mean, of_sd = mixtures[(components + k) * latent + d], mixtures[(2 * components + k) * latent + d]
            for j in range(width):
                passed = one if of_choose[j] * total[j] > up_to[j] else float32(0.0)
                chosen = left[j] - passed
                mean[j] += chosen * wide(of_mean[j])
                sd[j] += chosen * wide(of_sd[j])
                left[j] = passed
        for j in range(width):
            drawn = mean[j] + spread * (exp(sd[j]) + floor) * normal(of_point[j]) + residual * of_z[j]
            of_after[j], of_x[j] = drawn, narrow(drawn)


@kernel
def read_off(sums, start, weights, bias, scale, squashed, said):
    """A head's number from the sums (rows, n) of its first layer: scale w silu(sums) + b, or of one row that row itself."""
    width = sums.shape[1]
    y = np.empty(width, np.float32)
    for j in range(width):
        y[j] = bias if len(weights) else wide(sums[0, j])
    for row in range(len(weights)):
        of_sums, weight = sums[row], weights[row]
        for j in range(width):
            x = wide(of_sums[j])
            y[j] += weight * x * sigmoid(x)
    for j in range(width):
        said[start + j] = sigmoid(y[j]) if squashed else scale * y[j]
