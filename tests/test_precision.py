"""bf16 where the processor says that it multiplies in it; elsewhere, and where nobody can be asked, fp32; and nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium
import pytest
import torch

from genmodels.diffusion import Diffusion
from genmodels.dynamics import MDNRNN, QuickSteps, steps_of
from genmodels.precision import checked_precision, multiplied_at_once, quick_precision
from genmodels.training import Update, fit
from worldmodels.agent import Agent
from worldmodels.dream import DreamVectorEnv
from worldmodels.latents import Latents
from worldmodels.ppo import PPO
from worldmodels.starts import Starts

NOTHING: Any = None  # what is not looked at before the precision


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


# ------------------------------------------------------------------------------------------------------- one that is none


def fitted(precision: Any) -> Any:
    line = torch.nn.Linear(1, 1)
    update = Update("line", lambda x: (line(x).square().mean(), {}), line.parameters())
    return fit(line, [update], lambda step: torch.ones(2, 1), steps=1, precision=precision, device="cpu", quiet=True)


def dreamt(precision: Any) -> Any:
    moments = Starts(torch.zeros(3, 2), torch.zeros(3, 2), None)
    return DreamVectorEnv(memory(), moments, 4, gymnasium.spaces.Box(-1.0, 1.0, (1,)), precision=precision)


def memory(**how: Any) -> MDNRNN:
    return MDNRNN(latent=2, actions=1, hidden=4, **how)


TAKEN: dict[str, Callable[[Any], Any]] = {
    "fit": fitted,
    "Diffusion": lambda precision: Diffusion(shape=(1, 8, 8), width=8, levels=1).sample(1, steps=1, precision=precision),
    "QuickSteps": lambda precision: QuickSteps(memory(), 4, precision),
    "steps_of": lambda precision: steps_of(memory(), 4, precision),
    "steps_of a deep memory": lambda precision: steps_of(memory(deep=8), 4, precision),
    "DreamVectorEnv": dreamt,
    "Agent": lambda precision: Agent(NOTHING, NOTHING, NOTHING, "zh", precision=precision),
    "Latents": lambda precision: Latents.encode(NOTHING, NOTHING, "nowhere", precision=precision),
    "PPO": lambda precision: PPO(NOTHING, NOTHING, precision=precision),
}


@pytest.mark.parametrize("taken", TAKEN)
@pytest.mark.parametrize("precision", ["bfloat16", "BF16", "", torch.bfloat16])
def test_a_precision_that_is_none_is_refused_wherever_one_is_taken(taken: str, precision: Any) -> None:
    there_are = "'auto', 'fp32' or 'bf16'" if taken == "fit" else "'fp32' or 'bf16'"
    with pytest.raises(ValueError, match=f"^precision is {there_are}, not {precision!r}$"):
        TAKEN[taken](precision)


def test_those_that_are_known_are_given_back() -> None:
    assert [checked_precision(known) for known in ("fp32", "bf16")] == ["fp32", "bf16"]
    with pytest.raises(ValueError, match="not 'auto'"):
        checked_precision("auto")
    assert [fitted(known).precision for known in ("fp32", "bf16")] == ["fp32", "bf16"]
