"""Any loss with any constraint, and the named ones among them."""

import itertools
from pathlib import Path
from typing import Any, get_args

import pytest
import torch
from torch import Tensor, nn

from genmodels.gans import DCGAN, GAN, WGAN, ConditionalGAN
from genmodels.gans.gan import Constraint
from genmodels.losses import ADVERSARIAL
from genmodels.model import Model
from genmodels.training import Hook, Shuffled, fit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def values(module: nn.Module) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in module.parameters()]


def train(model: Model, data: Any, steps: int = 4, **how: Any) -> None:
    fit(model, model.updates(), Shuffled(data, 8), steps=steps, precision="fp32", device="cpu", quiet=True, **how)


class Labelled:
    """Images of two classes: dark ones and bright ones."""

    def __init__(self, n: int = 64) -> None:
        self.labels = torch.arange(n) % 2
        self.images = 0.1 + 0.8 * self.labels[:, None, None, None] + 0.05 * torch.rand(n, 1, 8, 8, generator=seeded())

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index: Any) -> tuple[Tensor, Tensor]:
        return self.images[index], self.labels[index]


# ---------------------------------------------------------------------------------------------- every loss and constraint


def moved(model: GAN, batch: Any) -> list[str]:
    """The parameters that have a gradient from either loss, all of them finite."""
    found: list[str] = []
    for update, prefix in zip(model.updates(), ("critic.", "generator."), strict=True):
        loss, _ = update.loss(batch)
        named = [(name, p) for name, p in model.named_parameters() if name.startswith(prefix)]
        gradients = torch.autograd.grad(loss, [p for _, p in named], allow_unused=True)
        assert loss.isfinite()
        assert all(gradient.isfinite().all() for gradient in gradients if gradient is not None)
        found += [name for (name, _), g in zip(named, gradients, strict=True) if g is not None and g.abs().max() > 0]
    return found


@pytest.mark.parametrize(("loss", "constraint"), list(itertools.product(ADVERSARIAL, get_args(Constraint))))
def test_any_loss_goes_with_any_constraint(loss: Any, constraint: Constraint) -> None:
    torch.manual_seed(0)
    model = GAN(shape=(2,), latent=2, width=8, loss=loss, constraint=constraint)
    parameters = [name for name, _ in model.named_parameters()]
    assert set(parameters) - set(moved(model, torch.randn(64, 2))) <= {"critic.1.6.bias"}  # scores may shift freely


@pytest.mark.parametrize("constraint", get_args(Constraint))
def test_vectors_with_batch_norm_too(constraint: Constraint) -> None:
    torch.manual_seed(0)
    model = GAN(shape=(2,), latent=2, width=8, norm="batch", constraint=constraint).train()
    assert sum(isinstance(layer, nn.BatchNorm1d) for layer in model.modules()) == 6
    assert len(moved(model, torch.randn(64, 2))) >= len(list(model.parameters())) - 8  # biases before a norm do nothing
    assert model.eval().sample(5, generator=seeded()).shape == (5, 2)


@pytest.mark.parametrize(("norm", "constraint"), list(itertools.product(("none", "pixel", "batch"), get_args(Constraint))))
def test_images_too(norm: Any, constraint: Constraint) -> None:
    torch.manual_seed(0)
    model = GAN(shape=(1, 8, 8), latent=3, width=4, norm=norm, constraint=constraint).train()
    assert len(moved(model, torch.rand(16, 1, 8, 8))) >= len(list(model.parameters())) - 2
    samples = model.eval().sample(6, generator=seeded())
    assert samples.shape == (6, 1, 8, 8)
    assert 0 <= samples.min() <= samples.max() <= 1


@pytest.mark.parametrize(("norm", "constraint"), [("pixel", "spectral"), ("batch", "none")])
def test_what_layers_remember_is_saved(norm: Any, constraint: Constraint, tmp_path: Path) -> None:
    """The estimates of spectral norm and the statistics of batch norm are no parameters, and matter."""
    torch.manual_seed(0)
    model = GAN(shape=(1, 8, 8), latent=3, width=4, norm=norm, constraint=constraint)
    train(model, torch.rand(32, 1, 8, 8))
    model.save(tmp_path / "gan")
    loaded, x = GAN.load(tmp_path / "gan"), torch.rand(4, 1, 8, 8)
    torch.testing.assert_close(loaded.sample(6, generator=seeded()), model.sample(6, generator=seeded()))
    torch.testing.assert_close(loaded.critic(x), model.critic(x))


