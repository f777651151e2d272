from datetime import date, datetime

import pytest

from genmodels.data import string_task
from genmodels.data.checksum_split import belongs
from genmodels.data.string_tasks import FORMS, LONGEST, ORDINALS, SHORTEST

DAY = date(2003, 8, 21)  # a Thursday


@pytest.mark.parametrize("split", ["train", "test"])
def test_answers_are_right(split: str) -> None:
    for source, target in string_task("reverse", 200, 1, split):  # type: ignore[arg-type]
        assert source == "←" + target[::-1]
        assert SHORTEST <= len(target) <= LONGEST
    for source, target in string_task("sort", 200, 1, split):  # type: ignore[arg-type]
        assert list(target) == sorted(source[1:])
        assert source[0] == "↑"
    for source, target in string_task("date", 200, 1, split):  # type: ignore[arg-type]
        day = date.fromisoformat(target)
        assert source[1:] in {form(day) for form in FORMS}
        assert 1900 <= day.year <= 2099


def test_forms_of_a_date() -> None:
    written = [form(DAY) for form in FORMS]
    assert written == [
        *("21 August 2003", "August 21, 2003", "21 Aug 2003", "Aug 21st, 2003", "Thursday, 21 August 2003"),
        *("Thu, August 21st, 2003", "the 21st of August, 2003", "the twenty-first of August 2003"),
        *("21.08.2003", "21.VIII.2003", "2003/8/21", "20030821"),
    ]
    for text, form in zip(written, ("%d %B %Y", "%B %d, %Y", "%d %b %Y"), strict=False):
        assert datetime.strptime(text, form).date() == DAY
    assert len(set(ORDINALS)) == 31
    assert (ORDINALS[0], ORDINALS[11], ORDINALS[14], ORDINALS[29], ORDINALS[30]) == (
        *("first", "twelfth", "fifteenth"),
        *("thirtieth", "thirty-first"),
    )


@pytest.mark.parametrize("task", ["reverse", "sort", "date"])
def test_no_split_has_what_the_other_has(task: str) -> None:
    learned, judged = (string_task(task, 2000, 0, split) for split in ("train", "test"))  # type: ignore[arg-type]
    which = 1 if task == "date" else 0
    assert not {pair[which] for pair in learned} & {pair[which] for pair in judged}
    assert string_task(task, 5, 3) == string_task(task, 5, 3)  # type: ignore[arg-type]
    assert string_task(task, 5, 3) != string_task(task, 5, 4)  # type: ignore[arg-type]


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="task is one of reverse, sort, date, not 'shuffle'"):
        string_task("shuffle", 1, 0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="split is 'train' or 'test', not 'valid'"):
        belongs("a", "valid")  # type: ignore[arg-type]
