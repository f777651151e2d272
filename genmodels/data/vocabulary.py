"""Symbols of a text, characters or words, and their numbers.

    text -> symbols -> numbers -> text          the same text, if the vocabulary knows all of its symbols

A word has the space before it, if there is one, so that words put together are the text: "To be!\\n" is "To", " be", "!" and a
new line.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal, get_args

import torch
from torch import Tensor

from genmodels.storage import Corrupt, read_json, write_json

Unit = Literal["characters", "words"]

END, UNKNOWN = "<end>", "<unknown>"  # longer than a character, and several words each, so that no text has them as symbols
_WORDS = re.compile(r" ?[\w']+| ?[^\w\s']|\s")


class Vocabulary:
    """Symbols, of which number i is `symbols[i]`.

    Arguments:
        unit: "characters" or "words".
        symbols: all different; with `END` among them texts can end, with `UNKNOWN` what is not among them has a number too.

    >>> vocabulary = Vocabulary.of("abracadabra", end=True)
    >>> vocabulary.encode("cab", end=True)
    tensor([4, 1, 2, 0])
    >>> vocabulary.decode(torch.tensor([4, 1, 2, 0, 0]))
    'cab'
    """

    def __init__(self, unit: Unit, symbols: Sequence[str]) -> None:
        if unit not in get_args(Unit):
            raise ValueError(f"unit is one of {', '.join(get_args(Unit))}, not {unit!r}")
        self.unit: Unit = unit
        self.symbols = tuple(symbols)
        self._numbers = {symbol: number for number, symbol in enumerate(self.symbols)}
        if len(self._numbers) < len(self.symbols) or not self.symbols:
            raise ValueError(f"the symbols of a vocabulary are all different, and at least one; here {len(self.symbols)}")
        self.end = self._numbers.get(END)
        self.unknown = self._numbers.get(UNKNOWN)

    @classmethod
    def of(
        cls,
        texts: str | Iterable[str],
        unit: Unit = "characters",
        *,
        size: int | None = None,
        end: bool = False,
        unknown: bool = False,
    ) -> Vocabulary:
        """The symbols of texts, the most frequent first.

        Arguments:
            texts: one or many.
            unit: "characters" or "words".
            size: the most symbols that there may be, `END` and `UNKNOWN` included; the most frequent are kept.
            end: whether there is a symbol for the end of a text, number 0, which also serves as padding.
            unknown: whether there is one for all that is not in the vocabulary.
        """
        counts: Counter[str] = Counter()
        for text in [texts] if isinstance(texts, str) else texts:
            counts.update(_split(text, unit))
        special = [END] * end + [UNKNOWN] * unknown
        if size is not None and size <= len(special):
            raise ValueError(f"size={size} leaves room for no symbol")
        frequent = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))
        return cls(unit, [*special, *frequent][:size])

    def __len__(self) -> int:
        return len(self.symbols)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and (self.unit, self.symbols) == (other.unit, other.symbols)

    def __hash__(self) -> int:
        return hash((self.unit, self.symbols))

    def __repr__(self) -> str:
        return f"Vocabulary of {len(self):,} {self.unit}"

    def encode(self, text: str, *, end: bool = False) -> Tensor:
        """A text as numbers (T,) int64; with `end`, the number of the end comes last."""
        symbols = _split(text, self.unit) + [END] * end
        numbers = [self._numbers.get(symbol, self.unknown) for symbol in symbols]
        if None in numbers:
            missing = symbols[numbers.index(None)]
            raise ValueError(f"{missing!r} is not among these {len(self):,} {self.unit}; Vocabulary.of has end= and unknown=")
        return torch.tensor(numbers, dtype=torch.int64)

    def decode(self, numbers: Tensor) -> str:
        """Numbers (T,) as a text, up to the first end; what was unknown reads as `UNKNOWN`."""
        listed: list[int] = numbers.tolist()
        if listed and not 0 <= min(listed) <= max(listed) < len(self):
            raise ValueError(f"symbols have the numbers 0 to {len(self) - 1}, these go from {min(listed)} to {max(listed)}")
        if self.end in listed:
            listed = listed[: listed.index(self.end)]
        return "".join(self.symbols[number] for number in listed)

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        write_json(path, {"unit": self.unit, "symbols": self.symbols})

    @classmethod
    def load(cls, path: str | Path) -> Vocabulary:
        """The vocabulary that was saved there."""
        match read_json(path):
            case {"unit": str() as unit, "symbols": [*symbols]} if all(isinstance(symbol, str) for symbol in symbols):
                try:
                    return cls(unit, symbols)  # type: ignore[arg-type]
                except ValueError as error:
                    raise Corrupt(f"{path}: {error}") from None
        raise Corrupt(f"{path}: not a vocabulary, which has a unit and a list of symbols")


def _split(text: str, unit: Unit) -> list[str]:
    """The symbols of a text.

    >>> _split("O, 'tis he!", "words")
    ['O', ',', " 'tis", ' he', '!']
    """
    return list(text) if unit == "characters" else _WORDS.findall(text)
