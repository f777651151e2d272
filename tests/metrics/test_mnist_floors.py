"""The figures of MNIST itself, all digits: they change only if the data, the judges or the metrics do."""

from __future__ import annotations

import math

import pytest

from genmodels.data import Labelled, binarised
from genmodels.metrics import histogram_nats, judge_digits, naive_bayes_nats, pixel_nats

pytestmark = pytest.mark.slow


def test_likelihoods_of_models_that_only_count(train_digits: Labelled, test_digits: Labelled) -> None:
    train, test = binarised(train_digits.images, seed=0), binarised(test_digits.images, seed=1)
    assert pixel_nats(train, test) == pytest.approx(205.8, abs=0.3)
    assert naive_bayes_nats(train, train_digits.labels, test) == pytest.approx(170.8, abs=0.3)
    assert histogram_nats(train_digits.images, test_digits.images) / 784 / math.log(2) == pytest.approx(1.690, abs=0.002)


def test_ten_thousand_training_digits(train_digits: Labelled, test_digits: Labelled) -> None:
    figures = judge_digits(train_digits.images[-10_000:])
    assert figures["fd_train"] == pytest.approx(0.044, abs=0.02)
    assert figures["fd_trivial"] == pytest.approx(47.3, abs=0.5)
    assert figures["r"] == pytest.approx(0, abs=0.002)
    assert figures["r_second"] == pytest.approx(0, abs=0.002)
    assert abs(figures["kd"]) < 0.01
    assert figures["precision"] == pytest.approx(0.87, abs=0.03)
    assert figures["recall"] == pytest.approx(0.88, abs=0.03)
