"""log p under mixtures of Gaussians, and its slopes in all of their parameters, in one pass.

    u_k = log w_k - log sd_k - d_k^2 / 2        d_k = (x - mean_k) / sd_k,  sd_k = floor + e^(r_k)
    log p(x) = logsumexp_k u_k - log sqrt(2 pi),        q = softmax u
    d / d logit_k = q_k - w_k        d / d mean_k = q_k d_k / sd_k        d / d r_k = q_k (d_k^2 - 1) e^(r_k) / sd_k

r is held between -87 and 87. Step by step PyTorch goes through memory again and again for the same.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numba import float32
from torch import Tensor
from torch.autograd.function import once_differentiable

from genmodels.compiled.arithmetic import exp, kernel, log
from genmodels.compiled.threads import each

AT_ONCE = 128  # rows in a part, of which each thread takes one after the other

_ONE, _HALF = float32(1.0), float32(0.5)
_HALF_LOG_TWO_PI = float32(0.5 * math.log(2.0 * math.pi))


class QuickMixture(torch.autograd.Function):
    """log p of each number of x (N, Z), given logits, means and r: parameters (N, 3, K, Z), contiguous, of float32."""

    @staticmethod
    def forward(ctx: Any, parameters: Tensor, x: Tensor, floor: float) -> Tensor:
        nats, slopes = torch.empty_like(x), torch.empty_like(parameters)
        arrays, starts = [part.detach().numpy() for part in (parameters, x, nats, slopes)], range(0, len(x), AT_ONCE)
        threads = min(torch.get_num_threads(), len(starts))
        each(lambda start: _nats(*(part[start : start + AT_ONCE] for part in arrays), np.float32(floor)), starts, threads)
        ctx.save_for_backward(slopes)
        return nats

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, of_nats: Tensor) -> tuple[Tensor, None, None]:
        (slopes,) = ctx.saved_tensors
        return slopes * of_nats[:, None, None], None, None


@kernel
def _nats(parameters, x, nats, slopes, floor):
    components, latent = parameters.shape[2:]
    top, total, best, sums = np.empty((4, latent), np.float32)
    weight, deviate, inverse, joint = np.empty((4, components, latent), np.float32)
    for n in range(len(x)):
        of_x, of_nats = x[n], nats[n]
        top[:] = best[:] = -np.inf
        total[:] = sums[:] = 0.0
        for k in range(components):
            logit = parameters[n, 0, k]
            for d in range(latent):
                top[d] = max(top[d], logit[d])
        for k in range(components):
            logit, mean, r, share = parameters[n, 0, k], parameters[n, 1, k], parameters[n, 2, k], slopes[n, 2, k]
            of_weight, of_deviate, of_inverse, of_joint = weight[k], deviate[k], inverse[k], joint[k]
            for d in range(latent):
                above = exp(r[d])
                sd = above + floor
                of_inverse[d] = _ONE / sd
                share[d] = above * of_inverse[d]
                of_deviate[d] = (of_x[d] - mean[d]) * of_inverse[d]
                of_weight[d] = exp(logit[d] - top[d])
                total[d] += of_weight[d]
                of_joint[d] = logit[d] - top[d] - log(sd) - _HALF * of_deviate[d] * of_deviate[d]
                best[d] = max(best[d], of_joint[d])
        for k in range(components):
            of_joint = joint[k]
            for d in range(latent):
                of_joint[d] = exp(of_joint[d] - best[d])
                sums[d] += of_joint[d]
        for d in range(latent):
            of_nats[d] = best[d] + log(sums[d]) - log(total[d]) - _HALF_LOG_TWO_PI
            sums[d], total[d] = _ONE / sums[d], _ONE / total[d]
        for k in range(components):
            of_weight, of_deviate, of_inverse, of_joint = weight[k], deviate[k], inverse[k], joint[k]
            of_logit, of_mean, of_r = slopes[n, 0, k], slopes[n, 1, k], slopes[n, 2, k]
            for d in range(latent):
                q = of_joint[d] * sums[d]
                of_logit[d] = q - of_weight[d] * total[d]
                of_mean[d] = q * of_deviate[d] * of_inverse[d]
                of_r[d] *= q * (of_deviate[d] * of_deviate[d] - _ONE)
