"""Byte pairs, against pairs counted anew each time, and against another implementation."""

import random
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch

from genmodels.data import BytePairs
from genmodels.data.byte_pairs import _joined, _pieces
from genmodels.data.vocabulary import END
from genmodels.storage import Corrupt

TEXT = "To be, or not to be: that's the question. Whether 'tis nobler in the mind to suffer; or not. We'll see the end.\n" * 3
UNUSUAL = [
    *("", " ", "   ", "\n\n \t x", "a\tb\r\nc", "\x1c\x1d a\x85b\xa0c\u2003d\u3000e\ufefff", "\x00\x7f"),
    *("It's we'll they'd 'tis I'M don't 'S '' 's'", "_snake_case __x__ ^~`|", "3.14 1,605 ½ ² Ⅷ ٣٤ x2y"),
    *(
        "🙂 👩‍👩‍👧‍👦 🇨🇭 a🙂b",
        "你好，世界。漢字かな カナ 한국어",
        "naïve nai\u0308ve Ørsted ﬁn ẞ İı",
        "हिन्दी ภาษาไทย עברית العربية",
    ),
    *("𝔘𝔫𝔦 𐍈𐍉 𝟘𝟙", "\ue000 \u200b\u2060", "<end>", "  lead, trail  ", "tab\t\tthen  spaces   \n  end"),
]


def known() -> BytePairs:
    return BytePairs.of([TEXT, *UNUSUAL, *UNUSUAL], size=400, end=True)


def strange(seed: int, length: int) -> str:
    """Characters of all kinds, thrown together."""
    kinds = ["ab ", " \t\n", "'sdtmrevl ", "019½Ⅷ", ".,_-!", "é你かقह", "🙂👩\u200d\u0308", "\xa0\u2003\x1f\x85"]
    draw = random.Random(seed)
    return "".join(draw.choice(draw.choice(kinds)) for _ in range(length))


@pytest.mark.parametrize("text", [TEXT, *UNUSUAL, *(strange(seed, 300) for seed in range(5))])
def test_every_text_comes_back_as_it_was(text: str) -> None:
    for pairs in (known(), BytePairs([])):
        numbers = pairs.encode(text, end=pairs.end is not None)
        assert numbers.dtype == torch.int64
        assert pairs.decode(numbers) == text
    assert len(BytePairs([]).encode(text)) == len(text.encode())


def test_any_bytes_come_back_as_they_were() -> None:
    pairs = known()
    for data in (
        bytes(range(256)),
        b"\xff\xfe ok \xe4\xbd",
        "你".encode()[:2],
        b"\xed\xa0\x80",
        random.Random(0).randbytes(5000),
    ):
        assert pairs.decode_bytes(pairs.encode_bytes(data)) == data
    assert pairs.encode_bytes(TEXT.encode()).tolist() == pairs.encode(TEXT).tolist()
    assert pairs.decode(pairs.encode_bytes(b"half \xe4\xbd")) == "half \ufffd"


def test_pieces_are_the_text_and_no_more() -> None:
    for text in [TEXT, *UNUSUAL, *(strange(seed, 300) for seed in range(5))]:
        assert "".join(_pieces(text.encode())) == text
    assert _pieces("we'll  pay 1605½ é你 x_y!?\n".encode()) == [
        "we",
        "'ll",
        " ",
        " pay",
        " 1605½",
        " é你",
        " x",
        "_",
        "y",
        "!?",
        "\n",
    ]


def test_it_learns_the_most_frequent_pair_each_time() -> None:
    """As told by counting all pairs of the text anew for each."""
    text = TEXT + strange(1, 2000)
    words = [list(piece.encode()) for piece in _pieces(text.encode())]
    expected: list[tuple[int, int]] = []
    while len(expected) < 120:
        counts = Counter(pair for word in words for pair in pairwise(word))
        best = min(counts, key=lambda pair: (-counts[pair], pair))
        words = [_joined(word, best, 256 + len(expected)) for word in words]
        expected.append(best)
    assert BytePairs.of(text, size=256 + 120).merges == tuple(expected)


def test_runs_of_one_letter_are_joined_from_the_left() -> None:
    pairs = BytePairs([(97, 97), (256, 97)])
    assert pairs.encode("aaa aaaa").tolist() == [257, 32, 256, 256]
    assert BytePairs.of("aaaa", size=300).merges == ((97, 97),), "a pair that comes once is not learned"


