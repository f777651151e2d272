"""The committed judges: right, frozen, repeatable, and strict about what they are shown."""

from __future__ import annotations

import hashlib
import itertools
from pathlib import Path
from typing import get_args

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from genmodels.data import Labelled
from genmodels.metrics import DigitJudge, judge, judge_checksum
from genmodels.metrics.judges import ARCHITECTURES, WEIGHTS, Name, shifted

NAMES: tuple[Name, ...] = get_args(Name)


def test_judges_read_the_test_set_and_err_apart(test_digits: Labelled) -> None:
    first, second = (judge(name).labels(test_digits.images) != test_digits.labels for name in NAMES)
    assert first.double().mean() <= 0.01
    assert second.double().mean() <= 0.01
    assert (first & second).sum() < 0.7 * min(first.sum(), second.sum())
    assert judge("mnist").accuracy(test_digits.images[:500], test_digits.labels[:500]) == 1 - first[:500].double().mean()


@pytest.mark.parametrize("name", NAMES)
def test_the_checksum_is_that_of_the_weights_and_stands_in_the_readme(name: Name) -> None:
    data = (WEIGHTS / name / "model.safetensors").read_bytes()
    assert judge_checksum(name) == hashlib.sha256(data).hexdigest()
    assert judge_checksum(name) in (WEIGHTS / "README.md").read_text(encoding="utf-8")
    assert len(data) < 1_000_000


@pytest.mark.parametrize("name", NAMES)
def test_judges_are_frozen_and_shared(name: Name) -> None:
    assert judge(name) is judge(name)
    assert not judge(name).training
    assert not any(parameter.requires_grad for parameter in judge(name).parameters())
    images = torch.rand(3, 1, 28, 28, requires_grad=True)
    assert not judge(name).features(images).requires_grad


@pytest.mark.parametrize("name", NAMES)
def test_features_do_not_depend_on_the_batch_nor_on_the_call(name: Name, test_digits: Labelled) -> None:
    images = test_digits.images[:700]
    features = judge(name).features(images)
    assert features.shape == (700, 64)
    assert torch.equal(features, judge(name).features(images))
    one_by_one = torch.cat([judge(name).features(image[None]) for image in images[::50]])
    assert torch.allclose(features[::50], one_by_one, atol=1e-5)


@pytest.mark.parametrize("name", NAMES)
def test_bytes_and_floats_are_judged_alike_and_in_full_precision(name: Name, test_digits: Labelled) -> None:
    images = test_digits.images[:100]
    features = judge(name).features(images)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(features, judge(name).features(images.double() / 255))


@pytest.mark.parametrize("name", NAMES)
def test_logits_are_the_head_of_the_features(name: Name, test_digits: Labelled) -> None:
    images = test_digits.images[:100]
    assert torch.allclose(judge(name).logits(images), judge(name).head(judge(name).features(images)), atol=1e-5)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        (torch.zeros(2, 28, 28), "digits are"),
        (torch.zeros(2, 3, 28, 28), "digits are"),
        (torch.zeros(2, 1, 32, 32), "digits are"),
        (torch.zeros(0, 1, 28, 28), "at least 1"),
        (torch.zeros(2, 1, 28, 28, dtype=torch.int64), "int64"),
        (torch.full((2, 1, 28, 28), -1.0), "rescale or clamp"),
        (torch.full((2, 1, 28, 28), 255.0), "rescale or clamp"),
        (torch.full((2, 1, 28, 28), torch.nan), "range from nan"),
    ],
)
def test_what_is_no_digit_is_refused(images: Tensor, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        judge("mnist").features(images)


def test_a_judge_of_no_name_and_one_in_training_are_refused() -> None:
    with pytest.raises(ValueError, match="mnist, mnist-second"):
        judge("cifar")
    with pytest.raises(RuntimeError, match="eval mode"):
        DigitJudge("plain").features(torch.zeros(1, 1, 28, 28))
    with pytest.raises(ValueError, match="as many labels"):
        judge("mnist").accuracy(torch.zeros(2, 1, 28, 28), torch.zeros(3, dtype=torch.long))


@pytest.mark.parametrize("trunk", ARCHITECTURES.values())
def test_a_judge_learns_and_is_saved_as_it_is(trunk: str, tmp_path: Path) -> None:
    """Ten classes that a shift leaves alone: stripes of five widths, lying and standing."""
    torch.manual_seed(0)
    labels = torch.arange(10)
    stripes = [(torch.arange(28) % period < period / 2).float().expand(1, 28, 28) for period in (2, 4, 7, 14, 28)]
    images = torch.stack(stripes + [image.mT for image in stripes])
    model = DigitJudge(trunk)
    model.fit(TensorDataset(images, labels), steps=120, batch_size=10, device="cpu", precision="fp32")
    assert model.eval().accuracy(images, labels) >= 0.9
    model.save(tmp_path)
    again = DigitJudge.load(tmp_path).logits(images)
    assert torch.allclose(again, model.logits(images), rtol=1e-4, atol=1e-4)  # another memory layout, other rounding


def test_shifts_move_whole_images_by_up_to_two_pixels() -> None:
    torch.manual_seed(0)
    image = torch.zeros(1, 2, 9, 9)
    image[0, 0, 4, 4], image[0, 1, 4, 5] = 1.0, 2.0
    moved = shifted(image.repeat(400, 1, 1, 1))
    where = {tuple(position[1:].tolist()) for position in (moved == 1).nonzero()[:, 1:]}
    assert where == set(itertools.product(range(2, 7), range(2, 7)))
    assert torch.equal((moved[:, 0] == 1)[:, :, :-1], (moved[:, 1] == 2)[:, :, 1:])  # channels move together
