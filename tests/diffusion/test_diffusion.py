"""The model: what it is told, what it learns, and what can be asked of it."""

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch.utils.data import TensorDataset

from genmodels.diffusion import SAMPLERS, SCHEDULES, Diffusion
from genmodels.diffusion.predictions import PREDICTIONS
from genmodels.nn import UNet
from genmodels.nn.unet import Enlarged, Halved
from genmodels.training import Shuffled, fit


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def small(**how: Any) -> Diffusion:
    torch.manual_seed(0)
    made = Diffusion(**{"shape": (1, 8, 8), "width": 8, "levels": 1, **how}).eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return made


@pytest.mark.parametrize("predicts", list(PREDICTIONS))
@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_any_prediction_goes_with_any_schedule(schedule: Any, predicts: Any) -> None:
    model = small(schedule=schedule, predicts=predicts)
    loss, _ = model.loss(torch.rand(4, 1, 8, 8))
    assert loss.isfinite()
    x = model.sample(2, steps=3, generator=seeded())
    assert x.shape == (2, 1, 8, 8)
    assert 0 <= x.min() <= x.max() <= 1


@pytest.mark.parametrize("sampler", list(SAMPLERS))
def test_any_sampler_is_chosen_for_a_call(sampler: Any) -> None:
    model, seen = small(), []
    x = model.sample(3, steps=4, sampler=sampler, generator=seeded(), show=lambda k, of, image: seen.append((k, of, image)))
    assert torch.equal(x, model.sample(3, steps=4, sampler=sampler, generator=seeded()))
    assert [k for k, _, _ in seen] == [1, 2, 3, 4]
    assert all(of == 4 and image.shape == (3, 1, 8, 8) for _, of, image in seen)


def test_the_loss_is_the_error_of_the_answer() -> None:
    """With an answer of nothing the error is the mean square of the target, which is 1 for noise."""
    model = small(predicts="eps")
    with torch.no_grad():
        for parameter in model.unet.leave[-1].parameters():
            parameter.zero_()
    torch.manual_seed(0)
    assert model.loss(torch.rand(512, 1, 8, 8))[0].item() == pytest.approx(1, abs=0.02)


def test_labels_are_left_out_now_and_then_and_guidance_exaggerates_them() -> None:
    model, y = small(classes=3), torch.tensor([0, 1, 2, 0])
    x, t = torch.randn(4, 1, 8, 8), torch.full((4,), 0.5)
    assert not torch.allclose(model(x, t, y), model(x, t))
    torch.testing.assert_close(model(x, t), model(x, t, torch.full((4,), 3)))  # what stands for no label
    z = torch.randn(4, 64)
    plain, none = model.decode(z, cond=y, steps=2), model.decode(z, steps=2)
    far = model.decode(z, cond=y, steps=2, guidance=5.0)
    assert (far - none).abs().mean() > 1.5 * (plain - none).abs().mean()
    assert torch.equal(model.decode(z, cond=y, steps=2, guidance=0.0), plain)


def test_what_is_known_stays_and_the_rest_is_painted() -> None:
    model, x = small(), torch.rand(2, 1, 8, 8)
    known = torch.arange(8)[:, None] < 4
    painted = model.complete(x, known, steps=5, generator=seeded())
    torch.testing.assert_close(painted[:, :, :4], x[:, :, :4])
    assert not torch.allclose(painted[:, :, 4:], x[:, :, 4:], atol=0.05)


def test_images_have_noise_of_their_own_and_ways_between_them() -> None:
    model, x = small(), torch.rand(2, 1, 8, 8)
    assert model.encode(x, steps=5).shape == (2, 64)
    way = model.interpolate(x[:1], x[1:], 4, steps=5)
    assert way.shape == (1, 4, 1, 8, 8)
    torch.testing.assert_close(way[:, 0], model.reconstruct(x[:1], steps=5), rtol=0, atol=1e-4)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_images_are_drawn_by_any_sampler(sampler: Any) -> None:
    nothing = torch.zeros(0, dtype=torch.long)
    for model, how in ((small(), {}), (small(classes=3), {}), (small(classes=3), {"cond": nothing, "guidance": 1.0})):
        drawn = model.sample(0, sampler=sampler, steps=3, generator=seeded(), **how)
        assert (drawn.shape, drawn.dtype) == ((0, 1, 8, 8), torch.float32)


