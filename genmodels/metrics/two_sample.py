"""Can real points be told from made ones? The classifier two-sample test (Lopez-Paz and Oquab 2017, arXiv:1610.06545).

    accuracy = share of points, real and made, that a classifier trained on other points takes for what they are

It is 1/2 where the two have one distribution. The best of classifiers reaches 1/2 + TV / 2, TV being the total variation
distance between the distributions; this one comes close in the plane. In tens of dimensions it takes thousands of points to
see more than coarse differences, so an accuracy near 1/2 says less there.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import TensorDataset

from genmodels.metrics.frechet import check_features
from genmodels.nn import FourierFeatures, mlp
from genmodels.random_streams import stream
from genmodels.training import Optimizer, Shuffled, Update, fit

FOLDS = 5
STEPS, BATCH = 150, 512
FARTHEST = 10.0  # standard deviations; made points that lie farther are brought here, where they are as easy to tell


class C2ST(NamedTuple):
    """The accuracy on points held out, and its standard error."""

    accuracy: float
    error: float


def c2st(real: Tensor, made: Tensor, seed: int = 0) -> C2ST:
    """Between points `real` (N, D) and `made` (N, D), as many of one as of the other, so that guessing scores 1/2.

    Each fifth of both is judged by a network trained on the other four. An accuracy far below 1/2 says that the two share
    points: one that was learned as made is met again as real.

    >>> x = torch.randn(100, 2)
    >>> c2st(x, x)  # of two equal points, one is taken for what it is
    C2ST(accuracy=0.5, error=0.05)
    """
    real, made = check_features(real.detach().cpu(), made.detach().cpu())
    n = len(real)
    if len(made) != n or n < 2 * FOLDS:
        raise ValueError(f"as many real points as made ones are needed, {2 * FOLDS} or more, not {n} and {len(made)}")
    fold = torch.randperm(n, generator=torch.Generator().manual_seed(stream(seed, 0))) % FOLDS
    right = sum(_right(real, made, fold == held, stream(seed, 1, held)) for held in range(FOLDS))
    accuracy = right / (2 * n)
    # Points of different folds meet twice, either judged by what was learned from the other: where there is nothing to learn,
    # both are right or both wrong, by one chance. So the error is that of n independent verdicts and not of 2 n.
    return C2ST(accuracy, math.sqrt(accuracy * (1 - accuracy) / n))


def _right(real: Tensor, made: Tensor, held: Tensor, seed: int) -> int:
    """How many of the points at which `held` (N,) is true a classifier of the others takes for what they are."""
    mean, sd = real[~held].mean(0), real[~held].std(0).clamp(min=1e-9)
    real, made = (((x - mean) / sd).clamp(-FARTHEST, FARTHEST).float() for x in (real, made))
    classifier = _classifier(real[~held], made[~held], seed)
    with torch.no_grad():
        return int((classifier(real[held]) <= 0).sum() + (classifier(made[held]) > 0).sum())


@torch.enable_grad()
def _classifier(real: Tensor, made: Tensor, seed: int) -> nn.Module:
    """A network, (N, D) -> (N, 1), above 0 where it takes a point for made.

    In the plane a plain network would overlook all that is finer than a standard deviation. The more dimensions, the farther
    apart points lie, and the more of the fine detail is chance: the waves that it starts from grow longer.
    """
    dimensions = real.shape[1]
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(stream(seed, 0))
        waves = FourierFeatures(dimensions, frequency=dimensions**-1.5)
        classifier = nn.Sequential(waves, mlp((waves.out_features, 64, 64, 1), nn.ReLU))

    def loss(batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        x, is_made = batch
        return F.binary_cross_entropy_with_logits(classifier(x)[:, 0], is_made), {}

    labels = torch.cat([torch.zeros(len(real)), torch.ones(len(made))])
    batches = Shuffled(TensorDataset(torch.cat([real, made]), labels), BATCH, stream(seed, 1))
    update = Update("classifier", loss, classifier.parameters(), Optimizer(lr=4e-3, weight_decay=0.1, decay="cosine"))
    fit(classifier, [update], batches, steps=STEPS, device="cpu", precision="fp32", quiet=True)
    return classifier
