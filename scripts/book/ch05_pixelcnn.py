"""Chapter 5: a gated PixelCNN of handwritten digits, drawn pixel by pixel, of the class that is asked for.

Binarised MNIST: the training digits are drawn anew from their grey levels at each step, the test digits once. Labels are used
in training. Of the test digits no label is told: log p(x) sums them out, exactly, which takes a pass for each of ten classes.
For all of them there is a bound that takes one: log p(x) >= log p(x | y) - log 10, as the ten are equally likely.
"""

import math
import time

import torch

from genmodels.autoregressive import PixelCNN
from genmodels.book_recipe import Recipe, at_least, at_most
from genmodels.data import binarised, mnist
from genmodels.metrics import judge_checksum, label_accuracy
from genmodels.random_streams import stream
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, grid, strips


def train(run: Recipe) -> PixelCNN:
    """A PixelCNN of bits in ten classes."""
    pixels = PixelCNN(shape=(1, 28, 28), levels=2, width=32, layers=8, kernel=5, classes=10)
    digits = Shuffled(mnist("train").pairs, 16, run.seed)

    def batches(step: int) -> tuple[torch.Tensor, torch.Tensor]:
        images, labels = digits(step)
        return binarised(images, seed=stream(run.seed, step)), labels

    folder = run.folder / "model"
    fit(pixels, pixels.updates(), batches, minutes=run.minutes, folder=folder, device=run.device, seed=run.seed)
    pixels.save(folder)
    run.picture("curves", curves(folder / "metrics.jsonl"))
    return pixels.to("cpu", memory_format=torch.channels_last)


def likelihoods(run: Recipe, pixels: PixelCNN, test: torch.Tensor, labels: torch.Tensor) -> None:
    """What the test digits cost, told their class and not."""
    told = -pixels.log_prob(test, cond=labels).nats.double().mean().item()
    some = test[: run.count(1_000, 10)]
    joint = pixels.log_joint(some)
    right = joint.argmax(1) == labels[: len(some)]
    run.figure("-log p(x), nats, at most", told + math.log(10), at_most(100), at_most(90), published="81.3")
    run.figure("-log p(x), nats, of the first 1,000", -joint.logsumexp(1).double().mean().item())
    run.figure("-log p(x | y), nats", told)
    run.figure("digits told by Bayes' rule, %", 100 * right.double().mean().item())


def painted(run: Recipe, pixels: PixelCNN, few: torch.Tensor, labels: torch.Tensor) -> None:
    """The same images with what was computed kept, and with the network run anew for each pixel."""
    known = torch.zeros(28, 28, dtype=torch.bool)
    known[: run.count(0, 26)] = True
    images, seconds = [], []
    for cached in (True, False):
        started = time.perf_counter()
        generator = torch.Generator().manual_seed(run.seed)
        images.append(pixels.complete(few, known, cond=labels, generator=generator, cached=cached))
        seconds.append(time.perf_counter() - started)
    run.figure("images that caching changes", (images[0] != images[1]).flatten(1).any(1).sum().item(), at_most(0))
    run.figure("naive sampling / cached, in time", seconds[1] / seconds[0], at_least(10))


@torch.no_grad()
def report(run: Recipe, pixels: PixelCNN) -> None:
    """Judge it on the test set, and draw."""
    digits, n = mnist("test"), run.count(10_000, 20)
    test, labels = binarised(digits.images, seed=0)[:n], digits.labels[:n]
    generator = torch.Generator().manual_seed(run.seed)
    likelihoods(run, pixels, test, labels)
    painted(run, pixels, test[: run.count(4, 1)], labels[: run.count(4, 1)])

    asked = torch.arange(run.count(1_000, 20)) % 10
    samples = pixels.sample(len(asked), cond=asked, generator=generator)
    run.figure("samples read as their class", label_accuracy(samples, asked), at_least(0.9))
    run.figure("the same of test digits", label_accuracy(test, labels))
    run.picture("samples", grid(samples[:100], columns=10))

    upper = torch.arange(28)[:, None] < 14
    originals, times = test[: run.count(10, 2)], run.count(8, 2)
    halves = torch.where(upper, originals, 0.5)
    again = pixels.complete(halves.repeat_interleave(times, 0), upper, generator=generator)
    run.picture("completions", strips(again.unflatten(0, (-1, times)), before=halves, after=originals))
    run.finish(judge=judge_checksum("mnist"))


def main() -> None:
    """Train and report."""
    run = Recipe(__doc__, row=16, system="PixelCNN, gated", minutes=10.0)
    report(run, train(run))


if __name__ == "__main__":
    main()
