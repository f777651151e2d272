"""Images that come with one label each."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.utils.data import TensorDataset


@dataclass(frozen=True, eq=False)
class Labelled:
    """`images` (N, C, H, W) uint8 and `labels` (N,) int64.

    As a data set it is its images; `labels` takes the same index, and `pairs` is the data set of both.

    >>> import torch
    >>> data = Labelled(torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1), torch.tensor([7, 8, 9, 7]))
    >>> data[torch.tensor([2, 0])].flatten()
    tensor([2, 0], dtype=torch.uint8)
    >>> data.where(7).images.flatten()
    tensor([0, 3], dtype=torch.uint8)
    """

    images: Tensor
    labels: Tensor

    def __post_init__(self) -> None:
        if self.labels.shape != self.images.shape[:1]:
            raise ValueError(f"{len(self.images)} images, but labels of shape {tuple(self.labels.shape)}")

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor | slice | int) -> Tensor:
        return self.images[index]

    @property
    def pairs(self) -> TensorDataset:
        """The data set of (images, labels), as classifiers are trained on."""
        return TensorDataset(self.images, self.labels)

    def where(self, label: int) -> Labelled:
        """The images that have this label."""
        chosen = self.labels == label
        return Labelled(self.images[chosen], self.labels[chosen])
