"""Chapter 1: the simplest generative model, a uniform density on the bounding box of the data.

The points are two moons. Of all boxes the bounding box makes them most likely; it is held against exact arithmetic. It is a
poor model all the same: most of its samples lie where no point ever does.
"""

import math
from fractions import Fraction

import torch

from genmodels.book_recipe import Recipe, at_most
from genmodels.classic import Box
from genmodels.data import Moons
from genmodels.viz import scatter

POINTS = 2_000


def bounding_box(rows: list[list[float]]) -> tuple[list[float], list[float], float]:
    """Least and greatest of each column, and the logarithm of the volume, whose argument is exact."""
    low, high = ([end(column) for column in zip(*rows, strict=True)] for end in (min, max))
    volume = math.prod(Fraction(b) - Fraction(a) for a, b in zip(low, high, strict=True))
    return low, high, math.log(volume)


def main() -> None:
    """Estimate, judge, draw."""
    run = Recipe(__doc__, row=1, system="box model", minutes=0.01)
    moons = Moons(sd=0.05)
    train, test = moons.sample(POINTS, 2 * run.seed), moons.sample(run.count(20_000, 1_000), 2 * run.seed + 1)
    box = Box(shape=(2,))
    box.fit(train, folder=run.folder / "box", device="cpu")

    low, high, log_volume = bounding_box(train.tolist())
    wrong = max(abs(a - b) for a, b in zip(box.low.tolist() + box.high.tolist(), low + high, strict=True))
    run.figure("MLE, distance from the bounding box", wrong, at_most(0))
    run.figure("log-likelihood, error in nats", (box.log_prob(train).nats + log_volume).abs().max().item(), at_most(1e-9))
    held_out = box.log_prob(test).nats
    outside = held_out.isinf()
    run.figure("held-out points outside, of 1,000", 1000 * outside.double().mean().item())
    run.figure("the same of a uniform density, expected", 1000 * (1 - (1 - 2 / (POINTS + 1)) ** 2))
    run.figure("-log p of those inside, nats", -held_out[~outside].mean().item())
    run.figure("entropy of the moons, nats", moons.entropy())

    made = box.sample(len(test), generator=torch.Generator().manual_seed(run.seed))
    edge = moons.log_prob(test).quantile(0.001)  # a point on a moon is below it once in a thousand times
    run.figure("samples on a moon, %", 100 * (moons.log_prob(made) > edge).double().mean().item())
    run.picture("samples", scatter(made[:POINTS], real=train))
    run.finish()


if __name__ == "__main__":
    main()
