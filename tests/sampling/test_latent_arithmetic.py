"""Arithmetic with latents, on a model whose latents are known."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from genmodels.autoencoders import VAE, PlainAutoencoder
from genmodels.distributions import DiagonalGaussian
from genmodels.model import Autoencodes
from genmodels.sampling import attribute_direction, codes, decoded, lerp, morph, point, slerp, with_attribute

MIX = torch.tensor([[2.0, 1.0, 0.0], [0.0, 1.0, 1.0], [1.0, 0.0, 1.0]])


class Linear:
    """x = M z: three attributes, each a dimension of z."""

    latent_size = 3

    def __init__(self, distribution: bool) -> None:
        self.distribution = distribution

    def encode(self, x: Tensor) -> Tensor | DiagonalGaussian:
        z = x @ torch.linalg.inv(MIX).T
        return DiagonalGaussian(z, torch.tensor(0.0)) if self.distribution else z

    def decode(self, z: Tensor) -> Tensor:
        return z @ MIX.T

    def reconstruct(self, x: Tensor) -> Tensor:
        return self.decode(point(self.encode(x)))


either = pytest.mark.parametrize("model", [Linear(True), Linear(False)], ids=["distribution", "point"])


def signs(n: int, seed: int = 0) -> Tensor:
    """Latents whose dimensions are each about 1 or about -1, independently."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(2, (n, 3), generator=generator) * 2.0 - 1 + 0.1 * torch.randn(n, 3, generator=generator)


@either
def test_codes_are_means_and_come_back(model: Autoencodes) -> None:
    z = signs(1100)  # more than are coded at once
    x = model.decode(z)
    torch.testing.assert_close(codes(model, x), z)
    torch.testing.assert_close(decoded(model, z.view(11, 20, 5, 3)), x.view(11, 20, 5, 3))


@either
def test_an_attribute_is_turned_on_while_others_hold(model: Autoencodes) -> None:
    held_out, fresh = signs(2000), signs(200, seed=1)
    z = codes(model, model.decode(held_out))
    direction = attribute_direction(z, held_out[:, 1] > 0)
    torch.testing.assert_close(direction, torch.tensor([0.0, 2.0, 0.0]), rtol=0, atol=0.15)
    without = fresh[fresh[:, 1] < 0]
    changed = codes(model, with_attribute(model, model.decode(without), direction, [0.0, 0.5, 1.0]).flatten(0, 1))
    changed = changed.view(len(without), 3, 3)
    torch.testing.assert_close(changed[:, 0], without, rtol=0, atol=1e-4)
    assert (changed[:, 2, 1] > 0).all()
    assert ((changed[:, 2] > 0) == (without > 0))[:, [0, 2]].all()
    assert (changed[:, :, 1].diff(dim=1) > 0.8).all()


def test_what_goes_together_in_the_data_is_taken_apart() -> None:
    z = signs(4000)
    together = z[(z[:, 0] > 0) == (z[:, 1] > 0)]  # the second attribute never comes without the first
    plain = attribute_direction(together, together[:, 0] > 0)
    assert plain[1] > 1.5
    second = torch.tensor([0.0, 3.0, 0.0])
    apart = attribute_direction(together, together[:, 0] > 0, apart_from=[second])
    assert apart @ second == pytest.approx(0.0, abs=1e-5)
    assert apart[0] == pytest.approx(2.0, abs=0.1)


def test_an_attribute_needs_examples_with_and_without() -> None:
    for present in (torch.ones(4), torch.zeros(4)):
        with pytest.raises(ValueError, match="all are alike"):
            attribute_direction(torch.randn(4, 3), present)
    with pytest.raises(ValueError, match="4 latents need as many answers"):
        attribute_direction(torch.randn(4, 3), torch.ones(4, 1))


@either
@pytest.mark.parametrize("path", [lerp, slerp])
def test_a_morph_follows_its_path(model: Autoencodes, path: Callable[[Tensor, Tensor, int], Tensor]) -> None:
    a, b = signs(4), signs(4, seed=1)
    way = morph(model, model.decode(a), model.decode(b), 7, path)
    torch.testing.assert_close(way, model.decode(path(a, b, 7)), rtol=0, atol=1e-4)


@pytest.mark.parametrize(("model", "path"), [(VAE, slerp), (PlainAutoencoder, lerp)])
def test_a_models_own_interpolation_is_a_morph(
    model: type[VAE | PlainAutoencoder], path: Callable[[Tensor, Tensor, int], Tensor]
) -> None:
    torch.manual_seed(0)
    autoencoder = model(shape=(1, 8, 8), latent=3, width=4)
    a, b = torch.rand(4, 1, 8, 8).split(2)
    made = morph(autoencoder, a, b, 5, path)
    assert made.shape == (2, 5, 1, 8, 8)
    assert not made.requires_grad
    torch.testing.assert_close(made, autoencoder.interpolate(a, b, 5))
