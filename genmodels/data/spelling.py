"""Frequent words as one number each, and all others spelled: so a name that was never seen can be written.

    She lives in Tovinko.        |She| lives| in| |To|vi|nk|o|.|

A word that is spelled is cut from the left, into pairs of letters that are frequent in such words, and else into letters (as
word pieces are, Wu et al. 2016, arXiv 1609.08144). Numbers put together are the text: a frequent word has the space before it,
if there is one, and of a spelled word it stands apart, so that a name is spelled alike wherever it stands.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from pathlib import Path

import torch
from torch import Tensor

from genmodels.data.vocabulary import END, Vocabulary

_WORDS = re.compile(r" ?\w+|.", re.DOTALL)


class Spelling:
    """Words, and the pairs and letters that all others are written with; number 0 is the end of a text.

    Arguments:
        symbols: words, pairs and letters, all different.

    >>> spelling = Spelling.of(["she lives", "she sees", "she sells"], least=2)
    >>> [spelling.vocabulary.symbols[number] for number in spelling.encode("she sees shells")]
    ['she', ' ', 'se', 'es', ' ', 's', 'h', 'e', 'l', 'l', 's']
    """

    def __init__(self, symbols: Sequence[str]) -> None:
        self.vocabulary = Vocabulary("words", [END, *symbols])
        self._numbers = {symbol: number for number, symbol in enumerate(self.vocabulary.symbols)}

    @classmethod
    def of(cls, texts: Iterable[str], *, least: int) -> Spelling:
        """Of texts: the words that occur `least` times or more, the pairs that do so in the other words, and all letters.

        A word with a space before it is another than one without.
        """
        texts = list(texts)
        words = Counter(word for text in texts for word in _WORDS.findall(text) if len(word) > 1)
        often = {word for word, count in words.items() if count >= least}
        pairs: Counter[str] = Counter()
        for word, count in words.items():
            if word not in often:
                letters = word.strip(" ")
                pairs.update(dict.fromkeys(map("".join, pairwise(letters)), count))
        often |= {pair for pair, count in pairs.items() if count >= least}
        return cls([*sorted(often), *sorted({letter for text in texts for letter in text})])

    def __len__(self) -> int:
        return len(self.vocabulary)

    def __repr__(self) -> str:
        letters = sum(len(symbol) == 1 for symbol in self.vocabulary.symbols)
        return f"Spelling with {letters:,} letters, and {len(self) - letters - 1:,} words and pairs of them"

    def encode(self, text: str, *, end: bool = False) -> Tensor:
        """A text as numbers (T,) int64; with `end`, that of the end comes last."""
        pieces = [part for word in _WORDS.findall(text) for part in ([word] if word in self._numbers else self._spelled(word))]
        if missing := [piece for piece in pieces if piece not in self._numbers]:
            raise ValueError(f"{missing[0]!r} is not among these letters; Spelling.of knows those of the texts it is given")
        return torch.tensor([self._numbers[piece] for piece in pieces] + [0] * end, dtype=torch.int64)

    def decode(self, numbers: Tensor) -> str:
        """Numbers (T,) as a text, up to the first end."""
        return self.vocabulary.decode(numbers)

    def places(self, numbers: Tensor) -> list[tuple[int, int]]:
        """Where each number (T,) of a text begins in it, and where it has ended.

        >>> spelling = Spelling.of(["she lives", "she sees"], least=2)
        >>> spelling.places(spelling.encode("she sees"))
        [(0, 3), (3, 4), (4, 5), (5, 6), (6, 8)]
        """
        ends = list(accumulate((len(self.vocabulary.symbols[number]) for number in numbers.tolist()), initial=0))
        return list(pairwise(ends))

    def _spelled(self, word: str) -> Iterator[str]:
        if word[0] == " ":
            yield " "
            word = word[1:]
        while word:
            size = 2 if word[:2] in self._numbers else 1
            yield word[:size]
            word = word[size:]

    def save(self, path: str | Path) -> None:
        """Write it as JSON."""
        self.vocabulary.save(path)

    @classmethod
    def load(cls, path: str | Path) -> Spelling:
        """The spelling that was saved there."""
        return cls(Vocabulary.load(path).symbols[1:])
