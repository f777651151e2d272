"""What a generator of digits is worth, against the MNIST test set.

    r = (FD(model) - FD(train)) / (FD(trivial) - FD(train))

FD(train), the floor, is what as many real training digits score; FD(trivial) is what a Gaussian in the first 50 principal
components of their pixels scores. All three have the same number of samples, so that the bias of FD cancels.
"""

from __future__ import annotations

from functools import cache

import torch
from torch import Tensor

from genmodels.data import mnist
from genmodels.metrics.frechet import frechet_distance, kernel_distance, relative_frechet
from genmodels.metrics.judges import Name, judge
from genmodels.metrics.memorisation import Memorisation, compare_distances, nearest_distance
from genmodels.metrics.mode_counts import histogram_kl
from genmodels.metrics.pca import PCA
from genmodels.metrics.prdc import precision_recall
from genmodels.random_streams import stream

COMPONENTS = 50


def judge_digits(samples: Tensor, seed: int = 0) -> dict[str, float]:
    """Every figure for `samples` (N, 1, 28, 28), float in [0, 1] or uint8, against as many test digits (10,000 by convention).

    | key | what |
    |---|---|
    | `fd` | Fréchet distance to the test set |
    | `fd_train`, `fd_trivial` | that of as many training digits, of as many trivial samples |
    | `r` | where `fd` lies between these: 0 is as good as training digits, 1 no better than the trivial generator |
    | `kd` | kernel distance to the test set |
    | `precision`, `recall`, `density`, `coverage` | against the test set, k = 3 |
    | `digit_kl` | KL(digits of the samples || digits of the test set), both as the judge reads them, in nats |
    | `fd_second`, `fd_train_second`, `fd_trivial_second`, `r_second` | as the first four, in the second judge's features |

    `seed` draws the training digits and the trivial samples, whose figures are kept for the next call in this process.
    """
    made, real = judge("mnist").features(samples), _test_features("mnist", len(samples))
    second = _frechet("mnist-second", judge("mnist-second").features(samples), seed)
    return {
        **_frechet("mnist", made, seed),
        "kd": kernel_distance(made, real),
        **precision_recall(real, made)._asdict(),
        "digit_kl": histogram_kl(_digit_counts(made), _digit_counts(real)),
        **{f"{key}_second": value for key, value in second.items()},
    }


def label_accuracy(samples: Tensor, labels: Tensor) -> float:
    """The share of `samples` that the judge reads as the digit they were asked to be, `labels` (N,)."""
    return judge("mnist").accuracy(samples, labels)


def class_recalls(samples: Tensor, labels: Tensor, k: int = 3) -> list[float]:
    """For each digit, the recall of the test set's by the `samples` that were asked to be it: is any digit always the same?"""
    made, real = judge("mnist").features(samples), _test_features("mnist", 10_000)
    asked, real_labels = labels.to(made.device), mnist("test").labels
    return [precision_recall(real[real_labels == digit], made[asked == digit], k).recall for digit in range(10)]


def digit_memorisation(samples: Tensor) -> Memorisation:
    """Whether `samples` (N, 1, 28, 28) are copies of MNIST's training digits, in the second judge's features.

    A low ratio tells of copies; a high one does not tell that there are none, for blemishes move features more than another
    hand does: training digits with noise of 0.05 score 1.1. The first call in a process judges all training and test digits;
    what it finds is kept for the next.
    """
    made = judge("mnist-second").features(samples)
    return compare_distances(nearest_distance(made, _train_features()), _test_distances())


def trivial_digits(n: int, seed: int = 0) -> Tensor:
    """`n` samples (n, 1, 28, 28) of the trivial generator: a full-covariance Gaussian in 50 principal components.

    Its principal components are those of six training digits for each sample: of all, for 10,000 samples.
    """
    return _components(min(6 * n, 60_000)).sample(n, seed)


def _frechet(name: Name, features: Tensor, seed: int) -> dict[str, float]:
    fd = frechet_distance(features, _test_features(name, len(features)))
    train, trivial = _scale(name, len(features), seed)
    return {"fd": fd, "fd_train": train, "fd_trivial": trivial, "r": relative_frechet(fd, train, trivial)}


@cache
def _scale(name: Name, n: int, seed: int) -> tuple[float, float]:
    """The two ends of r: the distances of `n` training digits and of `n` trivial samples."""
    train = mnist("train").images
    if n > len(train):
        raise ValueError(f"{n:,} samples, but only {len(train):,} training digits for the floor")
    chosen = torch.randperm(len(train), generator=torch.Generator().manual_seed(stream(seed, 0)))[:n]
    ends = (train[chosen], trivial_digits(n, stream(seed, 1)))
    at_train, at_trivial = (frechet_distance(judge(name).features(end), _test_features(name, n)) for end in ends)
    return at_train, at_trivial


@cache
def _test_features(name: Name, n: int) -> Tensor:
    return judge(name).features(mnist("test").images[:n])


@cache
def _train_features() -> Tensor:
    return judge("mnist-second").features(mnist("train").images)


@cache
def _test_distances() -> Tensor:
    """From each test digit to the nearest training digit."""
    return nearest_distance(_test_features("mnist-second", 10_000), _train_features())


@cache
def _components(n: int) -> PCA:
    return PCA.fit(mnist("train").images[:n], COMPONENTS)


def _digit_counts(features: Tensor) -> Tensor:
    with torch.no_grad():
        return torch.bincount(judge("mnist").head(features).argmax(1), minlength=10)
