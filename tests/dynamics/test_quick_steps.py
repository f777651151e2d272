"""The quick step is the model's own: in float32 but for the order of sums, in bf16 within what eight bits leave."""

from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels import compiled
from genmodels.dynamics import MDNRNN, QuickSteps, State, fused_steps, steps_of
from genmodels.dynamics.fused_steps import FusedSteps
from genmodels.sampling import counter_noise

FORMS: dict[str, dict[str, Any]] = {
    "the paper's": {},
    "the paper's for TakeCover": {"restart": True},
    "residual, rewards and ends": {"residual": True, "reward": True, "end": True, "reward_scale": 3.0},
    "rewards, and ends foreseen": {"residual": True, "reward": True, "end": True, "foreseen": True},
    "one component, no floor": {"mixtures": 1, "sigma_floor": 0.0, "reward": True},
}
N = 40


def memory(**form: Any) -> MDNRNN:
    torch.manual_seed(1)
    made = MDNRNN(latent=6, actions=2, hidden=32, **form).eval()
    for parameter in made.parameters():
        parameter.data *= 1.5  # so that gates open and components differ
    return made


def begun(model: MDNRNN) -> State:
    """A state of which some rows have seen something."""
    state = model.initial(N)
    random = torch.Generator().manual_seed(2)
    h, c = (0.5 * torch.randn(N, 32, generator=random) for _ in range(2))
    return model.reset(State(h, c, torch.zeros_like(state.restart)), torch.arange(N) % 3 == 0)


@torch.no_grad()
def walk(model: MDNRNN, step: Any, temperature: float, count: int = 20) -> list[Tensor]:
    """Everything that steps say, one after the other."""
    random = torch.Generator().manual_seed(0)
    z, state, told = torch.randn(N, 6, generator=random), begun(model), []
    for number in range(count):
        act = torch.randn(N, 2, generator=random).tanh()
        noise = counter_noise.uniform(5, torch.arange(N), number, model.noise_size)
        outcome, state = step(z, act, state, noise, temperature)
        told += [*outcome, *(part.clone() for part in state)]
        z = outcome.z
    return told


def coarse(model: MDNRNN, steps: Any) -> Any:
    """Steps of that kind in bf16."""
    return QuickSteps(model, N, "bf16") if steps is QuickSteps else FusedSteps(model, N)


