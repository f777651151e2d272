"""Who sees whom, to the last sub-pixel; densities against all images there are; what is cached against what is not."""

import itertools
import math
from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.data import TensorDataset

from genmodels.autoregressive import PixelCNN
from genmodels.autoregressive.pixel_stacks import FIRST
from genmodels.training import Shuffled, fit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(**arguments: Any) -> PixelCNN:
    """A PixelCNN no part of which is still zero."""
    torch.manual_seed(0)
    defaults: dict[str, Any] = {"shape": (1, 4, 5), "width": 8, "layers": 2, "kernel": 3}
    model = PixelCNN(**defaults | arguments)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.2 * torch.randn_like(parameter))
    return model


def images(n: int, model: PixelCNN, seed: int = 0) -> Tensor:
    """Any images of the levels that a model knows."""
    return torch.randint(model.levels, (n, *model.shape), generator=seeded(seed)) / (model.levels - 1)


@dataclass(frozen=True)
class Kind:
    """One of the kinds of PixelCNN there are."""

    name: str
    arguments: dict[str, Any]


LOGISTICS = {"head": "logistics", "levels": 256, "mixtures": 3}
KINDS = [
    Kind("bits", {}),
    Kind("grey levels", {"levels": 5, "kernel": 5}),
    Kind("colours", {"shape": (3, 4, 3), "levels": 4}),
    Kind("two channels of bits", {"shape": (2, 3, 4)}),
    Kind("logistics", LOGISTICS),
    Kind("logistics of colours", {**LOGISTICS, "shape": (3, 4, 3)}),
    Kind("bits in classes", {"classes": 3}),
    Kind("colours in classes", {"shape": (3, 4, 3), "levels": 4, "classes": 2}),
    Kind("logistics of colours in classes", {**LOGISTICS, "shape": (3, 3, 4), "classes": 2}),
]
every_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)


# ------------------------------------------------------------------------------------------------------- who sees whom


def seen(model: PixelCNN) -> Tensor:
    """Whether what is said of sub-pixel i, in reading order, depends on sub-pixel j: (D, D), by gradients in float64.

    In any of eight images, as a rectifier that is off in one of them hides what it sees.
    """
    channels, height, breadth = model.shape
    model = model.double()
    x = (0.3 * torch.randn(8, channels, height, breadth, generator=seeded(5)).double()).requires_grad_()
    h = model.stacks(x, None)
    rows = []
    for row, column, channel in itertools.product(range(height), range(breadth), range(channels)):
        said = _said(model, h, x, channel)[..., row, column].sum()
        (gradient,) = torch.autograd.grad(said, x, retain_graph=True)
        rows.append((gradient != 0).any(0).permute(1, 2, 0).flatten())
    return torch.stack(rows)


def _said(model: PixelCNN, h: Tensor, x: Tensor, channel: int) -> Tensor:
    """Some function of the parameters of a channel's distribution, (B, H, W)."""
    if model.arguments["head"] == "categorical":
        levels = (x + 1) * (model.levels - 1) / 2  # what `centred` turns back into x
        return (model.head(h, levels).logits[:, channel] * torch.arange(1, model.levels + 1)).sum(-1)
    return model.head(h)._centre(channel, [x[:, d : d + 1].float() for d in range(channel)]).sum(1)


COLOURS = {"shape": (3, 4, 3), "layers": 3}


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        COLOURS,
        {**COLOURS, "kernel": 5},
        {**LOGISTICS, "layers": 2},
        {**LOGISTICS, **COLOURS},
        {"shape": (1, 1, 6)},
        {"shape": (1, 6, 1)},
    ],
    ids=["bits", "colours", "wider", "logistics", "logistics of colours", "one row", "one column"],
)
def test_all_that_is_before_is_seen_and_nothing_else(arguments: dict[str, Any]) -> None:
    """The field is larger than these images: the matrix is strictly triangular and has no other zero."""
    model = small(**arguments)
    dimensions = math.prod(model.shape)
    assert torch.equal(seen(model), torch.ones(dimensions, dimensions).tril(-1).bool())


