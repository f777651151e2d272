"""Sizes, what differs between training and use, and a task that each must solve in seconds."""

import pytest
import torch
from torch import Tensor, nn
from torch.utils.data import TensorDataset

from genmodels.classic import CNN, MLP, Classifier
from genmodels.model import load

SMALL: list[tuple[type[Classifier], dict[str, object]]] = [
    (MLP, {"shape": (1, 8, 8), "classes": 4, "hidden": (32,)}),
    (CNN, {"shape": (1, 8, 8), "classes": 4, "channels": (8, 16), "hidden": 32}),
]
both = pytest.mark.parametrize(("model", "arguments"), SMALL, ids=["mlp", "cnn"])


def corners(n: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Noise with a bright square of 3 x 3 pixels somewhere in one of four quarters, and in which."""
    generator = torch.Generator().manual_seed(seed)
    labels = torch.randint(4, (n,), generator=generator)
    shifts = torch.randint(2, (n, 2), generator=generator)
    images = 0.5 * torch.rand(n, 1, 8, 8, generator=generator)
    for image, label, (down, right) in zip(images, labels.tolist(), shifts.tolist(), strict=True):
        top, left = 4 * (label // 2) + down, 4 * (label % 2) + right
        image[0, top : top + 3, left : left + 3] += 0.5
    return images, labels


def test_the_sizes_of_the_book() -> None:
    sizes = [(layer.in_features, layer.out_features) for layer in MLP().layers if isinstance(layer, nn.Linear)]
    assert sizes == [(3072, 200), (200, 150), (150, 10)]
    kinds = {type(module) for module in CNN().modules()}
    assert {nn.Conv2d, nn.BatchNorm2d, nn.LeakyReLU, nn.Dropout} <= kinds
    assert CNN().features(torch.zeros(1, 3, 32, 32)).shape == (1, 64 * 8 * 8)
    assert CNN(shape=(1, 28, 28)).features(torch.zeros(1, 1, 28, 28)).shape == (1, 64 * 7 * 7)


def test_in_training_a_cnn_is_another_function_each_time_and_in_use_it_is_one() -> None:
    torch.manual_seed(0)
    model, (x, _) = CNN(shape=(1, 8, 8), classes=4, channels=(8, 16), hidden=32), corners(16)
    model.train()
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))
    torch.testing.assert_close(model(x)[:3], model(x[:3]))  # each image by itself: nothing leaks from the batch
    model.train()
    assert not torch.allclose(CNN.forward(model, x)[:3], model(x[:3]), atol=1e-4)


def test_without_dropout_training_still_uses_the_batch_and_updates_the_averages() -> None:
    torch.manual_seed(0)
    model, (x, _) = CNN(shape=(1, 8, 8), classes=4, channels=(8,), hidden=8, dropout=0.0).train(), corners(16)
    norm = model.features[1]
    assert isinstance(norm, nn.BatchNorm2d)
    assert isinstance(norm.running_mean, Tensor)
    before = norm.running_mean.clone()
    assert torch.equal(model(x), model(x))
    assert not torch.equal(norm.running_mean, before)
    frozen = norm.running_mean.clone()
    model.eval()(x)
    assert torch.equal(norm.running_mean, frozen)


def test_the_loss_is_cross_entropy_and_knows_nothing_at_first() -> None:
    model, (x, y) = MLP(shape=(1, 8, 8), classes=4, hidden=(32,)), corners(64)
    loss, figures = model.loss((x, y))
    log_p = model.classify(x).log()
    assert loss.item() == pytest.approx(-log_p[torch.arange(64), y].mean().item(), rel=1e-5)
    assert figures["accuracy"].item() == pytest.approx(model.accuracy(x, y))
    assert loss.item() == pytest.approx(1.386, abs=0.1)  # log 4


@both
def test_where_the_square_is_is_learned_and_kept(
    model: type[Classifier], arguments: dict[str, object], tmp_path: object
) -> None:
    torch.manual_seed(0)
    classifier = model(**arguments)
    classifier.fit(
        TensorDataset(*corners(1024)), steps=150, batch_size=64, precision="fp32", device="cpu", folder=str(tmp_path)
    )
    assert not classifier.training
    x, y = corners(500, seed=1)
    assert classifier.accuracy(x, y) > 0.97
    assert torch.allclose(classifier.classify(x).sum(1), torch.ones(500))
    loaded = load(str(tmp_path))
    assert isinstance(loaded, Classifier)
    assert torch.equal(loaded.classify(x), classifier.classify(x))  # running averages are saved too


@both
def test_an_answer_does_not_depend_on_how_images_are_grouped(model: type[Classifier], arguments: dict[str, object]) -> None:
    torch.manual_seed(0)
    classifier, (x, _) = model(**arguments).eval(), corners(501)
    torch.testing.assert_close(classifier.classify(x)[-1:], classifier.classify(x[-1:]))
