from pathlib import Path

import pytest
import torch
from PIL import Image

from genmodels.data import AttributeFolder
from genmodels.data.attribute_folder import read_attributes
from genmodels.storage import Corrupt

CELEBA = "3\nBald Smiling\n000001.jpg -1  1\n000002.jpg  1  1\n000003.jpg -1 -1\n"
CSV = "image_id,Bald,Smiling\r\n000003.jpg,0,-1\r\n000001.jpg,-1,1\r\n000002.jpg,1,1\r\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in (1, 2):
        (tmp_path / "faces").mkdir(exist_ok=True)
        Image.new("RGB", (4, 4), (i, 0, 0)).save(tmp_path / "faces" / f"00000{i}.jpg")
    (tmp_path / "list_attr_celeba.txt").write_text(CELEBA)
    (tmp_path / "list_attr_celeba.csv").write_text(CSV)
    return tmp_path


@pytest.mark.parametrize("ending", ["txt", "csv"])
def test_pictures_and_their_attributes(folder: Path, ending: str) -> None:
    """The third row has no picture here, and the CSV has another order than the folder."""
    faces = AttributeFolder(folder / "faces", folder / f"list_attr_celeba.{ending}", size=4)
    assert len(faces) == 2
    assert faces.names == ("Bald", "Smiling")
    assert faces.attributes.tolist() == [[False, True], [True, True]]
    assert faces[torch.tensor([1, 0])].shape == (2, 3, 4, 4)
    assert faces.having("Bald").tolist() == [1]
    assert faces.having("Bald", False).tolist() == [0]
    with pytest.raises(ValueError, match="there are Bald, Smiling"):
        faces.having("Young")


def test_a_picture_without_a_row(folder: Path) -> None:
    Image.new("RGB", (4, 4)).save(folder / "faces" / "a.png")
    with pytest.raises(ValueError, match=r"no row for a\.png, and for 0 other"):
        AttributeFolder(folder / "faces", folder / "list_attr_celeba.txt")


@pytest.mark.parametrize(
    ("name", "text", "complaint"),
    [
        ("a.txt", "", "first line says ''"),
        ("a.txt", "4\n" + CELEBA[2:], "first line says '4', and 3 rows"),
        ("a.txt", "-1\nBald\n", "first line"),
        ("a.txt", "9" * 5000 + "\n", "first line"),
        ("a.txt", CELEBA.replace("  1  1", "  1"), "picture 2 has not 2 values"),
        ("a.txt", CELEBA.replace("  1  1", "  1  2"), "picture 2 has not 2 values"),
        ("a.txt", CELEBA.replace("000003", "000001"), "the same picture"),
        ("a.txt", CELEBA.replace("Bald", "Smiling"), "the same attribute"),
        ("a.csv", "image_id\na.jpg\n", "a row of names"),
        ("a.csv", "image_id,Bald\n", "a row of names"),
        ("a.csv", CSV + "4.jpg,1\n", "picture 4"),
        ("a.csv", 'image_id,Bald\n"a.jpg,1', "not a table"),
    ],
)
def test_broken_tables(tmp_path: Path, name: str, text: str, complaint: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(Corrupt, match=complaint):
        read_attributes(tmp_path / name)


def test_bytes_that_are_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(Corrupt, match="not a table as text"):
        read_attributes(tmp_path / "a.csv")