def test_there_is_no_blind_spot_within_the_field() -> None:
    """In an image that is larger than it: up and to both sides as far as is said, nowhere a hole."""
    model = small(shape=(1, 8, 13), layers=1)
    field = FIRST + 1
    found = seen(model).view(8, 13, 8, 13)
    for row, column in itertools.product(range(8), range(13)):
        for r, c in itertools.product(range(8), range(13)):
            before = (r, c) < (row, column)
            near = row - r <= field and abs(column - c) <= field
            if not before or row - r > field:
                assert not found[row, column, r, c]
            elif near:
                assert found[row, column, r, c], f"({row}, {column}) is blind to ({r}, {c})"


@every_kind
def test_log_prob_of_what_came_before_is_not_changed_by_what_comes_after(kind: Kind) -> None:
    model = small(**kind.arguments)
    x = model._whole(images(2, model))
    y = torch.zeros(2, dtype=torch.long) if model.classes > 1 else None
    other = x.clone()
    row, column = model.shape[1] - 2, model.shape[2] - 2
    other[:, :, row, column:] = model.levels - 1 - other[:, :, row, column:]
    other[:, :, row + 1 :] = model.levels - 1 - other[:, :, row + 1 :]
    before = torch.ones(model.shape[1:], dtype=torch.bool)
    before[row, column:] = before[row + 1 :] = False
    with torch.no_grad():
        nats, changed = model.nats(x, y), model.nats(other, y)
    torch.testing.assert_close(nats[:, before], changed[:, before], rtol=0, atol=1e-6)
    assert not torch.isclose(nats[:, row, column], changed[:, row, column]).any()


# ------------------------------------------------------------------------------------------------------------ densities


@pytest.mark.parametrize(
    "arguments",
    [
        {"shape": (1, 3, 3)},
        {"shape": (1, 2, 3), "levels": 3},
        {"shape": (3, 1, 2)},
        {"shape": (1, 2, 3), "levels": 3, "head": "logistics"},
        {"shape": (3, 2, 1), "levels": 3, "head": "logistics"},
        {"shape": (1, 3, 3), "classes": 2},
    ],
    ids=str,
)
def test_probabilities_of_all_images_sum_to_one(arguments: dict[str, Any]) -> None:
    model = small(**arguments)
    values = torch.arange(model.levels) / (model.levels - 1)
    everything = torch.cartesian_prod(*[values] * math.prod(model.shape)).view(-1, *model.shape)
    assert model.log_prob(everything).nats.double().exp().sum().item() == pytest.approx(1.0, abs=1e-4)
    assert model.log_prob(everything).kind == "exact"
    if model.classes > 1:
        given = model.log_prob(everything, cond=torch.ones(len(everything), dtype=torch.long)).nats
        assert given.double().exp().sum().item() == pytest.approx(1.0, abs=1e-4)


def test_the_loss_is_minus_log_prob_summed_over_pixels() -> None:
    model = small(classes=3)
    x, y = images(6, model), torch.arange(6) % 3
    loss, figures = model.loss((x, y))
    assert loss.item() == pytest.approx(-model.log_prob(x, cond=y).nats.mean().item(), rel=1e-5)
    assert figures["bits_per_dim"].item() == pytest.approx(loss.item() / 20 / math.log(2), rel=1e-5)
    alone = torch.cat([model.log_prob(x[i : i + 1], cond=y[i : i + 1]).nats for i in range(6)])
    torch.testing.assert_close(alone, model.log_prob(x, cond=y).nats)


def test_before_anything_is_learned_a_level_costs_about_its_share() -> None:
    for levels in (2, 256):
        torch.manual_seed(0)
        model = PixelCNN(shape=(1, 28, 28), levels=levels, layers=2)
        told = model.log_prob(images(4, model)).nats.mean().item()
        assert -told == pytest.approx(784 * math.log(levels), rel=0.1)


