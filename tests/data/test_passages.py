import re

import pytest

from genmodels.data import Passage, passages
from genmodels.data.passages import Question

SPLITS = ("train", "test")


def entities(read: list[Passage]) -> set[str]:
    """Years, and words with a capital that do not begin a sentence, or that a question asks about."""
    texts = [passage.text for passage in read] + [question.text for passage in read for question in passage.questions]
    return {name for text in texts for name in re.findall(r"(?<=[a-z] )[A-Z]\w+|\d{4}", text)}


def test_by_hand() -> None:
    passage = Passage("Bo is a pilot.", (Question(0, 2, "Who is the pilot?"), Question(8, 13, "What does Bo do?")))
    assert [passage.answer(i) for i in range(2)] == ["Bo", "pilot"]
    assert passage.marked(1) == "Bo is a [pilot]."
    assert passage.asked(1) == "pilot | What does Bo do?"


@pytest.mark.parametrize("long", [False, True])
def test_every_question_is_answered_by_its_sentence(long: bool) -> None:
    patterns = {
        r"Who is the (\w+)\?": r"{answer} (is|works as) a {0}\.",
        r"What does (\w+) do\?": r"(is|works as) a {answer}\.",
        r"Where does (\w+) live\?": r"(lives|has a house) in {answer}\.",
        r"When was (\w+) born\?": r"was born in {answer}\.",
        r"What is the (\w+) of (\w+) called\?": r"has a {0} called {answer}\.",
        r"Who is (\w+) married to\?": r"is married to {answer}\.",
        r"What did (\w+) study\?": r"studied {answer} in",
        r"Where did (\w+) study\?": r"studied \w+ in {answer}\.",
    }
    seen = set()
    for passage in passages(200, 0, long=long):
        assert len(re.findall(r"\.", passage.text)) == (9 if long else 3)
        for i, (start, end, question) in enumerate(passage.questions):
            asked = next(pattern for pattern in patterns if re.fullmatch(pattern, question))
            seen.add(asked)
            (match,) = re.finditer(asked, question)
            sentence = patterns[asked].replace("{answer}", passage.answer(i)).replace("{0}", match[1])
            assert re.search(sentence, passage.text)
            assert passage.text[start:end] == passage.answer(i)
            about = match[match.lastindex or 1]
            if "Who is the" not in question:  # the last person who was named is who the question is about
                named = re.findall(r"([A-Z]\w+) (?:is|works|lives|has|was born|studied)", passage.text[:end])
                assert next(name for name in reversed(named) if name not in ("She", "He")) == about
        starts = [question.start for question in passage.questions]
        assert starts == sorted(set(starts))
    assert seen == set(patterns)


def test_an_entity_comes_once_in_a_passage_but_for_its_questions() -> None:
    for passage in passages(100, 0, long=True):
        answers = [passage.answer(i) for i in range(len(passage.questions))]
        assert len(set(answers)) == len(answers)
        for answer in answers:
            assert len(re.findall(rf"\b{answer}\b", passage.text)) == 1


def test_no_entity_of_one_split_comes_up_in_the_other() -> None:
    learned, judged = (
        entities([*passages(600, 0, split), *passages(200, 0, split, long=True)])
        for split in SPLITS  # type: ignore[arg-type]
    )
    assert len(learned) > 1000
    assert len(judged) > 500
    assert not learned & judged


def test_they_are_a_function_of_the_seed() -> None:
    assert passages(3, 5) == passages(3, 5)
    assert passages(3, 5) != passages(3, 6)
    assert passages(3, 5) != passages(3, 5, "test")


def test_long_ones_are_longer_and_about_three_people() -> None:
    short, long = passages(50, 0), passages(50, 0, long=True)
    assert max(len(passage.text) for passage in short) < min(len(passage.text) for passage in long)
    assert all(6 <= len(passage.questions) <= 12 for passage in long)
    assert all(2 <= len(passage.questions) <= 4 for passage in short)
