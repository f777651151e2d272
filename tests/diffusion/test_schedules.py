"""What every schedule of noise promises."""

import pytest
import torch

from genmodels.diffusion import SCHEDULES

EVERY = pytest.mark.parametrize("name", list(SCHEDULES))
T = torch.linspace(0, 1, 201, dtype=torch.float64)


@EVERY
def test_signal_and_noise_are_of_unit_variance_together(name: str) -> None:
    signal, noise = SCHEDULES[name](T)  # type: ignore[index]
    torch.testing.assert_close(signal.square() + noise.square(), torch.ones_like(T), rtol=0, atol=1e-9)


@EVERY
def test_the_ratio_falls_all_the_way_and_is_finite_at_both_ends(name: str) -> None:
    for times in (T, T.float()):
        signal, noise = SCHEDULES[name](times)  # type: ignore[index]
        ratio = (signal / noise).log()
        assert ratio.isfinite().all()
        assert (ratio.diff() < 0).all()
        assert (signal > 0).all()
        assert (noise > 0).all()


@EVERY
def test_each_time_is_answered_by_itself(name: str) -> None:
    schedule = SCHEDULES[name]  # type: ignore[index]
    for whole, part in zip(schedule(T), schedule(T[37:38]), strict=True):
        assert torch.equal(whole[37:38], part)
    assert schedule(T.view(3, 67))[0].shape == (3, 67)


def test_the_ends_by_hand() -> None:
    for name, first, last in (("cosine", 1e-3, 1 - 5e-7), ("offset_cosine", (1 - 0.95**2) ** 0.5, (1 - 0.02**2) ** 0.5)):
        noise = SCHEDULES[name](T)[1]  # type: ignore[index]
        assert noise[0].item() == pytest.approx(first, rel=1e-6)
        assert noise[-1].item() == pytest.approx(last, rel=1e-6)
    signal, noise = SCHEDULES["linear"](T)
    assert noise[0].item() ** 2 == pytest.approx(1e-4, rel=0.15)  # the first of a thousand betas
    assert signal[-1].item() ** 2 == pytest.approx(4.3e-5, rel=0.02)  # the product of a thousand (1 - beta)
