"""What a model of images or points must beat: likelihoods of models that count and do nothing else, computed exactly.

    pixels         p(x) = prod_d Bernoulli(x_d | mu_d)                    binary images
    naive Bayes    p(x) = sum_y p(y) prod_d Bernoulli(x_d | mu_yd)        binary images, labels used in training only
    histograms     p(x) = prod_d Categorical(x_d | h_d)                   256 grey levels
    Gaussian       p(x) = N(x | mean, full covariance)                    points

One is added to each count. Binary images are those of `genmodels.data.binarised`.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor


def pixel_nats(train: Tensor, test: Tensor) -> float:
    """Mean -log p of binary `test` (M, ...) under independent pixels with the frequencies of binary `train` (N, ...)."""
    return naive_bayes_nats(train, torch.zeros(len(train), dtype=torch.long), test)


def naive_bayes_nats(train: Tensor, labels: Tensor, test: Tensor) -> float:
    """Mean -log p of `test`, the labels summed out, under one set of frequencies for each label of `train`.

    >>> train = torch.tensor([[0.0], [0.0], [1.0], [1.0]])
    >>> round(naive_bayes_nats(train, torch.tensor([0, 0, 1, 1]), train), 4)  # log 2
    0.6931
    """
    on, x = train.flatten(1).double(), test.flatten(1).double()
    log_joint = []
    for label in torch.unique(labels):
        own = on[labels == label]
        mean = (own.sum(0) + 1) / (len(own) + 2)
        prior = math.log(len(own) / len(on))
        log_joint.append(prior + x @ mean.log() + (1 - x) @ (-mean).log1p())
    return -torch.logsumexp(torch.stack(log_joint), dim=0).mean().item()


def histogram_nats(train: Tensor, test: Tensor) -> float:
    """Mean -log p of `test` (M, ...) uint8 under a histogram of grey levels at each position of `train` (N, ...) uint8."""
    levels, x = train.flatten(1).long(), test.flatten(1).long()
    positions = levels.shape[1]
    cells = levels + 256 * torch.arange(positions)
    counts = torch.bincount(cells.flatten(), minlength=256 * positions).view(positions, 256).double() + 1
    log_share = (counts / (len(levels) + 256)).log()
    return -log_share[torch.arange(positions), x].sum(1).mean().item()


def gaussian_nats(train: Tensor, test: Tensor) -> float:
    """Mean -log p of points `test` (M, D) under a Gaussian with the mean and covariance of `train` (N, D).

    Two moons of sd 0.05: 1.884, which is log(2 pi e) + log det(covariance) / 2.

    >>> round(gaussian_nats(torch.tensor([[-1.0], [1.0]]), torch.tensor([[0.0]])), 4)  # log(2 pi) / 2
    0.9189
    """
    mean, points = train.double().mean(0), train.double()
    covariance = torch.atleast_2d((points - mean).T.cov(correction=0))
    gaussian = torch.distributions.MultivariateNormal(mean, covariance)
    return -gaussian.log_prob(test.double()).mean().item()