def test_it_learns() -> None:
    """Dark images and bright ones, by their labels."""
    y = torch.arange(64) % 2
    images = (0.2 + 0.6 * y[:, None, None, None] + 0.02 * torch.randn(64, 1, 8, 8, generator=seeded())).clamp(0, 1)
    torch.manual_seed(0)
    model = Diffusion(shape=(1, 8, 8), width=8, levels=1, classes=2, lr=5e-3)
    batches = Shuffled(TensorDataset(images, y), 32)
    fit(model, model.updates(), batches, steps=250, precision="fp32", device="cpu", quiet=True)
    means = model.sample(20, cond=torch.arange(20) % 2, steps=10, generator=seeded()).mean((1, 2, 3))
    assert means[0::2].mean().item() == pytest.approx(0.2, abs=0.1)
    assert means[1::2].mean().item() == pytest.approx(0.8, abs=0.1)
    exact, quick = (model.sample(8, steps=10, generator=seeded(), precision=kind) for kind in ("fp32", "bf16"))
    assert 0 < (exact - quick).abs().max() < 0.05


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Diffusion(shape=(1, 30, 28)), r"shape: .* can be halved 2 times, not \(1, 30, 28\)"),
        (lambda: Diffusion(schedule="sine"), "schedule is one of linear, cosine, offset_cosine, not 'sine'"),
        (lambda: Diffusion(predicts="x"), "predicts is one of eps, x0, v, not 'x'"),
        (lambda: Diffusion(width=12), "channels are normalised in 8 groups, which do not divide 12"),
        (lambda: small().sample(1, sampler="euler"), "sampler is one of ancestral, ddim, heun, dpm, not 'euler'"),
        (lambda: small().sample(1, steps=0), "steps: at least one, not 0"),
        (lambda: small().sample(2, cond=torch.tensor([0, 1])), "one class and is not conditional"),
        (lambda: small(classes=3).sample(1, cond=torch.tensor([3])), "labels are whole numbers from 0 to 2"),
        (lambda: small(classes=3).loss(torch.rand(2, 1, 8, 8)), "3 classes need a label for each image"),
    ],
)
def test_bad_input_is_named(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


# ------------------------------------------------------------------------------------------------------------- the network


def stirred(**how: Any) -> UNet:
    torch.manual_seed(0)
    made = UNet(**{"channels": 3, "out": 2, "width": 8, "levels": 2, "told": 6, **how})
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.1 * torch.randn_like(parameter))
    return made


def test_the_network_hears_of_everything_it_is_told() -> None:
    net = stirred(context=5, blocks=2)
    x, vector, context = torch.randn(2, 3, 8, 12), torch.randn(2, 6), torch.randn(2, 4, 5)
    out = net(x, vector, context)
    assert out.shape == (2, 2, 8, 12)
    for other in ((x + 1, vector, context), (x, vector + 1, context), (x, vector, context.flip(0))):
        assert not torch.allclose(net(*other), out, atol=1e-4)
    padded, seen = torch.cat([context, torch.ones(2, 2, 5)], 1), torch.arange(6).expand(2, 6) < 4
    torch.testing.assert_close(net(x, vector, padded, seen=seen), out, atol=1e-5, rtol=1e-4)


def test_every_pixel_reaches_every_other() -> None:
    """Through the attention where the image is smallest."""
    net, x = stirred(channels=1, out=1), torch.randn(1, 1, 16, 16, requires_grad=True)
    (gradient,) = torch.autograd.grad(net(x, torch.zeros(1, 6))[0, 0, 0, 0], x)
    assert (gradient.abs() > 0).all()


def test_halving_and_enlarging_are_convolutions_of_squares() -> None:
    x, halved, enlarged = torch.randn(2, 3, 8, 6), Halved(3, 5), Enlarged(3, 5)
    kernel = halved.weight.view(5, 2, 2, 3).permute(0, 3, 1, 2)
    torch.testing.assert_close(halved(x), F.conv2d(x, kernel, halved.bias, stride=2), atol=1e-5, rtol=1e-4)
    kernel = enlarged.weight.view(2, 2, 5, 3).permute(3, 2, 0, 1)
    biases = enlarged.bias.view(2, 2, 5).permute(2, 0, 1).repeat(1, 8, 6)
    torch.testing.assert_close(enlarged(x), F.conv_transpose2d(x, kernel, stride=2) + biases, atol=1e-5, rtol=1e-4)


def test_an_image_that_cannot_be_halved_is_named() -> None:
    with pytest.raises(ValueError, match=r"sides of \(6, 8\) cannot be halved 2 times"):
        stirred()(torch.randn(1, 3, 6, 8), torch.zeros(1, 6))
    with pytest.raises(ValueError, match="context: this U-Net attends to a sequence; give it"):
        stirred(context=5)(torch.randn(1, 3, 8, 8), torch.zeros(1, 6))