def test_a_penalty_is_added_with_its_weight_and_told() -> None:
    torch.manual_seed(0)
    real = torch.randn(16, 2)
    for constraint, strength in (("penalty", 10.0), ("r1", 1.0)):
        losses = []
        for weight in (0.0, strength):
            torch.manual_seed(1)
            model = GAN(shape=(2,), latent=2, width=8, constraint=constraint, strength=weight)  # type: ignore[arg-type]
            torch.manual_seed(2)
            loss, figures = model.critic_loss(real)
            losses.append(loss.item())
        penalty = (figures["slope"].item() - 1) ** 2 if constraint == "penalty" else 0.5 * figures["slope"].item() ** 2
        assert losses[1] - losses[0] >= strength * penalty - 1e-4  # the mean of squares is at least the square of the mean
        assert losses[1] - losses[0] < 5 * strength * (penalty + 1)


@pytest.mark.parametrize("model", [WGAN(shape=(2,), width=8, bound=0.03), WGAN(shape=(1, 8, 8), width=4, bound=0.02)])
def test_every_weight_of_a_clipped_critic_is_within_its_bound_after_each_step(model: WGAN) -> None:
    largest: list[float] = []

    def look(step: int) -> None:
        if step > 0:
            largest.append(max(parameter.abs().max().item() for parameter in model.critic.parameters()))

    data = torch.rand(64, *model.shape)
    train(model, data, steps=12, hooks=[Hook(1, look)])
    bound = model.arguments["bound"]
    assert len(largest) == 12
    assert max(largest) <= bound * (1 + 1e-6)
    assert min(largest) > 0.9 * bound
    assert max(parameter.abs().max().item() for parameter in model.generator.parameters()) > bound


def test_a_critic_with_batch_norm_sees_real_and_fake_apart() -> None:
    """Each side's scores are the same whatever the other is."""
    torch.manual_seed(0)
    model = GAN(shape=(1, 8, 8), latent=3, width=4, norm="batch").train()
    real, fakes = torch.rand(8, 1, 8, 8), torch.rand(2, 8, 1, 8, 8)
    first, _ = model._scores(model.critic, real, fakes[0])
    second, _ = model._scores(model.critic, real, 9 * fakes[1])
    torch.testing.assert_close(first, second)


def test_a_dcgan_has_batch_norm_in_both_and_smoothed_labels() -> None:
    model = DCGAN(shape=(1, 8, 8), latent=3, width=4)
    for part in (model.generator, model.critic):
        assert any(isinstance(layer, nn.BatchNorm2d) for layer in part.modules()) == (part is model.generator)
    deeper = DCGAN(shape=(1, 28, 28), latent=3, width=4)
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in deeper.critic.modules())
    real, fake = torch.tensor([3.0]), torch.tensor([-1.0])
    plain = ADVERSARIAL["non_saturating"].critic(real, fake)
    assert model.adversarial.critic(real, fake) - plain == pytest.approx(0.1 * 3)  # softplus(3) - softplus(-3) = 3


@pytest.mark.parametrize("loss", ["minimax", "non_saturating", "least_squares", "hinge"])
def test_every_loss_leads_to_where_examples_are(loss: Any) -> None:
    data = torch.tensor([1.5, -0.5]) + 0.3 * torch.randn(512, 2, generator=seeded())
    torch.manual_seed(0)
    model = GAN(shape=(2,), latent=2, width=16, loss=loss, constraint="r1", strength=0.05, lr=5e-3)
    fit(model, model.updates(), Shuffled(data, 64), steps=300, precision="fp32", device="cpu", quiet=True)
    samples = model.sample(500, generator=seeded())
    torch.testing.assert_close(samples.mean(0), data.mean(0), rtol=0, atol=0.25)
    assert samples.std(0).max() < 0.8


# ------------------------------------------------------------------------------------------------------------ conditional


