"""A folder of pictures with a table of yes and no beside it, as CelebA's (Liu et al. 2015, arXiv:1411.7766).

Two forms of table are read. CelebA's own `list_attr_celeba.txt` has the number of pictures, the names of the attributes, and
then for each picture its file and 1 or -1 for each attribute. A CSV has the names in its first row and the files in its first
column; there 0 is no as well.
"""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from genmodels.data.image_folder import ImageFolder
from genmodels.storage import Corrupt

_LIMIT = 1 << 28  # bytes; CelebA's table has 27 million
_ANSWERS = {"1": True, "0": False, "-1": False}


@dataclass(frozen=True, eq=False)
class Attributes:
    """A table: the `names` of A attributes, the `files` of N pictures, and `values` (N, A) bool."""

    names: tuple[str, ...]
    files: tuple[str, ...]
    values: Tensor


class AttributeFolder:
    """The pictures in `folder` that `table` tells of, as in `ImageFolder`, and `attributes` (N, A) bool, `names` (A).

    As a data set it is its pictures (B, 3, size, size) uint8; `attributes` takes the same index. A picture's name in the table
    is its path below the folder. Rows without a picture are passed over; a picture without a row is an error.
    """

    def __init__(self, folder: str | Path, table: str | Path, size: int = 64, memory: int = 1 << 30) -> None:
        self.images = ImageFolder(folder, size, memory)
        told = read_attributes(Path(table).expanduser())
        row = {file: i for i, file in enumerate(told.files)}
        files = [path.relative_to(self.images.folder).as_posix() for path in self.images.paths]
        if unknown := [file for file in files if file not in row]:
            raise ValueError(f"{table}: it has no row for {unknown[0]}, and for {len(unknown) - 1} other pictures of {folder}")
        self.names = told.names
        self.attributes = told.values[torch.tensor([row[file] for file in files])]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Tensor | slice | int) -> Tensor:
        return self.images[index]

    def having(self, name: str, value: bool = True) -> Tensor:
        """The indices (M,) of the pictures that have an attribute, or with `value=False` have it not."""
        if name not in self.names:
            raise ValueError(f"there is no attribute {name!r}; there are {', '.join(self.names)}")
        return (self.attributes[:, self.names.index(name)] == value).nonzero().flatten()


# --------------------------------------------------------------------------------------------------------------- tables


def read_attributes(path: Path) -> Attributes:
    """The table at `path`, a CSV if its name says so and CelebA's form if not."""
    if path.stat().st_size > _LIMIT:
        raise Corrupt(f"{path}: more than {_LIMIT:,} bytes are no table of attributes")
    try:
        text = path.read_text(encoding="utf-8-sig")
        rows = list(csv.reader(io.StringIO(text), strict=True)) if path.suffix.lower() == ".csv" else _celeba(text, path)
    except (UnicodeDecodeError, csv.Error) as error:
        raise Corrupt(f"{path}: not a table as text ({error})") from None
    if len(rows) < 2 or len(rows[0]) < 2:
        raise Corrupt(f"{path}: a table of attributes has a row of names and rows for pictures")
    names, files, values = rows[0][1:], [], []
    for number, row in enumerate(rows[1:], start=1):
        if len(row) != 1 + len(names) or not all(value.strip() in _ANSWERS for value in row[1:]):
            raise Corrupt(f"{path}: picture {number} has not {len(names)} values of 1, 0 or -1 after its name: {row[:4]} ...")
        files.append(row[0])
        values.append([_ANSWERS[value.strip()] for value in row[1:]])
    for what, words in (("attribute", names), ("picture", files)):
        if len(set(words)) < len(words):
            raise Corrupt(f"{path}: the same {what} stands in it twice")
    return Attributes(tuple(names), tuple(files), torch.tensor(values))


def _celeba(text: str, path: Path) -> list[list[str]]:
    """The rows of CelebA's form, the first with a column's name before the attributes."""
    count, _, rest = text.partition("\n")
    lines = [line.split() for line in rest.splitlines() if line.strip()]
    if not lines or count.strip() != str(len(lines) - 1):
        raise Corrupt(f"{path}: its first line says {count.strip()[:40]!r}, and {len(lines) - 1} rows follow the names")
    return [["file", *lines[0]], *lines[1:]]
