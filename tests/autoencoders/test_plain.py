"""The autoencoder without a prior."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from genmodels.autoencoders import PlainAutoencoder
from genmodels.metrics import PCA
from genmodels.model import NotSupported
from genmodels.sampling import lerp
from genmodels.training import Optimizer, Shuffled, fit


def arcs(n: int) -> Tensor:
    """Images of 8 x 8 pixels with a spot on a circle: one number says all, but no straight line of pixels does."""
    angle = 6.2832 * torch.rand(n, 1, 1, 1, generator=torch.Generator().manual_seed(n))
    down, right = torch.meshgrid(torch.arange(8.0), torch.arange(8.0), indexing="ij")
    return torch.exp(-((down - 3.5 - 2.5 * angle.sin()) ** 2 + (right - 3.5 - 2.5 * angle.cos()) ** 2) / 2)


def test_the_loss_is_the_squared_error_summed_over_pixels() -> None:
    model, x = PlainAutoencoder(shape=(1, 8, 8), width=4), arcs(5)
    loss, _ = model.loss(x)
    by_hand = sum(((model.decoder(model.encode(image[None])) - image) ** 2).sum().item() for image in x) / 5
    assert loss.item() == pytest.approx(by_hand, rel=1e-5)


def test_images_out_are_in_the_unit_interval() -> None:
    model = PlainAutoencoder(shape=(1, 8, 8), width=4)
    out = model.decode(100 * torch.randn(50, 2, generator=torch.Generator().manual_seed(0)))
    assert out.min() >= 0
    assert out.max() <= 1


def test_the_way_between_two_is_straight() -> None:
    model, (a, b) = PlainAutoencoder(shape=(1, 8, 8), width=4), arcs(8).split(4)
    way = lerp(model.encode(a), model.encode(b), 5)
    torch.testing.assert_close(model.interpolate(a, b, 5)[:, 2], model.decode(way[:, 2]))


def test_it_says_how_to_draw_from_it() -> None:
    with pytest.raises(NotSupported, match=r"genmodels\.classic\.Box"):
        _ = PlainAutoencoder().sample


def test_it_learns_better_than_principal_components() -> None:
    torch.manual_seed(0)
    train, test = arcs(1000), arcs(200)
    model = PlainAutoencoder(shape=(1, 8, 8), width=8, blocks=1)
    fast = [replace(update, optimizer=Optimizer(lr=0.01, warmup=20, decay="linear")) for update in model.updates()]
    fit(model, fast, Shuffled(train, 64), steps=200, precision="fp32", device="cpu")
    own = (model.reconstruct(test) - test).square().mean().item()
    assert own < 0.3 * (PCA.fit(train, 2).reconstruct(test) - test).square().mean().item()
