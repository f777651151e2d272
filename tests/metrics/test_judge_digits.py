"""The figures of generated digits, on generators whose worth is known."""

from __future__ import annotations

import math

import pytest
import torch

from genmodels.data import Labelled
from genmodels.metrics import class_recalls, digit_memorisation, judge_digits, label_accuracy, trivial_digits

N = 1000


def test_training_digits_score_about_zero(train_digits: Labelled, test_digits: Labelled) -> None:
    figures = judge_digits(train_digits.images[-N:])
    assert figures["r"] == pytest.approx(0, abs=0.02)
    assert figures["r_second"] == pytest.approx(0, abs=0.02)
    assert figures["precision"] > 0.6
    assert figures["digit_kl"] < 0.02
    assert all(math.isfinite(value) for value in figures.values())


def test_the_trivial_generator_scores_about_one(train_digits: Labelled, test_digits: Labelled) -> None:
    figures = judge_digits(trivial_digits(N, seed=5))
    assert figures["r"] == pytest.approx(1, abs=0.1)
    assert figures["r_second"] == pytest.approx(1, abs=0.1)
    assert figures["fd"] > 5 * figures["fd_train"]
    assert figures["recall"] < 0.5


def test_a_generator_of_ones_is_precise_and_nothing_else(train_digits: Labelled, test_digits: Labelled) -> None:
    figures = judge_digits(train_digits.where(1).images[:N])
    assert figures["precision"] > 0.6
    assert figures["recall"] < 0.3
    assert figures["digit_kl"] == pytest.approx(-math.log((test_digits.labels == 1).double().mean()), abs=0.1)


def test_figures_come_from_the_seed(train_digits: Labelled, test_digits: Labelled) -> None:
    samples = train_digits.images[:200]
    first = judge_digits(samples, seed=1)
    assert judge_digits(samples.float() / 255, seed=1) == pytest.approx(first, rel=1e-6)
    other = judge_digits(samples, seed=2)
    assert other["fd"] == first["fd"]
    assert other["fd_train"] != first["fd_train"]


def test_labels_that_are_obeyed_and_not(test_digits: Labelled) -> None:
    images, labels = test_digits.images[:N], test_digits.labels[:N]
    assert label_accuracy(images, labels) > 0.98
    assert label_accuracy(images, (labels + 1) % 10) < 0.01


def test_a_digit_that_never_varies_has_no_recall(train_digits: Labelled, test_digits: Labelled) -> None:
    images, labels = train_digits.images[:2000].clone(), train_digits.labels[:2000]
    images[labels == 3] = images[labels == 3][:1].clone()
    recalls = class_recalls(images, labels)
    assert recalls[3] < 0.05
    assert min(recalls[:3] + recalls[4:]) > 0.4


@pytest.mark.slow
def test_digits_that_are_copied_fresh_and_noise(train_digits: Labelled, test_digits: Labelled) -> None:
    copies = digit_memorisation(train_digits.images[:500])
    assert copies.ratio < 1e-3
    assert copies.near == 1
    fresh = digit_memorisation(test_digits.images[:1000])
    assert fresh.ratio == pytest.approx(1, abs=0.1)
    assert fresh.near == pytest.approx(0.01, abs=0.01)
    noise = torch.rand(500, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    assert digit_memorisation(noise).ratio > 1.5


def test_what_is_no_digit_is_refused() -> None:
    with pytest.raises(ValueError, match="rescale or clamp"):
        judge_digits(2 * torch.ones(10, 1, 28, 28))
