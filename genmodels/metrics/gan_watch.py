"""What a person looks at who trains a GAN, and what it means: its losses do not tell.

| figure | what | trouble |
|---|---|---|
| accuracy | how often the critic is right about held-out real examples and fresh fakes | near 1: it has won |
| slope | the mean gradient of the critic between them | near 0: nothing to learn from |
| spread | the mean distance of two samples, of that of two real examples | near 0: all samples are one |
| of the judge | modes found, Fréchet distance, ... | up and down |

A look is taken at intervals, as a hook of `fit`; the figures go to `metrics.jsonl` and to the line of progress. Trouble is said
in words when it begins, and stands as `watch/collapse`, `watch/saturation` and `watch/oscillation`, 1 while it lasts.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from genmodels.training import Hook

ALIKE = 0.3  # a spread below this is a collapse
SURE = 0.98  # an accuracy above this, twice in a row, is a critic that has won
TURNS, SWING = 4, 0.25  # so many turns in the last looks, and so wide relative to their mean, are an oscillation
LOOKS = TURNS + 3

ADVICE = {
    "collapse": (
        "collapse: two samples differ {spread:.2f} times as much as two real examples. Constrain the critic (a penalty, "
        "spectral norm), lower the rate, or give the critic more steps"
    ),
    "saturation": (
        "saturation: the critic is right {accuracy:.1%} of the time and has little left to tell the generator. Smooth its "
        "labels, constrain it, or lower its rate; under the minimax loss the generator has stopped learning"
    ),
    "oscillation": (
        "oscillation: {name} went up and down {turns} times in {looks} looks. The two chase each other: lower the rate, lessen "
        "the momentum, or add a penalty at real examples"
    ),
}


class Watched(Protocol):
    """A GAN, as far as it is looked at."""

    critic: nn.Module

    def sample(self, n: int, *, generator: torch.Generator | None = None) -> Tensor: ...


class GanWatch:
    """The looks at one GAN: `fit(..., hooks=[GanWatch(gan, real, judge).hook])`.

    Arguments:
        gan: what is trained. Its critic takes examples alone.
        real: held-out examples (N, ...), floats; as many samples are drawn for each look.
        judge: samples to figures, such as `judge_digits`; the first is the one that is watched for oscillation.
        every: steps between looks.
        undecided: the critic's score at which it says neither real nor fake; None takes the middle of its mean scores.
        seed: of the noise, the same for each look, so that pictures can be compared.
        show: what is done with a look's samples, such as drawing them: (step, samples).
        say: what is done with words of trouble.
    """

    def __init__(
        self,
        gan: Watched,
        real: Tensor,
        judge: Callable[[Tensor], Mapping[str, float]] = lambda samples: {},
        *,
        every: int = 500,
        undecided: float | None = None,
        seed: int = 0,
        show: Callable[[int, Tensor], Any] | None = None,
        say: Callable[[str], Any] = lambda words: print(words, file=sys.stderr, flush=True),
    ) -> None:
        if len(real) < 2:
            raise ValueError(f"real: at least two examples are needed to tell how much they differ, not {len(real)}")
        self.gan, self.real, self.judge, self.undecided = gan, real, judge, undecided
        self.seed, self.show, self.say = seed, show, say
        self.hook = Hook(every, self.look)
        self.troubles: list[tuple[int, str]] = []
        self._history: list[dict[str, float]] = []
        self._lasting: set[str] = set()

    def look(self, step: int) -> dict[str, float]:
        """The figures of this step, and words if there is trouble that was not there before."""
        device = next(self.gan.critic.parameters()).device
        real = self.real.to(device)
        made = self.gan.sample(len(real), generator=torch.Generator().manual_seed(self.seed)).to(device)
        judged = dict(self.judge(made.cpu()))
        figures = {
            "accuracy": self._accuracy(real, made),
            "slope": _slope(self.gan.critic, real, made),
            "spread": mean_distance(made) / mean_distance(real),
            **judged,
        }
        if self.show is not None:
            self.show(step, made.cpu())
        self._history = [*self._history, figures][-LOOKS:]
        found = self._trouble(next(iter(judged), "accuracy"))
        for name in found.keys() - self._lasting:
            self.troubles.append((step, found[name]))
            self.say(f"step {step:,}: {found[name]}")
        self._lasting = set(found)
        return {f"watch/{name}": value for name, value in figures.items()} | {
            f"watch/{name}": float(name in found) for name in ADVICE
        }

    def _accuracy(self, real: Tensor, made: Tensor) -> float:
        with torch.no_grad():
            of_real, of_made = (self.gan.critic(x).float().flatten() for x in (real, made))
        line = 0.5 * (of_real.mean() + of_made.mean()) if self.undecided is None else self.undecided
        return 0.5 * ((of_real > line).float().mean() + (of_made < line).float().mean()).item()

    def _trouble(self, watched: str) -> dict[str, str]:
        """What is wrong now, in words."""
        now, found = self._history[-1], {}
        if now["spread"] < ALIKE:
            found["collapse"] = ADVICE["collapse"].format(**now)
        if len(self._history) > 1 and min(look["accuracy"] for look in self._history[-2:]) > SURE:
            found["saturation"] = ADVICE["saturation"].format(**now)
        turns = swings([look[watched] for look in self._history])
        if turns >= TURNS:
            found["oscillation"] = ADVICE["oscillation"].format(name=watched, turns=turns, looks=len(self._history))
        return found


def swings(values: list[float]) -> int:
    """How often a series turned, if it is wide enough to speak of.

    >>> swings([3.0, 1.0, 3.0, 1.0, 3.0, 1.0]), swings([5.0, 4.0, 3.0, 2.0]), swings([1.0, 1.01, 1.0, 1.01])
    (4, 0, 0)
    """
    steps = torch.tensor(values, dtype=torch.float64).diff()
    wide = max(values) - min(values) > SWING * abs(sum(values) / len(values))
    return int((steps[1:] * steps[:-1] < 0).sum()) if wide else 0


def mean_distance(x: Tensor) -> float:
    """Of two of the examples (N, ...), Euclidean.

    >>> mean_distance(torch.tensor([[0.0], [0.0], [3.0]]))
    2.0
    """
    flat = x.flatten(1).float()[:1000]
    return torch.pdist(flat).mean().item()


@torch.enable_grad()
def _slope(critic: nn.Module, real: Tensor, made: Tensor) -> float:
    """The mean gradient norm of the critic in the middle between real examples and samples."""
    middle = (0.5 * (real + made)).detach().requires_grad_()
    (gradient,) = torch.autograd.grad(critic(middle).sum(), middle)
    return gradient.float().flatten(1).norm(dim=1).mean().item()
