import json
from pathlib import Path

import pytest

from genmodels.data import DataNotFound, shakespeare, texts
from genmodels.data import texts as texts_function
from genmodels.storage import Corrupt

WINE = "wine : {country} : {description}"


def test_shakespeare() -> None:
    try:
        train, valid = shakespeare(), shakespeare("valid")
    except DataNotFound as error:
        pytest.skip(str(error))
    assert (len(train), len(valid), len(set(train))) == (1_003_854, 111_540, 65)
    assert train.startswith("First Citizen:\nBefore we proceed")
    with pytest.raises(ValueError, match="not 'test'"):
        shakespeare("test")  # type: ignore[arg-type]


def test_a_missing_shakespeare_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from genmodels.data import downloads

    monkeypatch.setattr(downloads, "_folders", lambda: {"here": tmp_path})
    monkeypatch.setattr(downloads, "_cache", lambda: tmp_path)
    monkeypatch.setattr(downloads, "open_https", lambda address: (_ for _ in ()).throw(OSError("no network")))
    with pytest.raises(DataNotFound) as error:
        shakespeare()
    for part in ("tinyshakespeare.txt", str(tmp_path), "no network", "raw.githubusercontent.com/karpathy"):
        assert part in str(error.value)


def test_a_folder_of_texts(tmp_path: Path) -> None:
    for name, text in (("b.txt", "\ufeffsecond"), ("a/z.txt", "first\n"), ("c.txt", " \n"), ("d.md", "no")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert texts(tmp_path) == ["first", "second"]
    assert texts(tmp_path / "b.txt") == ["second"]


def test_the_book_s_recipes(tmp_path: Path) -> None:
    recipes = [
        {"title": "Soup ", "directions": ["Boil.", "Eat {slowly}."], "calories": 3.0},
        {"title": "No directions", "directions": []},
        {"title": None, "directions": ["Stir."]},
        {},
    ]
    (tmp_path / "recipes.json").write_text(json.dumps(recipes))
    assert texts(tmp_path / "recipes.json", "Recipe for {title} | {directions}") == ["Recipe for Soup | Boil. Eat {slowly}."]


def test_the_book_s_wines(tmp_path: Path) -> None:
    rows = [{"country": "Italy", "description": 'Aromas, "broom"\nand more'}, {"country": "", "description": "x"}]
    (tmp_path / "wine.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n")
    (tmp_path / "wine.csv").write_text('\ufeff,country,description\r\n0,Italy,"Aromas, ""broom""\nand more"\r\n1,,x\r\n\r\n')
    expected = ['wine : Italy : Aromas, "broom"\nand more']
    assert texts(tmp_path / "wine.csv", WINE) == expected
    assert texts(tmp_path / "wine.jsonl", WINE) == expected
    (tmp_path / "wine.tsv").write_text("country\tdescription\nItaly\tdry\n")
    assert texts(tmp_path / "wine.tsv", WINE) == ["wine : Italy : dry"]


@pytest.mark.parametrize("template", [None, "", "no column", "{country} {price}", "{country.__class__}"])
def test_templates_that_name_no_column(tmp_path: Path, template: str | None) -> None:
    (tmp_path / "wine.csv").write_text("country,description\nItaly,dry\n")
    with pytest.raises(ValueError, match="there are country, description"):
        texts(tmp_path / "wine.csv", template)


@pytest.mark.parametrize(
    ("name", "data", "complaint"),
    [
        ("a.csv", b"country,description\nItaly\n", "line 2 has 1 fields, not 2"),
        ("a.csv", b"country,description\nItaly,dry,red\n", "has 3 fields"),
        ("a.csv", b'country,description\nItaly,"dry\n', "not CSV"),
        ("a.csv", b'country,description\nItaly,"' + b"x" * 200_000 + b'"\n', "field larger than"),
        ("a.json", b'[{"country": ', "not JSON"),
        ("a.json", b"[" * 100_000, "not JSON"),
        ("a.json", b'["Italy"]', "row 1 is no object"),
        ("a.jsonl", b'{"country": "Italy"}\n7\n', "line 2 is no object"),
        ("a.txt", b"\xff\xfe", "not UTF-8"),
        ("a.json", b'{"country": "\xe9"}', "not UTF-8"),
    ],
)
def test_broken_files(tmp_path: Path, name: str, data: bytes, complaint: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(Corrupt, match=complaint):
        texts(tmp_path / name, WINE)


def test_nothing_to_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file"):
        texts(tmp_path / "nowhere.csv", WINE)
    with pytest.raises(ValueError, match="no texts in it"):
        texts(tmp_path)
    (tmp_path / "a.csv").write_text("country,description\n,\n")
    with pytest.raises(ValueError, match="no texts in it that fill"):
        texts(tmp_path / "a.csv", WINE)
    (tmp_path / "a.pkl").write_bytes(b"")
    with pytest.raises(ValueError, match=r"ends in \.txt, \.csv"):
        texts_function(tmp_path / "a.pkl", WINE)
