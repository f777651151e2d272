from pathlib import Path

import pytest
import torch

from genmodels.data import Vocabulary
from genmodels.data.vocabulary import END, UNKNOWN
from genmodels.storage import Corrupt

TEXT = "To be, or not to be:\n  that's the  question —\n\n'tis nobler!? (ça va) 3.5\t"


@pytest.mark.parametrize("unit", ["characters", "words"])
@pytest.mark.parametrize("end", [False, True])
def test_a_text_comes_back_as_it_was(unit: str, end: bool) -> None:
    vocabulary = Vocabulary.of(TEXT, unit, end=end)  # type: ignore[arg-type]
    numbers = vocabulary.encode(TEXT, end=end)
    assert numbers.dtype == torch.int64
    assert vocabulary.decode(numbers) == TEXT
    assert vocabulary.encode("").tolist() == []


def test_numbers_go_by_frequency_and_then_by_the_alphabet() -> None:
    vocabulary = Vocabulary.of(["banana", "cab"], end=True, unknown=True)
    assert vocabulary.symbols == (END, UNKNOWN, "a", "b", "n", "c")
    assert vocabulary.encode("nab", end=True).tolist() == [4, 2, 3, 0]
    assert (vocabulary.end, vocabulary.unknown) == (0, 1)
    assert Vocabulary.of("banana").symbols == ("a", "n", "b")


def test_words_keep_the_space_before_them() -> None:
    vocabulary = Vocabulary.of("To be, or not to be", "words")
    assert vocabulary.symbols[0] == " be"
    assert set(vocabulary.symbols) == {"To", " be", ",", " or", " not", " to"}


def test_what_is_rare_is_unknown() -> None:
    vocabulary = Vocabulary.of("a a b b\na c", "words", size=3, unknown=True)
    assert vocabulary.symbols == (UNKNOWN, " b", "a")
    assert vocabulary.encode("a b c d").tolist() == [2, 1, 0, 0]
    assert vocabulary.decode(vocabulary.encode("a b c")) == "a b<unknown>"


def test_without_a_number_for_the_unknown_it_is_refused() -> None:
    with pytest.raises(ValueError, match="'z' is not among these 3 characters"):
        Vocabulary.of("banana").encode("bazaar")
    with pytest.raises(ValueError, match="'<end>' is not among"):
        Vocabulary.of("banana").encode("ban", end=True)


def test_a_text_stops_at_its_first_end() -> None:
    vocabulary = Vocabulary.of("ab", end=True)
    assert vocabulary.decode(torch.tensor([1, 2, 0, 1, 0, 0])) == "ab"
    assert vocabulary.decode(torch.tensor([0])) == ""


def test_no_text_has_the_special_symbols() -> None:
    vocabulary = Vocabulary.of(END + UNKNOWN, "words", end=True, unknown=True)
    assert vocabulary.encode(END + UNKNOWN).min() > 1
    assert vocabulary.decode(vocabulary.encode(END + "end")) == END + "end"


def test_it_is_kept_as_json(tmp_path: Path) -> None:
    vocabulary = Vocabulary.of(TEXT, "words", end=True, unknown=True)
    vocabulary.save(tmp_path / "vocabulary.json")
    loaded = Vocabulary.load(tmp_path / "vocabulary.json")
    assert loaded == vocabulary
    assert hash(loaded) == hash(vocabulary)
    assert loaded.encode(TEXT).tolist() == vocabulary.encode(TEXT).tolist()
    assert repr(loaded) == f"Vocabulary of {len(vocabulary)} words"
    assert loaded != Vocabulary.of(TEXT)


@pytest.mark.parametrize(
    "content",
    [
        *("[]", "{", '{"unit": "words"}', '{"unit": "letters", "symbols": ["a"]}', '{"unit": "words", "symbols": ["a", "a"]}'),
        *('{"unit": "words", "symbols": [1]}', '{"unit": "words", "symbols": []}', '{"unit": "words", "symbols": "abc"}'),
    ],
)
def test_other_files_are_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "other.json"
    path.write_text(content)
    with pytest.raises(Corrupt, match=r"other\.json"):
        Vocabulary.load(path)


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="unit is one of characters, words, not 'letters'"):
        Vocabulary("letters", ["a"])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="size=1 leaves room for no symbol"):
        Vocabulary.of("abc", size=1, end=True)
    with pytest.raises(ValueError, match="at least one"):
        Vocabulary.of("")
    with pytest.raises(ValueError, match="numbers 0 to 2, these go from 0 to 3"):
        Vocabulary.of("abc").decode(torch.tensor([0, 3]))
