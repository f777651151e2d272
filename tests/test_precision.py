"""bf16 where the processor says that it multiplies in it; elsewhere, and where nobody can be asked, fp32."""

from pathlib import Path

import pytest

from genmodels.precision import multiplied_at_once, quick_precision


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        ("fpu avx2 avx512f", "fp32"),
        ("fpu avx512f avx512_bf16", "bf16"),
        ("fpu avx512f amx_bf16 amx_tile", "bf16"),
        ("", "fp32"),
    ],
)
def test_the_processors_flags_decide(flags: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda path, errors: f"processor : 0\nflags : {flags}\n")
    assert quick_precision() == expected


def test_where_there_is_nobody_to_ask_it_is_fp32(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(path: Path, errors: str) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    assert quick_precision() == "fp32"


@pytest.mark.parametrize(("flags", "expected"), [("avx512_bf16", 4), ("avx512_bf16 amx_bf16", 32), ("avx2", 4)])
def test_sums_are_as_long_as_the_processor_likes_them(flags: str, expected: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "read_text", lambda path, errors: f"flags : {flags}\n")
    assert multiplied_at_once() == expected
