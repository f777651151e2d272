"""A folder of pictures as a data set: squares of one size, decoded when asked for and kept while there is room."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif")


class ImageFolder:
    """The pictures in `folder` and below it, in the order of their paths; hidden files and folders are passed over.

    An int64 index tensor (B,) or a slice gives uint8 images (B, 3, size, size), a number gives one (3, size, size). A
    picture is turned upright, its middle square is cut out and resampled, and what is transparent becomes white; of an
    animation the first frame counts. The first pictures decoded are kept, up to `memory` bytes in all.
    """

    def __init__(self, folder: str | Path, size: int = 64, memory: int = 1 << 30) -> None:
        if size < 1:
            raise ValueError(f"a picture cannot be {size} pixels wide")
        self.folder = Path(folder).expanduser()
        self.size = size
        self.paths = _pictures(self.folder)
        self._kept: dict[int, Tensor] = {}
        self._room = memory // (3 * size * size)

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: Tensor | Sequence[int] | slice | int) -> Tensor:
        if isinstance(index, int):
            return self._image(range(len(self))[index])
        if isinstance(index, slice):
            index = torch.arange(len(self))[index]
        index = torch.as_tensor(index)
        if index.dtype != torch.int64 or index.ndim != 1:
            raise TypeError(f"an index tensor is int64 and has shape (B,), not {index.dtype} {tuple(index.shape)}")
        images = [self[i] for i in index.tolist()]
        return torch.stack(images) if images else torch.empty(0, 3, self.size, self.size, dtype=torch.uint8)

    def _image(self, i: int) -> Tensor:
        if i in self._kept:
            return self._kept[i]
        image = torch.from_numpy(_decoded(self.paths[i], self.size)).permute(2, 0, 1).contiguous()
        if len(self._kept) < self._room:  # nothing is evicted: in the random order of training no rule would do better
            self._kept[i] = image
        return image


def _pictures(folder: Path) -> list[Path]:
    """Every picture below `folder`. Links are followed; each folder is entered once, so that loops end."""
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: there is no such folder")
    entered: set[str] = set()
    found: list[Path] = []
    for root, folders, files in os.walk(folder, followlinks=True):
        if (real := os.path.realpath(root)) in entered:
            folders.clear()
            continue
        entered.add(real)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        found += [Path(root, name) for name in files if name.lower().endswith(ENDINGS) and not name.startswith(".")]
    if not found:
        raise FileNotFoundError(f"{folder}: no pictures in it or below; endings that count are {', '.join(ENDINGS)}")
    return sorted(found, key=lambda path: path.relative_to(folder).parts)


def _decoded(path: Path, size: int) -> NDArray[np.uint8]:
    """The picture's middle square as (size, size, 3) bytes."""
    try:
        with Image.open(path) as image:
            image.draft("RGB", (2 * size, 2 * size))  # lets a JPEG decoder skip detail that would be averaged away
            upright = ImageOps.exif_transpose(image)
            square = ImageOps.fit(_rgb(upright), (size, size), Image.Resampling.LANCZOS)
    except Exception as error:  # decoders meet broken files with errors of every kind
        raise ValueError(f"{path}: this picture cannot be read ({error})") from error
    return np.array(square)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits of grey
        image = Image.fromarray((np.asarray(image) / 257).round().clip(0, 255).astype(np.uint8))
    if image.getbands()[-1] != "A" and "transparency" not in image.info:
        return image.convert("RGB")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
