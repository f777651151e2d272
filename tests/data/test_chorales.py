import json
from pathlib import Path

import numpy as np
import pytest
import torch

from genmodels.data import DataNotFound, chorales, quarter_chorales, quarters
from genmodels.data.chorales import LOWEST, SILENCE, read_quarters, read_sixteenths
from genmodels.storage import Corrupt


def written(path: Path, rows: object, offsets: object) -> Path:
    np.savez(path, test=np.array(rows, np.int16), test_offsets=np.array(offsets, np.int64))
    return path


def test_pieces_are_cut_at_the_offsets(tmp_path: Path) -> None:
    rows = [[60, 55, 50, SILENCE]] * 2 + [[72, 60, 55, 40]]
    pieces = read_sixteenths(written(tmp_path / "a.npz", rows, [0, 2, 3]), "test")
    assert [piece.tolist() for piece in pieces] == [rows[:2], rows[2:]]
    assert pieces[0].dtype == torch.int64


@pytest.mark.parametrize(
    ("rows", "offsets", "complaint"),
    [
        ([[60, 60, 60]], [0, 1], "are no chorales"),
        ([[60] * 4], [], "are no chorales"),
        ([[60] * 4], [0, 2], "do not cut"),
        ([[60] * 4], [0, 10**15, 1], "do not cut"),
        ([[60] * 4] * 2, [0, 0, 2], "do not cut"),
        ([[60] * 4] * 2, [1, 2], "do not cut"),
        ([[60, 60, 60, 20]], [0, 1], "beyond the keys"),
        ([[60, 60, 60, -2]], [0, 1], "beyond the keys"),
        ([[60, 60, 60, 109]], [0, 1], "beyond the keys"),
    ],
)
def test_broken_sixteenths(tmp_path: Path, rows: object, offsets: object, complaint: str) -> None:
    with pytest.raises(Corrupt, match=complaint):
        read_sixteenths(written(tmp_path / "a.npz", rows, offsets), "test")


def test_frames_become_rolls(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps({"test": [[[21, 60], [], [108]], [[40]]]}))
    first, second = read_quarters(tmp_path / "a.json", "test")
    assert first.shape == (3, 88)
    assert first.dtype == torch.uint8
    assert [(row.nonzero().flatten() + LOWEST).tolist() for row in first] == [[21, 60], [], [108]]
    assert second.sum() == 1


@pytest.mark.parametrize(
    "text",
    [
        *("", "[]", "{}", '{"test": 3}', "[" * 100_000),
        *(
            '{"test": [[["a"]]]}',
            '{"test": [[[20]]]}',
            '{"test": [[[109]]]}',
            '{"test": [[[[60]]]]}',
            '{"test": [[[[60], 60]]]}',
        ),
        *('{"test": [[[1e400]]]}', '{"test": [[[60.5]]]}', '{"test": [[[99999999999999999999]]]}'),
    ],
)
def test_broken_quarters(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(Corrupt, match=r"a\.json: not the chorales"):
        read_quarters(tmp_path / "a.json", "test")


def test_the_chorales() -> None:
    try:
        pieces, rolls = chorales("test"), quarter_chorales("test")
    except DataNotFound as error:
        pytest.skip(str(error))
    assert len(pieces) == len(rolls) == 77
    assert pieces[0][0].tolist() == [65, 60, 57, 53]  # an open F major
    assert sum(map(len, pieces)) == 18_900
    assert sum(map(len, quarters(pieces))) == sum(map(len, rolls)) == 4_725
    assert all(roll.sum(1).max() <= 4 for roll in quarters(pieces))
    with pytest.raises(ValueError, match="train, valid, test, not 'dev'"):
        chorales("dev")  # type: ignore[arg-type]
