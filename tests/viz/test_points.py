import numpy as np
import pytest
import torch
from torch import Tensor

from genmodels.viz import inverse_cdf_grid, latent_scatter, scatter
from genmodels.viz.figure import COLOURS, Picture
from genmodels.viz.points import window


def points(n: int = 200, d: int = 2) -> Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(0))


def has(picture: Picture, colour: str) -> bool:
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return bool((picture == rgb).all(-1).any())


# ------------------------------------------------------------------------------------------------------------- windows


def test_the_window_is_a_square_with_a_margin() -> None:
    x, y, half = window(np.array([[0, -1], [4, 1]], np.float32), quantile=0.0)
    assert (x, y) == (2, 0)
    assert half == pytest.approx(2 * 1.15)


def test_a_few_outliers_do_not_stretch_the_window() -> None:
    cloud = points(2000).numpy()
    outliers = np.concatenate([cloud, np.full((2, 2), 1e6, np.float32), np.full((2, 2), np.nan, np.float32)])
    assert window(outliers)[2] == pytest.approx(window(cloud)[2], rel=0.1)


def test_degenerate_windows() -> None:
    assert window(np.full((5, 2), 3, np.float32)) == (3, 3, 1)
    assert window(np.full((5, 2), np.nan, np.float32)) == (0, 0, 1)


# ------------------------------------------------------------------------------------------------------------ pictures


def test_pictures_are_a_function_of_the_points() -> None:
    samples, labels = points(), torch.arange(200) % 3
    for picture, again, other in (
        (scatter(samples), scatter(samples), scatter(-samples)),
        (latent_scatter(samples, labels), latent_scatter(samples, labels), latent_scatter(samples, 2 - labels)),
    ):
        assert picture.dtype == np.uint8
        assert picture.ndim == 3
        assert np.array_equal(picture, again)
        assert not np.array_equal(picture, other)


def test_samples_outside_are_counted() -> None:
    """Moved from outside to farther outside, a sample changes nothing; moved inside, it changes the count."""
    real = points()
    far, farther, inside = (torch.cat([points()[:50], torch.full((1, 2), at)]) for at in (50.0, 99.0, 0.0))
    corner = np.s_[-110:, -350:]
    assert np.array_equal(scatter(far, real=real), scatter(farther, real=real))
    assert not np.array_equal(scatter(far, real=real)[corner], scatter(inside, real=real)[corner])


def test_the_window_is_that_of_the_truth() -> None:
    """All samples in one mode: the other modes' crosses are still there."""
    centres = torch.tensor([[-5.0, 0.0], [5.0, 0.0]])
    picture = scatter(0.1 * points() + centres[0], centres)
    half = picture.shape[1] // 2
    assert has(picture[100:, half:], COLOURS[3])
    assert not has(picture[100:, half:], COLOURS[0])


def test_a_diverged_model_still_gives_a_picture() -> None:
    nowhere = torch.full((10, 2), float("nan"))
    assert scatter(nowhere).size
    assert scatter(nowhere, real=points()).size
    assert latent_scatter(nowhere, torch.arange(10)).size


def test_a_class_has_its_colour_whichever_others_are_present() -> None:
    all_classes = latent_scatter(points(), torch.arange(200) % 10)
    assert all(has(all_classes, colour) for colour in COLOURS)
    two = latent_scatter(points(), 3 + 4 * (torch.arange(200) % 2), names=[f"digit {i}" for i in range(10)])
    assert [i for i, colour in enumerate(COLOURS) if has(two, colour)] == [3, 7]


def test_many_classes_and_real_numbers_are_shades() -> None:
    for labels in (torch.arange(200) % 11, torch.rand(200)):
        assert has(latent_scatter(points(), labels), "#fde725")  # the bright end of the scale


def test_more_than_two_dimensions_are_mentioned() -> None:
    z = points(d=5)
    assert not np.array_equal(latent_scatter(z), latent_scatter(z[:, :2]))


def test_bad_points() -> None:
    for wrong in (torch.zeros(3), torch.zeros(3, 1), torch.zeros(0, 2)):
        with pytest.raises(ValueError, match="points have the shape"):
            scatter(wrong)
    with pytest.raises(ValueError, match="200 codes, but labels of shape"):
        latent_scatter(points(), torch.zeros(199))


# ------------------------------------------------------------------------------------------------------ inverse Gaussian


def test_latents_are_the_quantiles_of_the_prior() -> None:
    seen: list[Tensor] = []

    def decode(z: Tensor) -> Tensor:
        assert not torch.is_grad_enabled()
        seen.append(z)
        return torch.zeros(len(z), 1, 2, 2)

    inverse_cdf_grid(decode, side=4)
    (z,) = seen
    quantiles = [-1.15035, -0.31864, 0.31864, 1.15035]  # of 1/8, 3/8, 5/8, 7/8
    assert z.dtype == torch.float32
    torch.testing.assert_close(z[:4, 0], torch.tensor(quantiles), atol=1e-4, rtol=0)  # to the right
    torch.testing.assert_close(z[::4, 1], torch.tensor(quantiles[::-1]), atol=1e-4, rtol=0)  # and downwards


def test_cells_stand_where_their_latents_are() -> None:
    picture = inverse_cdf_grid(lambda z: torch.sigmoid(z).sum(1).view(-1, 1, 1, 1) / 2, side=2)
    low_left, low_right, top_left, top_right = picture[-1, 0, 0], picture[-1, -1, 0], picture[0, 0, 0], picture[0, -1, 0]
    assert low_left < low_right == top_left < top_right