def own(model: MDNRNN) -> Any:
    """The model's own step."""

    def step(z: Tensor, act: Tensor, state: State, noise: Tensor, temperature: float) -> Any:
        prediction, after = model.predict(z, act, state)
        return prediction.sample(noise, temperature), after

    return step


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("temperature", [1.0, 0.5, 1.3])
def test_twenty_steps_in_float32_are_the_models_own(form: str, temperature: float) -> None:
    model = memory(**FORMS[form])
    for quick, plain in zip(walk(model, QuickSteps(model, N), temperature), walk(model, own(model), temperature), strict=True):
        torch.testing.assert_close(quick, plain, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("steps", [QuickSteps, FusedSteps])
@pytest.mark.parametrize("form", FORMS)
def test_a_step_in_bf16_is_near_the_models_own(form: str, steps: Any) -> None:
    """Where rounding leaves another component the one that is drawn, z may be anywhere: seldom."""
    model = memory(**FORMS[form])
    quick, plain = walk(model, coarse(model, steps), 1.0, 1), walk(model, own(model), 1.0, 1)
    near = (quick[0] - plain[0]).abs() < 0.05 * (1 + plain[0].abs())
    assert near.float().mean() > 0.97
    for one, other in zip(quick[3:], plain[3:], strict=True):
        assert (one - other).abs().max() < 0.03


@pytest.mark.parametrize("temperature", [1.0, 0.5, 1.3])
@pytest.mark.parametrize("form", FORMS)
def test_fused_steps_are_the_quick_ones_in_bf16(form: str, temperature: float) -> None:
    """The same numbers are rounded; a number that a different exponential rounds the other way is one in thousands."""
    model = memory(**FORMS[form])
    fused, quick = (walk(model, coarse(model, steps), temperature, 3) for steps in (FusedSteps, QuickSteps))
    close = [(one - other).abs() <= 2e-3 * (1 + other.abs()) for one, other in zip(fused, quick, strict=True)]
    assert torch.cat([part.flatten() for part in close]).float().mean() > 0.99


def test_blocks_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """300 dreams as one block, as blocks of 64 and a shorter one, on one thread and on three."""
    model, random = memory(reward=True, end=True), torch.Generator().manual_seed(3)
    z, act, h, c = (torch.randn(300, size, generator=random) for size in (6, 2, 32, 32))
    noise = torch.rand(300, 12, generator=random)
    told = []
    for block, threads in ((1024, 1), (64, 1), (64, 3)):
        monkeypatch.setattr(fused_steps, "BLOCK", block)
        with monkeypatch.context() as patch:
            patch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
            steps = FusedSteps(model, 300)
        assert (len(steps.blocks), steps.threads) == ({1024: 1, 64: 5}[block], threads)
        outcome, state = steps(z, act, State(h.clone(), c.clone(), torch.zeros(300)), noise)
        told.append([*outcome, *state])
    for one, other in ((told[0], told[1]), (told[1], told[2])):
        for part, same in zip(one, other, strict=True):
            torch.testing.assert_close(part, same, atol=2e-3, rtol=2e-3)


def test_fused_steps_show_what_was_made_and_lend_none_of_it() -> None:
    model = memory()
    steps = FusedSteps(model, N)
    outcome, state = steps(torch.zeros(N, 6), torch.ones(N, 2), model.initial(N), torch.full((N, 12), 0.4))
    made = torch.cat([outcome.z, state.h], -1)
    assert torch.equal(steps.seen, made)
    steps.seen.zero_()
    assert torch.equal(torch.cat([outcome.z, state.h], -1), made)


def test_a_state_by_columns_is_changed_where_it_is() -> None:
    model = memory()
    rows = State(torch.ones(N, 32), torch.ones(N, 32), torch.zeros(N))
    columns = State(torch.ones(32, N).t(), torch.ones(32, N).t(), torch.zeros(N))
    for state in (rows, columns):
        FusedSteps(model, N)(torch.zeros(N, 6), torch.zeros(N, 2), state, torch.full((N, 12), 0.5))
    assert not torch.equal(rows.h, torch.ones(N, 32))
    for one, other in zip(rows, columns, strict=True):
        assert torch.equal(one, other)


def test_the_state_that_is_given_becomes_the_one_after() -> None:
    model = memory(restart=True)
    state = begun(model)
    before = [part.clone() for part in state]
    _, after = QuickSteps(model, N)(torch.zeros(N, 6), torch.zeros(N, 2), state, torch.full((N, 12), 0.5))
    assert after is state
    assert not any(torch.equal(one, other) for one, other in zip(before, state, strict=True))


def test_without_numba_steps_in_bf16_are_quick_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled, "available", lambda: False)
    assert isinstance(steps_of(memory(), N, "bf16"), QuickSteps)


def test_a_model_that_steps_in_a_way_of_its_own_keeps_it() -> None:
    class Still(MDNRNN):
        def predict(self, z: Tensor, act: Tensor, state: State) -> Any:
            prediction, _ = super().predict(z, act, state)
            return prediction, state

    assert isinstance(steps_of(memory(), N), QuickSteps)
    assert isinstance(steps_of(memory(), N, "bf16"), FusedSteps)
    assert not isinstance(steps_of(memory(deep=16), N), QuickSteps)
    still = Still(latent=6, actions=2, hidden=32)
    state = still.initial(N)
    with torch.no_grad():
        outcome, after = steps_of(still, N, "bf16")(torch.zeros(N, 6), torch.zeros(N, 2), state, torch.full((N, 12), 0.5))
    assert after is state
    assert outcome.z.shape == (N, 6)


def test_a_deep_memory_steps_in_bf16_as_it_does_but_for_rounding() -> None:
    model = memory(residual=True, end=True, foreseen=True, deep=16)
    exact, rounded = (walk(model, steps_of(model, N, precision), 1.0, count=1) for precision in ("fp32", "bf16"))
    for one, other in zip(exact, rounded, strict=True):
        torch.testing.assert_close(other, one, atol=0.1, rtol=0.1)
    assert not torch.equal(exact[0], rounded[0])
