import numpy as np
import pytest
import torch

from genmodels.viz import grid, reconstructions, strips

MAGENTA = [255, 0, 255]


def flat(values: list[int], size: int = 200) -> torch.Tensor:
    """One image of each grey value, so large that it is not enlarged."""
    return torch.tensor(values, dtype=torch.uint8).view(-1, 1, 1, 1).expand(-1, 1, size, size)


def test_images_row_by_row_on_white() -> None:
    picture = grid(flat([0, 50, 100, 150, 200], 300), columns=3, padding=2)
    assert picture.dtype == np.uint8
    assert picture.shape == (602, 904, 3)
    assert picture[[0, 299], 0].tolist() == [[0] * 3] * 2
    assert picture[[300, 301], 0].tolist() == [[255] * 3] * 2
    assert picture[0, [302, 604, 903], 0].tolist() == [50, 100, 100]
    assert picture[302, [0, 302, 604], 0].tolist() == [150, 200, 255]  # the empty cell is white


def test_as_many_columns_as_rows() -> None:
    assert grid(flat([0] * 9, 400), padding=0).shape == (1200, 1200, 3)
    assert grid(flat([0] * 5, 400), padding=0).shape == (800, 1200, 3)


def test_small_images_are_enlarged_by_a_whole_factor() -> None:
    image = torch.rand(1, 3, 5, 4, generator=torch.Generator().manual_seed(0))
    picture = grid(image)
    assert picture.shape == (40, 32, 3)
    pixels = (image[0].permute(1, 2, 0) * 255).round().to(torch.uint8).numpy()
    assert np.array_equal(picture, np.kron(pixels, np.ones((8, 8, 1), np.uint8)))
    assert grid(flat([0], 500), padding=0).shape == (1000, 1000, 3)
    assert grid(flat([0], 561), padding=0).shape == (561, 561, 3)


def test_floats_and_bytes_agree() -> None:
    images = torch.randint(0, 256, (4, 3, 6, 6), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert np.array_equal(grid(images), grid(images.float() / 255))
    assert np.array_equal(grid(images), grid((images.double() / 255).requires_grad_()))


def test_out_of_range_is_clipped_and_nan_is_seen() -> None:
    image = torch.tensor([[-1.0, 2.0], [float("nan"), float("inf")]]).view(1, 1, 2, 2)
    before = image.clone()
    picture = grid(image)
    assert picture[0, 0].tolist() == [0, 0, 0]
    assert picture[0, -1].tolist() == [255, 255, 255]
    assert picture[-1, 0].tolist() == picture[-1, -1].tolist() == MAGENTA
    assert torch.equal(image.nan_to_num(), before.nan_to_num())


@pytest.mark.parametrize("shape", [(28, 28), (1, 28, 28), (2, 28, 28, 1), (2, 2, 8, 8), (0, 1, 8, 8)])
def test_shapes_that_are_no_images(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="images have the shape"):
        grid(torch.zeros(shape))


def test_integers_are_refused() -> None:
    with pytest.raises(TypeError, match=r"torch\.int64"):
        grid(torch.zeros(1, 1, 8, 8, dtype=torch.int64))


def test_each_original_stands_above_its_reconstruction() -> None:
    """Three pairs in two columns: a row of pairs, a gap, a row with one pair and an empty cell."""
    picture = reconstructions(flat([10, 20, 30], 300), flat([11, 21, 31], 300), columns=2, padding=1)
    assert picture.shape == (4 * 300 + 4, 601, 3)
    assert picture[[0, 300], 0, 0].tolist() == [10, 11]
    assert picture[[0, 300], 301, 0].tolist() == [20, 21]
    assert picture[600:604].min() == 255
    assert picture[[604, 904], 0, 0].tolist() == [30, 31]
    assert picture[604:, 301:].min() == 255


def test_pairs_must_match() -> None:
    with pytest.raises(ValueError, match="reconstructions"):
        reconstructions(flat([0, 1]), flat([0]))


def test_strips_stand_apart_from_what_they_began_and_end_as() -> None:
    path = flat([10, 20, 30, 40, 50, 60], 60).view(2, 3, 1, 60, 60)
    before, after = flat([1, 4], 60), flat([3, 6], 60)
    picture = strips(path, before, after, padding=1)[::3, ::3]  # enlarged three times
    assert picture.shape == (60 + 1 + 60, 5 * 60 + 2 * 1 + 2 * 4, 3)
    assert picture[0, [0, 64, 125, 186, 250], 0].tolist() == [1, 10, 20, 30, 3]
    assert picture[61, [0, 64, 125, 186, 250], 0].tolist() == [4, 40, 50, 60, 6]
    assert picture[0, [60, 63, 246, 249], 0].tolist() == [255] * 4
    assert np.array_equal(strips(path), grid(path.flatten(0, 1), columns=3))


def test_strips_of_other_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\(B, n, C, H, W\)"):
        strips(flat([0]))
    with pytest.raises(ValueError, match="originals of shape"):
        strips(torch.zeros(2, 3, 1, 4, 4), before=torch.zeros(3, 1, 4, 4))
