"""Principal components against the definition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from genmodels.metrics import PCA


def images(n: int, height: int, width: int, seed: int = 0) -> Tensor:
    return torch.rand(n, 1, height, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("n", [200, 10])
def test_components_reconstruct_best_from_many_images_and_from_few(n: int) -> None:
    x = images(n, 4, 5)
    pca = PCA.fit(x, 3)
    rows = x.flatten(1).double()
    singular = torch.linalg.svdvals(rows - rows.mean(0))
    assert torch.allclose(pca.axes @ pca.axes.T, torch.eye(3, dtype=torch.float64), atol=1e-10)
    assert torch.allclose(pca.sd, singular[:3] / (n - 1) ** 0.5)
    squared_error = (pca.reconstruct(x) - x).square().sum().item()
    assert squared_error == pytest.approx(singular[3:].square().sum().item(), rel=1e-5)


def test_bytes_are_images_too() -> None:
    x = torch.randint(256, (50, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(PCA.fit(x, 2).axes, PCA.fit(x.double() / 255, 2).axes)


def test_samples_have_the_moments_of_the_data_and_come_from_the_seed() -> None:
    x = 0.5 + 0.1 * torch.randn(4000, 1, 2, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.5])
    pca = PCA.fit(x, 4)
    made = pca.sample(20_000, seed=1)
    assert torch.allclose(made.mean(0), x.mean(0), atol=0.005)
    assert torch.allclose(made.flatten(1).T.cov(), x.flatten(1).T.cov(), atol=3e-4)
    assert torch.equal(made[:5], pca.sample(20_000, seed=1)[:5])
    assert made.min() >= 0
    assert made.max() <= 1


@pytest.mark.parametrize(("n", "k"), [(5, 5), (40, 17), (5, 0)])
def test_more_components_than_there_are_is_refused(n: int, k: int) -> None:
    with pytest.raises(ValueError, match="principal components"):
        PCA.fit(images(n, 4, 4), k)