def test_classes_are_told_apart_by_bayes_rule() -> None:
    model = small(classes=3)
    x = images(6, model)
    each = torch.stack([model.log_prob(x, cond=torch.full((6,), y)).nats for y in range(3)], 1)
    assert (each.std(1) > 1e-3).all(), "a class makes a difference"
    torch.testing.assert_close(model.classify(x), each.softmax(1))
    torch.testing.assert_close(model.log_prob(x).nats, each.logsumexp(1) - math.log(3))


def test_bytes_are_the_levels_themselves() -> None:
    model = small(levels=256)
    everything = torch.arange(256, dtype=torch.uint8).repeat(5).view(-1, 1, 4, 5)
    assert torch.equal(model._whole(everything).flatten(), torch.arange(256).repeat(5))
    assert torch.equal(
        small(levels=7)._whole(torch.arange(7).repeat(20).view(-1, 1, 4, 5) / 6)[0].flatten()[:7], torch.arange(7)
    )


def test_halves_are_close_and_likelihoods_are_not_made_of_them() -> None:
    """Also on channels that come last, as `fit` lays them out."""
    for arguments in ({}, LOGISTICS, {"shape": (3, 4, 5), "levels": 4, "classes": 2}):
        model = small(**arguments).to(memory_format=torch.channels_last)
        x, y = images(16, model), torch.arange(16) % 2
        exact = model.loss((x, y))[0]
        with torch.autocast("cpu", torch.bfloat16):
            close = model.loss((x, y))[0]
        assert close.dtype == torch.float32
        assert close.item() == pytest.approx(exact.item(), rel=0.01)


# --------------------------------------------------------------------------------------------------------------- images


@every_kind
def test_what_is_cached_paints_the_same_bits(kind: Kind) -> None:
    model = small(**kind.arguments).double()  # in which no rounding comes near a boundary between two levels
    cond = torch.arange(12) % model.classes if model.classes > 1 else None
    for temperature in (1.0, 0.5):
        fast, slow = (
            model.sample(12, cond=cond, temperature=temperature, generator=seeded(3), cached=cached) for cached in (True, False)
        )
        assert torch.equal(fast, slow)
        assert len(fast.unique(dim=0)) > 6
    known = torch.rand(12, 1, *model.shape[1:], generator=seeded(2)) < 0.5
    x = images(12, model)
    fast, slow = (model.complete(x, known, cond=cond, generator=seeded(3), cached=cached) for cached in (True, False))
    assert torch.equal(fast, slow)


@pytest.mark.parametrize("arguments", [{"shape": (1, 2, 2)}, {"shape": (1, 2, 2), "classes": 2}, {"shape": (3, 1, 1)}], ids=str)
def test_images_are_drawn_as_often_as_they_are_probable(arguments: dict[str, Any]) -> None:
    model, n = small(**arguments), 20_000
    everything = torch.cartesian_prod(*[torch.arange(2.0)] * math.prod(model.shape)).view(-1, *model.shape)
    expected = model.log_prob(everything).nats.exp()
    places = 2 ** torch.arange(math.prod(model.shape)).flip(0)
    shares = torch.bincount(model.sample(n, generator=seeded()).flatten(1).long() @ places, minlength=len(everything)) / n
    assert ((shares - expected).abs() < 4 * (expected / n).sqrt()).all()


@pytest.mark.parametrize("arguments", [LOGISTICS, {**LOGISTICS, "shape": (3, 4, 5), "levels": 8}], ids=str)
def test_images_of_logistics_cost_what_their_entropy_is(arguments: dict[str, Any]) -> None:
    """The mean of -log p over the model's own images is the sum of the entropies of its pixels, given those before."""
    model = small(**arguments)
    x = model.sample(500, generator=seeded())
    told = -model.log_prob(x).nats
    again = -model.log_prob(model.sample(500, generator=seeded(1))).nats
    elsewhere = -model.log_prob(images(500, model)).nats
    assert told.mean().item() == pytest.approx(again.mean().item(), abs=4 * math.sqrt(2 / 500) * told.std().item())
    assert told.mean() < elsewhere.mean()


