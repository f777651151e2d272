"""Chapter 1: naive Bayes, where it serves and where it fails.

Outfits of five parts that are chosen independently: fifty of them tell of all 4,032. Then binarised digits, whose pixels are
anything but independent: likelihoods on the test set, with one class and with one for each digit, and samples, which are noise.
"""

import itertools
from functools import reduce

import torch
from torch.utils.data import TensorDataset

from genmodels.book_recipe import Recipe, at_most, within
from genmodels.classic import NaiveBayes
from genmodels.data import binarised, mnist
from genmodels.metrics import held_out_nats, judge_checksum, judge_digits
from genmodels.viz import grid

LEVELS = (7, 6, 3, 4, 8)  # hair, its colour, glasses, clothes, their colour


def outfits(run: Recipe) -> None:
    """Few examples of independent features: the model's probabilities of everything possible beside the true ones."""
    generator = torch.Generator().manual_seed(run.seed)
    taste = [torch.rand(level, generator=generator, dtype=torch.float64).square() + 0.05 for level in LEVELS]
    seen = torch.stack([torch.multinomial(shares, 50, replacement=True, generator=generator) for shares in taste], dim=1)
    model = NaiveBayes(shape=(len(LEVELS),), levels=LEVELS)
    model.fit(seen, folder=run.folder / "outfits", device="cpu")

    possible = torch.tensor(list(itertools.product(*map(range, LEVELS))))
    told = model.log_prob(possible).nats.exp()
    true = reduce(lambda p, q: torch.outer(p, q).flatten(), [shares / shares.sum() for shares in taste])
    counted = (seen[:, None] == possible).all(2).double().mean(0)  # each outfit as a whole
    made = model.sample(10_000, generator=generator).long()
    run.figure("outfits: |sum of p - 1|", abs(told.sum().item() - 1), at_most(1e-9))
    run.figure("outfits: total variation from the truth", 0.5 * (told - true).abs().sum().item())
    run.figure("the same, whole outfits counted", 0.5 * (counted - true).abs().sum().item())
    run.figure("outfits: samples never seen, %", 100 * (1 - (made[:, None] == seen).all(2).any(1).double().mean().item()))


def digits(run: Recipe) -> None:
    """The failure: what pixels cost when they are asked one by one, and what comes of drawing them so."""
    train, test = mnist("train"), mnist("test")
    bits, kinds = binarised(train.images[: run.count(60_000, 2_000)], seed=run.seed), train.labels[: run.count(60_000, 2_000)]
    held_out = binarised(test.images[: run.count(10_000, 500)], seed=0)
    plain, mixture = NaiveBayes(shape=(1, 28, 28)), NaiveBayes(shape=(1, 28, 28), classes=10)
    plain.fit(bits, folder=run.folder / "pixels", device="cpu")
    mixture.fit(TensorDataset(bits, kinds), folder=run.folder / "mixture", device="cpu")
    right = mixture.classify(held_out).argmax(1) == test.labels[: len(held_out)]
    run.figure("pixels, -log p, nats", held_out_nats(plain, held_out).nats, within(204.5, 207.5))
    run.figure("10-class mixture, -log p, nats", held_out_nats(mixture, held_out).nats, within(169.3, 172.3))
    run.figure("mixture, digits told by Bayes' rule, %", 100 * right.double().mean().item())

    some = torch.Generator().manual_seed(run.seed)
    for name, model in (("pixels", plain), ("mixture", mixture)):
        judged = judge_digits(model.sample(run.count(10_000, 200), generator=some))
        for figure in ("r", "precision", "recall"):
            run.figure(f"{name}, {figure} of samples", judged[figure])
    run.picture("pixels_samples", grid(plain.sample(30, generator=some), columns=10))
    run.picture("mixture_samples", grid(mixture.sample(30, cond=torch.arange(30) % 10, generator=some), columns=10))
    run.picture("bits", grid(held_out[:30], columns=10))


def main() -> None:
    """Both."""
    run = Recipe(__doc__, row=2, system="naive Bayes", minutes=0.01)
    outfits(run)
    digits(run)
    run.finish(judge=judge_checksum("mnist"))


if __name__ == "__main__":
    main()
