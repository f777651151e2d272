"""Chapter 4: a GAN that is told which digit to draw, and whether it obeys.

A judge that no model sees reads its digits. Of one latent and another label comes another digit in the same hand.
"""

import torch

from genmodels.book_recipe import Recipe, at_least
from genmodels.data import mnist
from genmodels.gans import ConditionalGAN
from genmodels.metrics import class_recalls, judge, judge_checksum, judge_digits, label_accuracy
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, grid


@torch.no_grad()
def report(run: Recipe, gan: ConditionalGAN) -> None:
    """Does it obey, does each digit vary, and does the label decide?"""
    count = run.count(10_000, 200)
    labels = torch.arange(count) % 10
    samples = gan.sample(count, cond=labels)
    run.figure("digits as asked, %", 100 * label_accuracy(samples, labels), at_least(95))
    recalls = class_recalls(samples, labels)
    run.figure("recall of the worst digit", min(recalls), at_least(0.3))
    some = run.count(1_000, 50)
    z, first = torch.randn(some, gan.latent_size), torch.arange(some) % 10
    reader = judge("mnist")
    one, other = (reader.labels(gan.decode(z, cond)) for cond in (first, (first + 1 + torch.arange(some) // 10 % 9) % 10))
    run.figure("same latent, other label: another digit, %", 100 * (one != other).double().mean().item(), at_least(95))
    judged = judge_digits(samples)
    for name in ("r", "fd", "fd_train", "fd_trivial", "r_second", "precision", "recall", "digit_kl"):
        run.figure(f"MNIST: {name}", judged[name])
    hands = torch.randn(10, gan.latent_size).repeat_interleave(10, 0)
    run.picture("hands", grid(gan.decode(hands, torch.arange(100) % 10), columns=10))


def main() -> None:
    """Train and report."""
    run = Recipe(__doc__, row=13, system="conditional GAN", minutes=10.0)
    gan, folder = ConditionalGAN(), run.folder / "gan"
    batches = Shuffled(mnist("train").pairs, 64, run.seed)
    fit(gan, gan.updates(), batches, minutes=run.minutes, folder=folder, device=run.device, seed=run.seed)
    gan.save(folder)
    run.picture("curves", curves(folder / "metrics.jsonl"))
    report(run, gan.cpu())
    run.finish(judge=judge_checksum("mnist"))


if __name__ == "__main__":
    main()
