"""GANs whose trouble is known: what is told of them, when, and how often."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genmodels.gans import GAN
from genmodels.metrics import GanWatch
from genmodels.training import Shuffled, fit


class Made(nn.Module):
    """A GAN of which each look's samples, and the critic's weight, are given."""

    def __init__(self, samples: list[Tensor], weight: float = 1.0) -> None:
        super().__init__()
        self.critic = nn.Linear(1, 1)
        nn.init.constant_(self.critic.weight, weight)
        nn.init.zeros_(self.critic.bias)
        self.samples = samples

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor:
        return self.samples.pop(0) if len(self.samples) > 1 else self.samples[0]


def points(*values: float) -> Tensor:
    return torch.tensor(values)[:, None]


REAL = points(1.0, 2.0, 3.0, 4.0)


def watched(gan: Any, **how: Any) -> tuple[GanWatch, list[str]]:
    said: list[str] = []
    return GanWatch(gan, REAL, say=said.append, **how), said


def test_figures_by_hand() -> None:
    watch, said = watched(Made([points(0.0, -2.0, 2.5, 0.0)], weight=2.0), undecided=3.0)
    figures = watch.look(0)
    assert figures["watch/accuracy"] == pytest.approx(0.5 * (3 / 4 + 3 / 4))  # scores 2 4 6 8 and 0 -4 5 0 about 3
    assert figures["watch/slope"] == pytest.approx(2.0)
    real, made = (1 + 2 + 3 + 1 + 2 + 1) / 6, (2 + 2.5 + 0 + 4.5 + 2 + 2.5) / 6
    assert figures["watch/spread"] == pytest.approx(made / real)
    assert not said


def test_a_collapse_is_told_once_while_it_lasts_and_again_when_it_comes_back() -> None:
    same, wide = points(2.0, 2.0, 2.0, 2.1), points(0.0, 2.0, 1.0, 4.0)
    watch, said = watched(Made([wide, same, same, wide, same]))
    flags = [watch.look(step)["watch/collapse"] for step in range(5)]
    assert flags == [0, 1, 1, 0, 1]
    assert [step for step, _ in watch.troubles] == [1, 4]
    assert said[0].startswith("step 1: collapse: two samples differ 0.03 times as much as two real examples")


def test_a_critic_that_has_won_is_told_at_the_second_look() -> None:
    watch, said = watched(Made([points(-1.0, -2.0, -3.0, -5.0)]))
    flags = [watch.look(step)["watch/saturation"] for step in (0, 500, 1000)]
    assert flags == [0, 1, 1]
    assert len(said) == 1
    assert "the critic is right 100.0% of the time" in said[0]


def test_an_oscillation_is_told_by_the_judges_first_figure() -> None:
    found = iter([4.0, 9.0, 4.0, 9.0, 4.0, 9.0])
    watch, said = watched(Made([points(0.0, 2.0, 1.0, 4.0)]), judge=lambda samples: {"modes": next(found), "other": 1.0})
    flags = [watch.look(step)["watch/oscillation"] for step in range(6)]
    assert flags == [0, 0, 0, 0, 0, 1]
    assert "modes went up and down 4 times in 6 looks" in said[0]


def test_a_figure_that_falls_is_no_oscillation() -> None:
    found = iter([9.0, 7.0, 5.0, 4.0, 3.0, 2.0, 1.5, 1.0])
    watch, said = watched(Made([points(0.0, 2.0, 1.0, 4.0)]), judge=lambda samples: {"fd": next(found)})
    assert sum(watch.look(step)["watch/oscillation"] for step in range(8)) == 0
    assert not said


def test_it_is_a_hook_of_fit_and_shows_samples_of_the_same_noise() -> None:
    torch.manual_seed(0)
    gan, shown = GAN(shape=(1,), latent=1, width=8), []
    watch = GanWatch(gan, REAL, every=2, show=lambda step, samples: shown.append((step, samples)), say=lambda words: None)
    fitted = fit(gan, gan.updates(), Shuffled(REAL, 4), steps=4, hooks=[watch.hook], precision="fp32", device="cpu", quiet=True)
    assert [step for step, _ in shown] == [2, 4]
    assert fitted.figures["watch/spread"] > 0
    torch.testing.assert_close(shown[-1][1], gan.sample(4, generator=torch.Generator().manual_seed(0)))


def test_one_example_is_not_enough() -> None:
    with pytest.raises(ValueError, match="real: at least two examples"):
        GanWatch(Made([REAL]), REAL[:1])
