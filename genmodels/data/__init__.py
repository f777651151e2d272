"""Data sets, offline first.

| set | what | images, points or texts |
|---|---|---|
| `mnist(split)` | handwritten digits and their labels | (N, 1, 28, 28) uint8 |
| `binarised(images, seed)` | their pixels drawn once from Bernoulli(intensity) | (N, 1, 28, 28) float32, 0 or 1 |
| `stacked_mnist(n, seed)` | three digits in the colour channels, 1000 modes | (n, 3, 28, 28) uint8 |
| `fashion_mnist(split)` | clothes and their labels | (N, 1, 28, 28) uint8 |
| `cifar10(split)` | photographs and their labels | (N, 3, 32, 32) uint8 |
| `Shapes(n, seed, size)` | shapes with every attribute known, captions, questions | (n, 3, size, size) uint8 |
| `GaussianGrid(side, spacing, sd)` | Gaussians on a grid in the plane, exact density | (n, 2) float32 |
| `Moons(sd)` | two moons, exact density | (n, 2) float32 |
| `shakespeare(split)` | 1.1 million characters of plays | str |
| `chorales(split)` | Bach, four voices at each 16th | list of (T, 4) int64 |
| `quarter_chorales(split)`, `quarters(pieces)` | Bach, the keys that sound at each quarter | list of (T, 88) uint8 |
| `ImageFolder(folder, size)` | your own pictures | (N, 3, size, size) uint8 |
| `AttributeFolder(folder, table, size)` | your own, with a table of attributes as CelebA's | (N, 3, size, size) uint8 |
| `idx_folder(folder, split)` | files in MNIST's format | (N, 1, H, W) uint8 |
| `texts(path, template)` | your own texts: a folder, or rows of CSV or JSON | list of str |
| `string_task(task, n, seed, split)` | strings to reverse or sort, dates to write as ISO has them | list of (str, str) |
| `translations(n, seed, split)` | sentences in English and German, by a grammar | list of (str, str) |
| `passages(n, seed, split, long)` | passages about people, questions and where their answers stand | list of `Passage` |
| `Vocabulary.of(texts, unit)` | characters or words as numbers, and back | (T,) int64 |
| `BytePairs.of(texts, size)` | bytes that often stand together as numbers, and back | (T,) int64 |
| `ShopLetters()` | letters to a shop, and replies whose worth is known exactly | (str, str) |
| `preferences(worth, noise, seed)` | which of two texts somebody prefers, not always rightly | (M, 2) |
| `Answered(prompts, answers)` | prompts and their answers in one text each | (B, T), (B,), (B,) |
| `Spelling.of(texts, least)` | frequent words as numbers, all others spelled | (T,) int64 |
| `Padded(sequences)` | sequences of different lengths, and their lengths | (B, T, ...), (B,) |
| `Pairs(sources, targets)` | pairs of sequences of different lengths | twice what `Padded` has |
| `TextWindows(sequence, length, stride)` | a long sequence as windows, side by side or at every place | (length,) |
| `Streams(sequence, streams, window)` | a long sequence as windows, step after step | (streams, window, ...), (streams,) |

A data set has `len(data)` and `data[index]`, where `index` is an int64 tensor (B,) and the answer a tensor of B
examples; a plain tensor is one too. Images stay uint8 until they are on the device, where they become floats in [0, 1].

A public set is looked for in `$GENMODELS_DATA`, in `shared/data` beside the checkout and in the user's cache, and then
downloaded from its own address; its SHA-256 is checked in every case (`genmodels.data.downloads`).
"""

from genmodels.data.answered import Answered
from genmodels.data.attribute_folder import AttributeFolder
from genmodels.data.byte_pairs import BytePairs
from genmodels.data.chorales import chorales, quarter_chorales, quarters
from genmodels.data.cifar10 import cifar10
from genmodels.data.downloads import DataNotFound
from genmodels.data.fashion_mnist import fashion_mnist
from genmodels.data.gaussian_grid import GaussianGrid
from genmodels.data.idx import idx_folder
from genmodels.data.image_folder import ImageFolder
from genmodels.data.labelled_images import Labelled
from genmodels.data.mnist import binarised, mnist, stacked_mnist
from genmodels.data.moons import Moons
from genmodels.data.padded import Padded
from genmodels.data.pairs import Pairs
from genmodels.data.passages import Passage, passages
from genmodels.data.shakespeare import shakespeare
from genmodels.data.shapes import Shapes
from genmodels.data.shop_letters import ShopLetters, preferences
from genmodels.data.spelling import Spelling
from genmodels.data.streams import Streams
from genmodels.data.string_tasks import string_task
from genmodels.data.text_files import texts
from genmodels.data.text_windows import TextWindows
from genmodels.data.translations import translations
from genmodels.data.vocabulary import Vocabulary

__all__ = [
    "Answered",
    "AttributeFolder",
    "BytePairs",
    "DataNotFound",
    "GaussianGrid",
    "ImageFolder",
    "Labelled",
    "Moons",
    "Padded",
    "Pairs",
    "Passage",
    "Shapes",
    "ShopLetters",
    "Spelling",
    "Streams",
    "TextWindows",
    "Vocabulary",
    "binarised",
    "chorales",
    "cifar10",
    "fashion_mnist",
    "idx_folder",
    "mnist",
    "passages",
    "preferences",
    "quarter_chorales",
    "quarters",
    "shakespeare",
    "stacked_mnist",
    "string_task",
    "texts",
    "translations",
]
