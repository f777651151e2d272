"""Texts of one's own: a folder of text files, or the rows of a CSV or JSON file told by a template.

The book's two sets (Foster, Generative Deep Learning, 2nd edition, chapters 5 and 9) are Kaggle's, for which one logs in:

    texts("full_format_recipes.json", "Recipe for {title} | {directions}")
    texts("winemag-data-130k-v2.json", "wine review : {country} : {province} : {variety} : {description}")
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from genmodels.storage import Corrupt

_LIMIT = 1 << 30  # bytes of one file
_FIELD = re.compile(r"\{([^{}]*)\}")

ENDINGS = (".txt", ".csv", ".tsv", ".json", ".jsonl")


def texts(path: str | Path, template: str | None = None) -> list[str]:
    """The texts at `path`, in order.

    A folder gives one for each `.txt` file in it or below, by path; a `.txt` file gives one. A `.csv`, `.tsv`, `.json` (a list
    of objects) or `.jsonl` file gives one for each row: `template` with each `{column}` replaced, a list of strings joined by
    spaces. Rows that lack a column of the template, or have nothing in it, are passed over; so are empty texts.
    """
    where = Path(path).expanduser()
    if not where.exists():
        raise FileNotFoundError(f"{where}: there is no such file or folder")
    if where.is_dir():
        found = [_read(file) for file in sorted(where.rglob("*.txt"), key=lambda file: file.relative_to(where).parts)]
    elif where.suffix.lower() == ".txt":
        found = [_read(where)]
    else:
        found = _told(where, template)
    kept = [text.strip() for text in found if text.strip()]
    if not kept:
        raise ValueError(f"{where}: no texts in it" + (f" that fill the template {template!r}" if template else ""))
    return kept


def _told(path: Path, template: str | None) -> list[str]:
    columns = _FIELD.findall(template or "")
    rows = list(_rows(path))
    known = sorted({column for row in rows for column in row})
    if not columns or any(column not in known for column in columns):
        raise ValueError(f"{path}: a template names columns in braces, not {template!r}; there are {', '.join(known)}")
    strings = ({column: _string(row.get(column)) for column in columns} for row in rows)
    return [_filled(template or "", row) for row in strings if all(row.values())]


def _filled(template: str, row: Mapping[str, str]) -> str:
    return _FIELD.sub(lambda field: row[field[1]], template)


def _string(value: Any) -> str:
    if isinstance(value, list):
        return " ".join(_string(part) for part in value)
    return str(value).strip() if isinstance(value, (str, int, float)) else ""


# ---------------------------------------------------------------------------------------------------------------- files


def _rows(path: Path) -> Iterator[Mapping[str, Any]]:
    kind = path.suffix.lower()
    if kind in (".csv", ".tsv"):
        yield from _csv_rows(path, "," if kind == ".csv" else "\t")
    elif kind == ".json":
        rows = _parsed(_read(path), path)
        yield from (
            _object(row, f"{path}: row {i}") for i, row in enumerate(rows if isinstance(rows, list) else [rows], start=1)
        )
    elif kind == ".jsonl":
        lines = enumerate(
            _read(path).split("\n"), start=1
        )  # not splitlines, which also cuts at marks that JSON allows in strings
        yield from (_object(_parsed(line, path), f"{path}: line {i}") for i, line in lines if line.strip())
    else:
        raise ValueError(f"{path}: texts come from a folder or a file that ends in {', '.join(ENDINGS)}")


def _csv_rows(path: Path, delimiter: str) -> Iterator[dict[str, str]]:
    reader = csv.reader(io.StringIO(_read(path), newline=""), delimiter=delimiter, strict=True)
    try:
        names = next(reader, [])
        for row in reader:
            if row and len(row) != len(names):
                raise Corrupt(f"{path}: the row that ends in line {reader.line_num} has {len(row)} fields, not {len(names)}")
            yield dict(zip(names, row, strict=False))
    except csv.Error as error:
        raise Corrupt(f"{path}: line {reader.line_num} is not CSV ({error})") from None


def _parsed(text: str, path: Path) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Corrupt(f"{path}: not JSON ({error})") from None


def _object(row: Any, where: str) -> Mapping[str, Any]:
    if not isinstance(row, dict):
        raise Corrupt(f"{where} is no object with columns, but {type(row).__name__}")
    return row


def _read(path: Path) -> str:
    if path.stat().st_size > _LIMIT:
        raise Corrupt(f"{path}: more than {_LIMIT:,} bytes; split it")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Corrupt(f"{path}: not UTF-8 ({error})") from None
