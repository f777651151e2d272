from pathlib import Path

import pytest
import torch

from genmodels.data import Pairs, Spelling

TEXTS = ["She lives in Tok.", "She lives in Bak.", "He lives in [Bal] | Who?"]


def cut(spelling: Spelling, text: str) -> list[str]:
    return [spelling.vocabulary.symbols[number] for number in spelling.encode(text).tolist()]


def test_frequent_words_are_one_number_and_others_are_spelled() -> None:
    spelling = Spelling(["She", " lives", " in", "Ba", "ab", *" BSabehikn."])
    assert cut(spelling, "She lives in Bakin.") == ["She", " lives", " in", " ", "Ba", "k", "i", "n", "."]
    assert cut(spelling, " Babab") == [" ", "Ba", "b", "ab"]
    assert cut(spelling, "Baba She") == ["Ba", "b", "a", " ", "S", "h", "e"], "not the word that begins a text"
    assert repr(spelling) == "Spelling with 11 letters, and 5 words and pairs of them"


def test_what_is_frequent_is_counted() -> None:
    spelling = Spelling.of(["to Tok", "to Tobo", "to Boto", "to"], least=2)
    pairs = {symbol for symbol in spelling.vocabulary.symbols[1:] if len(symbol) > 1}
    assert pairs == {"to", "To"}


def test_a_name_is_spelled_alike_wherever_it_stands() -> None:
    spelling = Spelling(["Who", " is", "Ba", "bo", *" Bab[]osiWh?."])
    for text in ("Who is Babo?", "[Babo]", " is Babo.", "Babo"):
        assert "|Ba|bo|" in f"|{'|'.join(cut(spelling, text))}|"


def test_any_text_of_known_letters_comes_back() -> None:
    spelling = Spelling.of(TEXTS, least=2)
    for text in (*TEXTS, "", "lives lives  in.in", "[She | Who lives]??", " ", "  Bal"):
        assert spelling.decode(spelling.encode(text)) == text
    ended = spelling.encode("Ba", end=True)
    assert ended.tolist()[-1] == 0
    assert spelling.decode(torch.cat([ended, ended])) == "Ba"
    with pytest.raises(ValueError, match="'z' is not among these letters"):
        spelling.encode("zoo")


def test_it_is_kept_as_json(tmp_path: Path) -> None:
    spelling = Spelling.of(TEXTS, least=2)
    spelling.save(tmp_path / "spelling.json")
    loaded = Spelling.load(tmp_path / "spelling.json")
    assert loaded.vocabulary == spelling.vocabulary
    assert loaded.encode("She lives in Bako").tolist() == spelling.encode("She lives in Bako").tolist()


def test_pairs_need_a_target_for_each_source() -> None:
    one = torch.tensor([1])
    assert len(Pairs([one, one], [one, one])) == 2
    with pytest.raises(ValueError, match="each source has one target; these are 2 sources and 1 targets"):
        Pairs([one, one], [one])
