"""What codes tell of a label: the vote of the nearest neighbours (Cover and Hart 1967).

label(z) = the most frequent label among the k codes of the training set that are nearest to z
"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 500  # rows of the matrix of distances at a time


def neighbour_accuracy(known: Tensor, known_labels: Tensor, z: Tensor, labels: Tensor, k: int = 5) -> float:
    """The share of codes z (M, d) to which the k nearest of the known ones (N, d) give their label; the smaller of equals wins.

    >>> known, labels = torch.tensor([[0.0], [1.0], [10.0], [11.0]]), torch.tensor([0, 0, 1, 1])
    >>> neighbour_accuracy(known, labels, torch.tensor([[2.0], [9.0]]), torch.tensor([0, 0]), k=1)
    0.5
    """
    if known_labels.shape != known.shape[:1] or labels.shape != z.shape[:1] or known.shape[1:] != z.shape[1:]:
        shapes = ", ".join(str(tuple(part.shape)) for part in (known, known_labels, z, labels))
        raise ValueError(f"codes (N, d) with labels (N,), and codes (M, d) with labels (M,); these have the shapes {shapes}")
    if not 1 <= k <= len(known):
        raise ValueError(f"{len(known)} known codes have at most so many neighbours, and at least 1 votes, not {k}")
    votes = [known_labels[torch.cdist(part, known).topk(k, largest=False).indices] for part in z.split(BLOCK)]
    return (torch.cat(votes).mode(dim=1).values == labels).double().mean().item()
