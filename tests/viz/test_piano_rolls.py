import numpy as np
import pytest
import torch

from genmodels.viz import piano_rolls
from genmodels.viz.piano_rolls import BAR, BLACK_KEY, INK, WHITE_KEY


def test_time_goes_right_and_pitch_up() -> None:
    roll = torch.zeros(3, 88, dtype=torch.uint8)
    roll[0, 39] = roll[1, 41] = roll[2, 39] = 1  # C, D, C: the black key between them is silent
    picture = piano_rolls([roll], factor=1)
    assert picture.dtype == np.uint8
    names = {INK: "#", WHITE_KEY: ".", BLACK_KEY: "-"}
    assert ["".join(names[tuple(pixel)] for pixel in row) for row in picture.tolist()] == [".#.", "---", "#.#"]


def test_pieces_stand_below_each_other_on_the_same_keys() -> None:
    low, high = torch.zeros(8, 88), torch.zeros(4, 88)
    low[:, 10], high[:, 20] = 1.0, 1.0
    picture = piano_rolls([low, high], factor=2, bar=4)
    assert picture.shape == (22 + 4 + 22, 16, 3)
    assert (picture[22:26] == 255).all()
    assert (picture[26:, 8:] == 255).all(), "where a piece is over the paper is white"
    assert (picture[20, :] == INK).all()
    assert (picture[0, 8] == BAR).all()
    assert (picture[0, 9] != BAR).any()


@pytest.mark.parametrize("shape", [(4, 87), (4,), (0, 88), (1, 4, 88)])
def test_other_shapes_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"a piano roll is \(T, 88\)"):
        piano_rolls([torch.zeros(shape)])
    with pytest.raises(ValueError, match="these are none"):
        piano_rolls([])


def test_silence_has_a_picture() -> None:
    assert piano_rolls([torch.zeros(2, 88)], factor=1).shape == (88, 2, 3)