def test_what_is_known_is_kept_and_the_rest_is_drawn() -> None:
    model = small(levels=256)
    x = torch.rand(6, 1, 4, 5, generator=seeded())  # between levels: not even rounded
    known = torch.rand(6, 1, 4, 5, generator=seeded(1)) < 0.5
    painted = model.complete(x.masked_fill(~known, math.nan), known, generator=seeded())
    assert torch.equal(painted[known], x[known])
    assert not torch.isclose(painted[~known], x[~known]).any()
    assert torch.equal(painted, model.complete(x, known, generator=seeded())), (
        "what stands where nothing is known has no effect"
    )
    assert torch.equal(model.complete(x, torch.tensor(True)), x)


def test_a_pixel_is_drawn_by_those_before_and_by_no_other() -> None:
    model = small(levels=8)
    x, known = images(40, model), torch.zeros(4, 5, dtype=torch.bool)
    known[:2] = known[3] = True
    inverted = x.clone()
    inverted[:, :, 3] = 1.0 - x[:, :, 3]
    below = [model.complete(images, known, generator=seeded())[:, :, 2] for images in (x, inverted)]
    assert torch.equal(*below)
    inverted = x.clone()
    inverted[:, :, 1] = 1.0 - x[:, :, 1]
    assert not torch.equal(below[0], model.complete(inverted, known, generator=seeded())[:, :, 2])


def test_a_half_is_gone_on_with_as_often_as_it_is_probable() -> None:
    """Also of classes that are not told, but can be guessed from the half that is."""
    for classes in (1, 2):
        model, n = small(shape=(1, 2, 2), classes=classes), 20_000
        if model.classes > 1:
            for layer in model.stacks.layers:
                torch.nn.init.normal_(layer.classes.weight, generator=seeded(3))
        half = torch.tensor([[[1.0, 0.0], [0.0, 0.0]]])
        halves = torch.cat([half, torch.zeros(1, 2, 2)])[:, None][:1].expand(n, 1, 2, 2)
        painted = model.complete(halves, torch.tensor([[True, True], [False, False]]), generator=seeded())
        whole = torch.stack([torch.tensor([[1.0, 0.0], [a, b]]) for a in (0.0, 1.0) for b in (0.0, 1.0)])[:, None]
        expected = model.log_prob(whole).nats.softmax(0)
        shares = torch.bincount((painted[:, 0, 1] @ torch.tensor([2.0, 1.0])).long(), minlength=4) / n
        assert ((shares - expected).abs() < 4 * (expected / n).sqrt()).all()


def test_images_are_of_the_class_that_is_asked_for() -> None:
    """Trained on images that are all dark or all bright, by their label."""
    model = PixelCNN(shape=(1, 4, 4), width=8, layers=1, kernel=3, classes=2, lr=1e-2)
    y = torch.arange(64) % 2
    x = y.float()[:, None, None, None].expand(64, 1, 4, 4)
    model.fit(TensorDataset(x, y), steps=200, batch_size=32, precision="fp32", device="cpu", held_out=0.1)
    asked = torch.arange(40) % 2
    drawn = model.sample(40, cond=asked, generator=seeded())
    assert (drawn.flatten(1).mean(1).round() == asked).float().mean() > 0.95
    assert (model.classify(x).argmax(1) == y).all()
    assert 5 < model.sample(40, generator=seeded()).flatten(1).mean(1).round().sum() < 35, "unasked, of any class"


