"""No pixel is lost on the way to a vector, no number on the way to an image, and no example sees another."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn

from genmodels.autoencoders import VAE
from genmodels.nn import ConvDecoder, ConvEncoder, for_looking
from genmodels.nn.conv import ResidualBlock

# sides, and what is left of them where they are halved no more
SIZES = [
    ((28, 28), (7, 7)),
    ((32, 32), (4, 4)),
    ((64, 64), (4, 4)),
    ((96, 96), (6, 6)),
    ((28, 56), (7, 14)),
    ((12, 10), (6, 5)),
]
SIZES += [((8, 40), (4, 20)), ((4, 6), (2, 3))]


def stirred(module: nn.Module) -> nn.Module:
    """No parameter is zero: residual blocks pass gradients to all."""
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))
    return module


@pytest.mark.parametrize(("sides", "left"), SIZES)
def test_every_pixel_reaches_the_vector(sides: tuple[int, int], left: tuple[int, int]) -> None:
    encoder = stirred(ConvEncoder((2, *sides), 5, width=2))
    halvings = (sides[0] // left[0]).bit_length() - 1
    assert encoder.get_submodule("head").in_features == 2 * 2 ** (halvings - 1) * left[0] * left[1]
    x = torch.rand(3, 2, *sides, requires_grad=True)
    out = encoder(x)
    assert out.shape == (3, 5)
    (gradient,) = torch.autograd.grad(out[1].sum(), x)
    assert (gradient[1] != 0).all()
    assert (gradient[[0, 2]] == 0).all()  # an example is encoded by itself


@pytest.mark.parametrize(("sides", "left"), SIZES)
def test_the_vector_reaches_every_pixel(sides: tuple[int, int], left: tuple[int, int]) -> None:
    decoder = stirred(ConvDecoder(5, (2, *sides), width=2))
    first = next(module for module in decoder.modules() if isinstance(module, nn.Linear))
    halvings = (sides[0] // left[0]).bit_length() - 1
    assert first.out_features == 2 * 2 ** (halvings - 1) * left[0] * left[1]
    z = torch.randn(3, 5)
    moved = z.clone()
    moved[1, 3] += 1.0
    before, after = decoder(z), decoder(moved)
    assert before.shape == (3, 2, *sides)
    assert (before[1] != after[1]).all()
    torch.testing.assert_close(before[[0, 2]], after[[0, 2]])


def test_channels_double_at_each_halving() -> None:
    made = [ConvEncoder((3, 32, 32), 5, width=6), ConvDecoder(5, (3, 32, 32), width=6)]
    channels = [[m.first.in_channels for m in net.modules() if isinstance(m, ResidualBlock)] for net in made]
    assert channels == [[6, 12, 24], [24, 12, 6]]


def test_halving_and_doubling_are_inverse() -> None:
    """What the encoder does first, and the decoder last, is to move pixels about."""
    encoder, decoder = ConvEncoder((3, 8, 12), 5, width=4), ConvDecoder(5, (3, 8, 12), width=4)
    halve, double = encoder.layers[0], decoder.layers[-1]
    x = torch.rand(2, 3, 8, 12)
    halved = halve(x)
    assert halved.shape == (2, 12, 4, 6)
    assert sorted(halved[0, :, 1, 2].tolist()) == sorted(x[0, :, 2:4, 4:6].flatten().tolist())  # a block of 2 x 2 pixels
    assert torch.equal(double(halved), x)


def test_a_residual_block_adds_what_its_convolutions_find() -> None:
    block = stirred(ResidualBlock(4))
    x = torch.randn(2, 4, 5, 5)
    assert isinstance(block, ResidualBlock)
    inner = nn.functional.silu(block.first(nn.functional.silu(x)))
    torch.testing.assert_close(block(x), x + block.second(inner))


def test_a_residual_block_starts_as_the_identity() -> None:
    x = torch.randn(2, 4, 5, 5)
    assert torch.equal(ResidualBlock(4)(x), x)


def test_a_residual_block_starts_as_the_same_shift_of_every_image() -> None:
    block = ResidualBlock(4)
    x, y = torch.randn(2, 2, 4, 5, 5)
    torch.testing.assert_close(block(x) - x, block(y) - y)


@pytest.mark.parametrize("make", [lambda shape: ConvEncoder(shape, 5, 4), lambda shape: ConvDecoder(5, shape, 4)])
@pytest.mark.parametrize("sides", [(30, 30), (28, 30), (29, 28), (7, 7), (100, 100)])
def test_sides_that_cannot_be_halved_are_named(make: Callable[[Sequence[int]], nn.Module], sides: tuple[int, int]) -> None:
    with pytest.raises(
        ValueError, match=rf"sides of \({sides[0]}, {sides[1]}\) pixels cannot be halved until one has at most 7"
    ):
        make((1, *sides))


@pytest.mark.parametrize("make", [lambda shape: ConvEncoder(shape, 5, 4), lambda shape: ConvDecoder(5, shape, 4)])
@pytest.mark.parametrize("shape", [(28, 28), (784,), (1, 1, 28, 28)])
def test_a_shape_that_is_no_image_is_named(make: Callable[[Sequence[int]], nn.Module], shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"an image has the shape \(channels, height, width\), not \("):
        make(shape)


def test_scores_do_not_depend_on_the_rest_of_the_batch_or_on_chance() -> None:
    """Neither batch norm nor dropout: the same numbers in training as in evaluation."""
    encoder = stirred(ConvEncoder((1, 8, 8), 3, width=4)).train()
    x = torch.rand(6, 1, 8, 8)
    others = torch.cat([x[:1], 50 * torch.rand(5, 1, 8, 8)])

    def first(batch: Tensor) -> Tensor:
        return encoder(batch)[0]

    assert torch.equal(first(x), first(x))
    torch.testing.assert_close(first(x), first(others))
    torch.testing.assert_close(first(x), encoder.eval()(x)[0])


def test_a_norm_stands_before_every_activation_but_never_at_an_image() -> None:
    encoder = ConvEncoder((1, 28, 28), 3, width=2, blocks=0, norm=nn.BatchNorm2d)
    decoder = ConvDecoder(3, (1, 28, 28), width=2, blocks=0, norm=nn.BatchNorm2d)
    kinds = [[type(layer).__name__ for layer in module.layers] for module in (encoder, decoder)]
    down, up = ["PixelUnshuffle", "Conv2d"], ["BatchNorm2d", "SiLU", "Conv2d", "PixelShuffle"]
    assert kinds[0] == [*down, "SiLU", *down, "BatchNorm2d", "SiLU", "Flatten"]
    assert kinds[1] == ["Linear", "Unflatten", *up, *up]
    assert [layer.num_features for layer in (*encoder.modules(), *decoder.modules()) if isinstance(layer, nn.BatchNorm2d)] == [
        4,
        4,
        2,
    ]
    assert decoder(encoder(torch.rand(2, 1, 28, 28))).shape == (2, 1, 28, 28)


@pytest.mark.parametrize(("shape", "patch", "blocks"), [((1, 28, 28), 2, 1), ((3, 64, 64), 4, 0), ((3, 32, 32), 2, 0)])
def test_a_copy_for_looking_sees_the_same(shape: tuple[int, int, int], patch: int, blocks: int) -> None:
    vae = VAE(shape, latent=5, width=4, blocks=blocks, patch=patch).eval()
    stirred(vae)
    before = torch.get_rng_state()
    looking = for_looking(vae)
    assert torch.equal(torch.get_rng_state(), before)
    x = torch.rand(3, *shape)
    with torch.no_grad():
        torch.testing.assert_close(looking.encode(x).mean, vae.encode(x).mean, rtol=1e-4, atol=1e-5)
    assert not any(isinstance(layer, nn.PixelUnshuffle) for layer in looking.encoder.layers)
    assert all(a.requires_grad for a in vae.parameters())  # the model itself is as it was
    assert any(isinstance(layer, nn.PixelUnshuffle) for layer in vae.encoder.layers)


def test_what_has_no_encoder_looks_as_it_is() -> None:
    linear = nn.Linear(2, 2)
    assert for_looking(linear) is linear