def test_pairs_are_joined_in_the_order_in_which_they_were_learned() -> None:
    """ "bc" came first, so that "abc" has no "ab"."""
    b, c, a = (ord(letter) for letter in "bca")
    assert BytePairs([(b, c), (a, b)]).encode("abc").tolist() == [a, 256]
    assert BytePairs([(a, b), (b, c)]).encode("abc").tolist() == [256, c]


def test_more_pairs_make_a_text_shorter_and_none_crosses_pieces() -> None:
    lengths = [len(BytePairs.of(TEXT, size=size).encode(TEXT)) for size in (256, 265, 275, 290)]
    assert lengths == sorted(set(lengths), reverse=True)
    assert not any(b" " in token[1:] for token in BytePairs.of(TEXT, size=290).tokens)


def test_a_text_stops_at_its_first_end_and_no_text_has_special_tokens() -> None:
    pairs = BytePairs.of(TEXT, size=290, end=True, special=["<user>", "<answer>"])
    assert len(pairs) == 290
    assert pairs.special == {END: 287, "<user>": 288, "<answer>": 289}
    assert pairs.end == 287
    numbers = torch.cat([pairs.encode("to be", end=True), pairs.encode("or not")])
    assert pairs.decode(numbers) == "to be"
    assert pairs.decode(torch.tensor([288, 104, 105])) == "<user>hi"
    assert pairs.encode("<end><user>").max() < 287


def test_they_are_kept_as_json(tmp_path: Path) -> None:
    pairs = BytePairs.of(TEXT, size=290, end=True, special=["<user>"])
    pairs.save(tmp_path / "pairs.json")
    loaded = BytePairs.load(tmp_path / "pairs.json")
    assert loaded == pairs
    assert hash(loaded) == hash(pairs)
    assert loaded.encode(TEXT, end=True).tolist() == pairs.encode(TEXT, end=True).tolist()
    assert repr(loaded) == "BytePairs of 290 tokens"
    assert loaded != BytePairs.of(TEXT, size=290)


@pytest.mark.parametrize(
    "content",
    [
        *("[]", "{", '{"merges": [[97, 98]]}', '{"merges": [[97]], "special": []}', '{"merges": [[97, "b"]], "special": []}'),
        *('{"merges": [[97, 256]], "special": []}', '{"merges": [[true, 98]], "special": []}', '{"merges": 1, "special": []}'),
        *('{"merges": [], "special": [1]}', '{"merges": [], "special": ["a", "a"]}', '{"merges": [[-1, 98]], "special": []}'),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(Corrupt, match=r"other\.json"):
        BytePairs.load(path)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match=r"merges: \(97, 256\) becomes token 256, so both are from 0 to 255"):
        BytePairs([(97, 256)])
    with pytest.raises(ValueError, match="no earlier pair"):
        BytePairs([(97, 98), (97, 98)])
    with pytest.raises(ValueError, match="special: names that are all different"):
        BytePairs([], ["a", "a"])
    with pytest.raises(ValueError, match="size: 256 bytes and 1 special tokens do not go into 256"):
        BytePairs.of("abc", size=256, end=True)
    with pytest.raises(ValueError, match="end: these tokens have none"):
        BytePairs([]).encode("abc", end=True)
    with pytest.raises(ValueError, match="numbers 0 to 255, these go from 0 to 256"):
        BytePairs([]).decode(torch.tensor([0, 256]))
    for call in (BytePairs([]).encode, BytePairs.of):
        with pytest.raises(
            ValueError, match=r"text: .* surrogates not allowed; bytes that are no UTF-8 go through encode_bytes"
        ):
            call("\ud800")


def stand_ins() -> dict[int, str]:
    """The characters by which GPT-2's files write bytes: printable ones for themselves, the others from 256 on."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in printable]
    return {byte: chr(byte) for byte in printable} | {byte: chr(256 + place) for place, byte in enumerate(others)}


def test_it_cuts_as_another_implementation_does() -> None:
    tokenizers: Any = pytest.importorskip("tokenizers")
    pairs, letters = known(), stand_ins()
    written = ["".join(letters[byte] for byte in token) for token in pairs.tokens[: 256 + len(pairs.merges)]]
    merges = [(written[left], written[right]) for left, right in pairs.merges]
    vocabulary = {token: number for number, token in enumerate(written)}
    assert len(vocabulary) == len(written), "no two pairs of these are the same bytes"
    theirs = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=merges))
    theirs.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    for text in [TEXT, *UNUSUAL, *(strange(seed, 500) for seed in range(40))]:
        assert pairs.encode(text).tolist() == theirs.encode(text).ids, text
