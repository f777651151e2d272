"""Chapter 4: a Wasserstein GAN whose critic's weights are clipped, on handwritten digits.

What the critic says of the distance is a figure that means something, unlike the loss of other GANs: at looks during training
it is held against the Fréchet distance, which the critic knows nothing of, by the correlation of ranks.
"""

import json
import math

import torch

from genmodels.book_recipe import Recipe, at_least, at_most
from genmodels.data import mnist
from genmodels.gans import WGAN
from genmodels.metrics import judge_checksum, judge_digits
from genmodels.training import Hook, Shuffled, fit
from genmodels.viz import curves, grid, intervals


def spearman(a: list[float], b: list[float]) -> float:
    """The correlation of ranks."""
    ranks = [torch.tensor(x).argsort().argsort().double() for x in (a, b)]
    return torch.corrcoef(torch.stack(ranks))[0, 1].item()


def main() -> None:
    """Train, look now and then, judge."""
    run = Recipe(__doc__, row=11, system="WGAN, clipping", minutes=8.0)
    gan, folder = WGAN(), run.folder / "wgan"

    def look(step: int) -> dict[str, float]:
        samples = gan.sample(run.count(1_000, 100), generator=torch.Generator().manual_seed(run.seed))
        largest = max(parameter.abs().max().item() for parameter in gan.critic.parameters())
        return {"watch/fd": judge_digits(samples)["fd"], "watch/largest_weight": largest}

    batches = Shuffled(mnist("train"), 128, run.seed)
    hooks = [Hook(run.count(400, 10), look)]
    fit(gan, gan.updates(), batches, minutes=run.minutes, folder=folder, device=run.device, seed=run.seed, hooks=hooks)
    gan.save(folder)
    gan.cpu()

    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    looks = {line["step"]: line["watch/fd"] for line in lines if "watch/fd" in line}
    distance = {line["step"]: line["critic/distance"] for line in lines if "critic/distance" in line}
    pairs = [(near(distance, step), fd) for step, fd in looks.items()]
    samples = gan.sample(run.count(10_000, 200))
    judged = judge_digits(samples)
    largest = max(line["watch/largest_weight"] for line in lines if "watch/largest_weight" in line)
    run.figure("largest weight of the critic at any look", largest, at_most(gan.strength * (1 + 1e-6)))
    if len(pairs) > 1:  # of one look there is no order
        order = spearman(*map(list, zip(*pairs, strict=True)))
        run.figure("critic's distance against FD, rank correlation", order, at_least(0.6))
    run.figure("looks", len(pairs))
    for name in ("r", "fd", "fd_train", "fd_trivial", "r_second", "precision", "recall", "digit_kl"):
        run.figure(f"MNIST: {name}", judged[name])
    run.picture("samples", grid(samples[:100]))
    course = [(told, math.log10(fd), 0.0) for told, fd in sorted(pairs)]
    run.picture("distance_and_fd", intervals({"looks": course}, "the distance that the critic tells", "log10 of FD"))
    run.picture("curves", curves(folder / "metrics.jsonl"))
    run.finish(judge=judge_checksum("mnist"))


def near(figures: dict[int, float], step: int) -> float:
    """The mean of a figure over the last lines up to a step: a single one is of 25 batches, and rough."""
    before = [value for at, value in figures.items() if at <= step] or list(figures.values())[:1]
    return sum(before[-10:]) / len(before[-10:])


if __name__ == "__main__":
    main()