@pytest.mark.parametrize("reads", ["planes", "projection"])
def test_the_class_decides_what_is_drawn_and_how_it_is_judged(reads: Any) -> None:
    torch.manual_seed(0)
    model = ConditionalGAN(shape=(1, 8, 8), classes=3, latent=4, width=4, reads=reads)
    z, a, b = torch.randn(5, 4), torch.zeros(5, dtype=torch.long), torch.ones(5, dtype=torch.long)
    assert not torch.allclose(model.decode(z, a), model.decode(z, b))
    x = torch.rand(5, 1, 8, 8)
    assert not torch.allclose(model.critic(x, a), model.critic(x, b))
    assert model.critic(x, a).shape == (5,)


@pytest.mark.parametrize("reads", ["planes", "projection"])
def test_it_learns_the_classes(reads: Any) -> None:
    """Dark images are one class and bright ones the other."""
    torch.manual_seed(0)
    data = Labelled()
    model = ConditionalGAN(shape=(1, 8, 8), classes=2, latent=2, width=8, reads=reads, critic_steps=1)
    fit(model, model.updates(), Shuffled(data, 32), steps=250, precision="fp32", device="cpu", quiet=True)
    drawn = model.sample(40, cond=torch.arange(40) % 2, generator=seeded()).mean((1, 2, 3))
    assert drawn[0::2].mean() < 0.35
    assert drawn[1::2].mean() > 0.65


def test_the_penalty_of_a_conditional_critic_is_taken_at_the_labels_of_the_batch() -> None:
    torch.manual_seed(0)
    model = ConditionalGAN(shape=(1, 8, 8), classes=3, latent=2, width=4)
    asked: list[tuple[int, Tensor]] = []
    model.critic.register_forward_hook(lambda module, inputs, output: asked.append((len(inputs[0]), inputs[1])))
    labels = torch.tensor([2, 0, 1, 1])
    model.critic_loss((torch.rand(4, 1, 8, 8), labels))
    (both, twice), (between, once) = asked
    assert (both, between) == (8, 4)
    assert torch.equal(twice, labels.repeat(2))
    assert torch.equal(once, labels)


def test_samples_of_classes() -> None:
    torch.manual_seed(0)
    model = ConditionalGAN(shape=(1, 8, 8), classes=3, latent=2, width=4).eval()
    labels = torch.tensor([0, 1, 2, 1])
    z = torch.randn(4, 2, generator=seeded())
    torch.testing.assert_close(model.sample(4, cond=labels, generator=seeded()), model.decode(z, labels).detach())
    turns = model.sample(4, cond=torch.tensor([0, 1, 2, 0]), generator=seeded())
    assert torch.equal(model.sample(4, generator=seeded()), turns)


# -------------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: GAN(loss="log"), "loss is one of minimax, non_saturating, .*, not 'log'"),
        (lambda: GAN(constraint="strong"), "constraint is one of none, clip, penalty, r1, spectral, not 'strong'"),
        (lambda: GAN(norm="layer"), "norm is one of none, pixel, batch, not 'layer'"),
        (lambda: GAN(loss="hinge", smooth=0.1), "smooth: labels are of the logistic losses, and 'hinge' has none"),
        (lambda: GAN(smooth=0.5), "smooth is a probability below a half, not 0.5"),
        (lambda: DCGAN(shape=(2,)), r"shape: a DCGAN is of images, .*, not \(2,\)"),
        (lambda: ConditionalGAN(classes=1), "images .* of several classes, not .* of 1"),
        (lambda: ConditionalGAN(reads="aloud"), "reads is one of planes, projection, not 'aloud'"),
    ],
)
def test_what_cannot_be_built_says_why(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_labels_that_are_none_are_refused() -> None:
    model = ConditionalGAN(shape=(1, 8, 8), classes=3, latent=2, width=4)
    for labels in (torch.tensor([0, 3]), torch.tensor([0.0, 1.0]), torch.tensor([0])):
        with pytest.raises(ValueError, match=r"cond: \(2,\) whole numbers from 0 to 2"):
            model.sample(2, cond=labels)
    with pytest.raises(ValueError, match="this GAN is not conditional"):
        GAN(shape=(2,)).sample(1, cond=torch.tensor([0]))
