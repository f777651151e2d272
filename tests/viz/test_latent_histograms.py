"""Histograms of latents."""

import math

import numpy as np
import pytest
import torch

from genmodels.viz import latent_histograms


def test_there_is_a_panel_for_each_of_the_widest_dimensions() -> None:
    z = torch.randn(500, 6, generator=torch.Generator().manual_seed(0))
    sizes = [latent_histograms(z[:, :d], columns=2).shape for d in (2, 3, 4, 5)]
    assert sizes[0][0] < sizes[1][0] == sizes[2][0] < sizes[3][0]
    assert latent_histograms(z, most=4, columns=2).shape == sizes[2]
    assert latent_histograms(z[:, :3]).shape[0] == sizes[0][0]


def test_the_widest_come_first_and_codes_far_away_are_shown() -> None:
    z = torch.randn(500, 3, generator=torch.Generator().manual_seed(0))
    wide = z * torch.tensor([1.0, 9.0, 1.0])
    assert np.array_equal(latent_histograms(wide, most=1), latent_histograms(wide, most=1))
    assert not np.array_equal(latent_histograms(wide, most=1), latent_histograms(z, most=1))
    assert latent_histograms(torch.zeros(5, 2)).size  # a collapsed code is a spike


@pytest.mark.parametrize("bad", [torch.zeros(1, 2), torch.zeros(4), torch.full((4, 2), math.nan)])
def test_what_are_no_codes_is_refused(bad: torch.Tensor) -> None:
    with pytest.raises(ValueError, match="at least two codes"):
        latent_histograms(bad)