# -------------------------------------------------------------------------------------------------------------- training


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("arguments", [{}, {**LOGISTICS, "levels": 16}], ids=["bits", "logistics"])
def test_a_checkerboard_is_learned(arguments: dict[str, Any], precision: Any) -> None:
    """Of either colour: one bit for the image, and none for a pixel."""
    board = (torch.arange(6)[:, None] + torch.arange(6)) % 2
    x = torch.stack([board, 1 - board]).float()[:, None]
    torch.manual_seed(0)
    model = PixelCNN(shape=(1, 6, 6), width=16, layers=2, kernel=3, lr=1e-2, **arguments)
    fit(model, model.updates(), Shuffled(x.repeat(8, 1, 1, 1), 16), steps=150, precision=precision, device="cpu", quiet=True)
    assert -model.log_prob(x).nats.mean().item() < math.log(2) + 0.3
    drawn = model.sample(20, generator=seeded())
    assert ((drawn - x[0]).abs().flatten(1).mean(1) - 0.5).abs().min() > 0.45


def test_a_validation_of_pairs_is_the_loss_of_pairs() -> None:
    model = small(classes=2)
    x, y = images(40, model), torch.arange(40) % 2
    hook = model.validation(TensorDataset(x, y), 16)
    with torch.no_grad():
        figures = hook.call(0)
    assert figures is not None
    assert figures["validation/nats"] == pytest.approx(model.loss((x, y))[0].item(), rel=1e-5)
    assert hook.score == "validation/nats"


# -------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": (28, 28)}, r"shape: an image has \(channels, height, width\), not \(28, 28\)"),
        ({"kernel": 4}, "kernel: the side of a kernel is odd and at least 3, not 4"),
        ({"kernel": 1}, "kernel: the side of a kernel is odd and at least 3, not 1"),
        ({"head": "gaussian"}, "head is 'categorical' or 'logistics', not 'gaussian'"),
        ({"levels": 1}, "levels: at least 2, not 1"),
        ({"layers": 0}, "layers: at least 1, not 0"),
        ({"classes": 0}, "classes: at least 1, not 0"),
        ({"mixtures": 0}, "mixtures: at least 1, not 0"),
    ],
)
def test_arguments_that_make_no_model_are_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        PixelCNN(**arguments)


def test_what_is_no_image_no_label_and_no_mask_is_refused() -> None:
    plain, labelled = small(), small(classes=3)
    x = images(4, plain)
    with pytest.raises(ValueError, match=r"built for images of shape \(1, 4, 5\), these are \(1, 5, 4\)"):
        plain.complete(x.mT, torch.tensor(True))
    with pytest.raises(ValueError, match=r"pixels are bytes, or floats in \[0, 1\]"):
        plain.log_prob(x - 0.5)
    with pytest.raises(ValueError, match=r"pixels are bytes, or floats in \[0, 1\]"):
        plain.log_prob(x * math.nan)
    with pytest.raises(TypeError, match=r"known: whether each pixel is, in bool, not torch\.float32"):
        plain.complete(x, x)
    with pytest.raises(ValueError, match=r"known is broadcast to \(4, 1, 4, 5\), .* which \(3, 1, 4, 5\) cannot be"):
        plain.complete(x, torch.ones(3, 1, 4, 5, dtype=torch.bool))
    with pytest.raises(ValueError, match="not conditional"):
        plain.log_prob(x, cond=torch.zeros(4, dtype=torch.long))
    with pytest.raises(ValueError, match="not conditional"):
        plain.complete(x, torch.tensor(True), cond=torch.zeros(4, dtype=torch.long))
    with pytest.raises(ValueError, match=r"3 classes need a label for each image: give pairs \(images, labels\)"):
        labelled.loss(x)
    with pytest.raises(ValueError, match=r"or cond \(n,\)"):
        labelled.sample(4, cond=torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="labels are whole numbers from 0 to 2"):
        labelled.sample(2, cond=torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="a temperature is above 0"):
        plain.sample(1, temperature=0.0)
