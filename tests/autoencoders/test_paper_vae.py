"""The paper's autoencoder: its counts, and its loss by hand."""

import pytest
import torch

from genmodels.autoencoders import PaperVAE


@pytest.mark.parametrize(("latent", "parameters"), [(32, 4_348_547), (64, 4_446_915)])
def test_it_has_the_papers_parameters(latent: int, parameters: int) -> None:
    assert PaperVAE(latent).num_parameters == parameters


def test_each_layer_halves_as_in_the_paper() -> None:
    model, x, sides = PaperVAE(2), torch.rand(1, 3, 64, 64), []
    for layer in model.encoder[:-2]:
        x = layer(x)
        sides.append(x.shape[-1])
    assert sides[::2] == [31, 14, 6, 2]
    x, sides = torch.zeros(1, 2), []
    for layer in model.decoder:
        x = layer(x)
        sides.append(x.shape[-1])
    assert sides[2::2] == [5, 13, 30, 64]


def test_squares_are_summed_and_images_averaged() -> None:
    model = PaperVAE(3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()  # q is the prior, and every pixel decodes to 1/2
    x = torch.full((2, 3, 64, 64), 0.5)
    x[0, :, :2] += 0.25  # 3 x 2 x 64 pixels of one image
    loss, figures = model.loss(x)
    assert figures["squares"].item() == pytest.approx(384 * 0.0625 / 2)
    assert figures["kl"].item() == pytest.approx(0.0)
    assert loss.item() == pytest.approx(384 * 0.0625 / 2 + 0.5 * 3)  # what is free is paid all the same


def test_what_is_free_is_the_sum_over_dimensions_of_each_image() -> None:
    """One image uses 4.5 nats in one of its four dimensions, the other none: max(4.5, 2) and max(0, 2)."""
    model = PaperVAE(4)
    head = model.encoder[-1]
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.zero_()
        head.weight[0] = 1.0
        model.encoder[0].bias[0] = 1.0  # black images stay at one everywhere
        model.encoder[0].weight[0] = -10.0  # white ones are cut to zero
        for layer in (2, 4, 6):
            model.encoder[layer].weight[:, 0] = 0.0
            model.encoder[layer].weight[0, 0, 0, 0] = 1.0
        head.weight[0] = 0.0
        head.weight[0, 0] = 3.0
    x = torch.stack([torch.zeros(3, 64, 64), torch.ones(3, 64, 64)])
    q = model.encode(x)
    assert q.mean[:, 0].tolist() == pytest.approx([3.0, 0.0])
    loss, figures = model.loss(x)
    assert figures["kl"].item() == pytest.approx(4.5 / 2)
    assert (loss - figures["squares"]).item() == pytest.approx((4.5 + 2.0) / 2, rel=1e-3)


def test_no_gradient_reaches_the_encoder_from_free_nats() -> None:
    """KL below what is free adds nothing: with the decoder cut off, the encoder is left alone."""
    torch.manual_seed(0)
    model = PaperVAE(4, free_nats=100.0)
    with torch.no_grad():
        model.decoder[0].weight.zero_()
    loss, _ = model.loss(torch.rand(2, 3, 64, 64))
    gradients = torch.autograd.grad(loss, list(model.encoder.parameters()))
    assert all(gradient.abs().max().item() == 0.0 for gradient in gradients)


def test_frames_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"images of shape \(3, 64, 64\), these are \(3, 96, 96\)"):
        PaperVAE().encode(torch.zeros(1, 3, 96, 96))
