"""Data sets, offline first.

| set | what | images or points |
|---|---|---|
| `mnist(split)` | handwritten digits and their labels | (N, 1, 28, 28) uint8 |
| `binarised(images, seed)` | their pixels drawn once from Bernoulli(intensity) | (N, 1, 28, 28) float32, 0 or 1 |
| `stacked_mnist(n, seed)` | three digits in the colour channels, 1000 modes | (n, 3, 28, 28) uint8 |
| `GaussianGrid(side, spacing, sd)` | Gaussians on a grid in the plane, exact density | (n, 2) float32 |
| `ImageFolder(folder, size)` | your own pictures | (N, 3, size, size) uint8 |

A data set has `len(data)` and `data[index]`, where `index` is an int64 tensor (B,) and the answer a tensor of B
examples; a plain tensor is one too. Images stay uint8 until they are on the device, where they become floats in [0, 1].

A public set is looked for in `$GENMODELS_DATA`, in `shared/data` beside the checkout and in the user's cache, and then
downloaded from its own address; its SHA-256 is checked in every case (`genmodels.data.sources`).
"""

from genmodels.data.gaussian_grid import GaussianGrid
from genmodels.data.image_folder import ImageFolder
from genmodels.data.labelled import Labelled
from genmodels.data.mnist import binarised, mnist, stacked_mnist
from genmodels.data.sources import DataNotFound

__all__ = ["DataNotFound", "GaussianGrid", "ImageFolder", "Labelled", "binarised", "mnist", "stacked_mnist"]
