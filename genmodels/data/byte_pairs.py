"""Text as bytes, of which those that stand together most often become one token (Sennrich et al. 2016, arXiv 1508.07909).

    every byte is a token; again and again, the most frequent pair of neighbours becomes a token of its own
    text -> pieces -> bytes -> numbers -> bytes -> text          the same bytes, whatever they are

No pair reaches from one piece into the next: letters with the space before them, digits, signs, white space, cut as for GPT-2
(Radford et al. 2019). Nothing is unknown; what is rare costs more tokens.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from functools import cache
from heapq import heapify, heappop, heappush
from itertools import groupby, pairwise
from pathlib import Path

import torch
from torch import Tensor

from genmodels.data.vocabulary import END
from genmodels.storage import Corrupt, read_json, write_json

Pair = tuple[int, int]

BYTES = 256
_REMEMBERED = 1 << 18  # pieces of which the numbers are kept, so that a word is cut up once
_SPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # Unicode's; re's has four control characters more


class BytePairs:
    """Tokens of one byte or several: numbers 0 to 255 are the bytes, then come pairs of earlier tokens, then special ones.

    Arguments:
        merges: the pairs, in the order in which they became tokens.
        special: names of tokens that no text has; with `END` among them texts can end.

    >>> pairs = BytePairs.of("low lower lowest", size=259, end=True)
    >>> pairs.tokens[256:]
    (b'lo', b'low', b'<end>')
    >>> pairs.encode("slow", end=True)
    tensor([115, 257, 258])
    >>> pairs.decode(torch.tensor([115, 257, 258, 258]))
    'slow'
    """

    def __init__(self, merges: Sequence[Pair], special: Sequence[str] = ()) -> None:
        tokens = [bytes([byte]) for byte in range(BYTES)]
        self._numbers: dict[Pair, int] = {}
        for number, (left, right) in enumerate(merges, start=BYTES):
            if not (0 <= left < number and 0 <= right < number) or (left, right) in self._numbers:
                raise ValueError(
                    f"merges: ({left}, {right}) becomes token {number}, so both are from 0 to {number - 1}, and no earlier pair"
                )
            self._numbers[left, right] = number
            tokens.append(tokens[left] + tokens[right])
        if len(set(special)) < len(special) or "" in special:
            raise ValueError(f"special: names that are all different and not empty, not {tuple(special)}")
        self.merges = tuple(self._numbers)
        self.special = {name: number for number, name in enumerate(special, start=len(tokens))}
        self.tokens = (*tokens, *(name.encode() for name in special))
        self.end = self.special.get(END)
        self._known: dict[str, list[int]] = {}

    @classmethod
    def of(cls, texts: str | Iterable[str], *, size: int = 1024, end: bool = False, special: Sequence[str] = ()) -> BytePairs:
        """The pairs that are most frequent in texts; of those that are equally so, the one with the lowest numbers.

        Arguments:
            texts: one or many.
            size: the tokens that there shall be, bytes and special ones included; fewer if no pair is left that comes twice.
            end: whether there is a token for the end of a text.
            special: names of others.
        """
        names = [END] * end + list(special)
        if size < BYTES + len(names):
            raise ValueError(f"size: {BYTES} bytes and {len(names)} special tokens do not go into {size}")
        counts: Counter[str] = Counter()
        for text in [texts] if isinstance(texts, str) else texts:
            counts.update(_pieces(_utf8(text)))
        words = [list(piece.encode()) for piece in counts]
        return cls(_frequent_pairs(words, list(counts.values()), size - BYTES - len(names)), names)

    def __len__(self) -> int:
        return len(self.tokens)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BytePairs) and (self.merges, self.special) == (other.merges, other.special)

    def __hash__(self) -> int:
        return hash((self.merges, *self.special))

    def __repr__(self) -> str:
        return f"BytePairs of {len(self):,} tokens"

    def encode(self, text: str, *, end: bool = False) -> Tensor:
        """A text as numbers (T,) int64; with `end`, the number of the end comes last. A special name in it is text like any."""
        return self.encode_bytes(_utf8(text), end=end)

    def encode_bytes(self, data: bytes, *, end: bool = False) -> Tensor:
        """Any bytes as numbers (T,) int64."""
        numbers: list[int] = []
        for piece in _pieces(data):
            numbers += self._known.get(piece) or self._of_piece(piece)
        if end:
            if self.end is None:
                raise ValueError("end: these tokens have none; BytePairs.of has end=")
            numbers.append(self.end)
        return torch.tensor(numbers, dtype=torch.int64)

    def decode(self, numbers: Tensor) -> str:
        """Numbers (T,) as a text, up to the first end; what is no UTF-8, as half a letter, reads as U+FFFD."""
        return self.decode_bytes(numbers).decode(errors="replace")

    def decode_bytes(self, numbers: Tensor) -> bytes:
        """Numbers (T,) as bytes, up to the first end."""
        listed: list[int] = numbers.tolist()
        if listed and not 0 <= min(listed) <= max(listed) < len(self):
            raise ValueError(f"tokens have the numbers 0 to {len(self) - 1}, these go from {min(listed)} to {max(listed)}")
        if self.end in listed:
            listed = listed[: listed.index(self.end)]
        return b"".join(self.tokens[number] for number in listed)

    def save(self, path: str | Path) -> None:
        """Write them as JSON."""
        write_json(path, {"merges": self.merges, "special": list(self.special)})

    @classmethod
    def load(cls, path: str | Path) -> BytePairs:
        """The byte pairs that were saved there."""
        match read_json(path):
            case {"merges": [*merges], "special": [*special]} if all(isinstance(name, str) for name in special):
                if all(isinstance(pair, list) and [type(half) for half in pair] == [int, int] for pair in merges):
                    try:
                        return cls([(left, right) for left, right in merges], special)
                    except ValueError as error:
                        raise Corrupt(f"{path}: {error}") from None
        raise Corrupt(f"{path}: no byte pairs, which have a list of merges, of two numbers each, and a list of special names")

    def _of_piece(self, piece: str) -> list[int]:
        """Its bytes, joined pair after pair, the earliest learned first."""
        numbers = list(piece.encode(errors="surrogateescape"))
        none = len(self)
        while len(numbers) > 1:
            pair = min(pairwise(numbers), key=lambda pair: self._numbers.get(pair, none))
            if pair not in self._numbers:
                break
            numbers = _joined(numbers, pair, self._numbers[pair])
        if len(self._known) < _REMEMBERED:
            self._known[piece] = numbers
        return numbers


def _frequent_pairs(words: list[list[int]], counts: Sequence[int], most: int) -> list[Pair]:
    """At most so many pairs of tokens, each the most frequent in words with their counts once those before it are joined.

    Only words that have a pair change when it is joined, and only their pairs are counted anew. The heap keeps counts that
    have changed since; they are known by it, and passed over.
    """
    pairs: Counter[Pair] = Counter()
    where: defaultdict[Pair, set[int]] = defaultdict(set)
    for index, word in enumerate(words):
        for pair in pairwise(word):
            pairs[pair] += counts[index]
            where[pair].add(index)
    heap = [(-count, pair) for pair, count in pairs.items()]
    heapify(heap)
    found: list[Pair] = []
    while heap and len(found) < most:
        count, pair = heappop(heap)
        if -count != pairs[pair]:
            continue
        if -count < 2:
            break
        changed: set[Pair] = set()
        for index in where.pop(pair):
            joined = _joined(words[index], pair, BYTES + len(found))
            for old in pairwise(words[index]):
                pairs[old] -= counts[index]
                changed.add(old)
            for new in pairwise(joined):
                pairs[new] += counts[index]
                where[new].add(index)
                changed.add(new)
            words[index] = joined
        found.append(pair)
        for each in changed:
            if pairs[each]:
                heappush(heap, (-pairs[each], each))
            else:
                del pairs[each]
    return found


def _joined(numbers: Sequence[int], pair: Pair, number: int) -> list[int]:
    """The numbers with one in place of each pair, from left to right.

    >>> _joined([1, 1, 1, 2], (1, 1), 9)
    [9, 1, 2]
    """
    left, right = pair
    joined: list[int] = []
    for each in numbers:
        if each == right and joined and joined[-1] == left:
            joined[-1] = number
        else:
            joined.append(each)
    return joined


def _pieces(data: bytes) -> list[str]:
    """The pieces that bytes fall into, no pair across two of them; bytes that are no UTF-8 stand as lone surrogates.

    >>> _pieces(b"They're here  since 1605,\\n")
    ['They', "'re", ' here', ' ', ' since', ' 1605', ',', '\\n']
    """
    return _pattern().findall(data.decode(errors="surrogateescape"))


@cache
def _pattern() -> re.Pattern[str]:
    r"""GPT-2's `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`, with its classes spelled out."""
    every = map(chr, range(sys.maxunicode + 1))
    classes = {"L": "", "N": ""}  # runs of characters, as within brackets
    for kind, run in groupby(every, key=lambda character: unicodedata.category(character)[0]):
        if kind in classes:
            characters = list(run)
            classes[kind] += f"{characters[0]}-{characters[-1]}"
    letters, numbers = classes["L"], classes["N"]
    return re.compile(
        f"'(?:[stmd]|re|ve|ll)| ?[{letters}]+| ?[{numbers}]+| ?[^{_SPACE}{letters}{numbers}]+"
        f"|[{_SPACE}]+(?![^{_SPACE}])|[{_SPACE}]+"
    )


def _utf8(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"text: {error}; bytes that are no UTF-8 go through encode_bytes") from None
