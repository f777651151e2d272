"""Chapter 5: a PixelCNN whose pixels are mixtures of logistics, of digits with all of their 256 grey levels.

The likelihood of bytes is exact, in bits for each pixel. It is a probability: over the 256 levels of a pixel it sums to one.
"""

import torch

from genmodels.autoregressive import PixelCNN
from genmodels.book_recipe import Recipe, at_most
from genmodels.data import mnist
from genmodels.metrics import held_out_nats, judge_checksum, judge_digits
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, grid, strips


def train(run: Recipe) -> PixelCNN:
    """A PixelCNN of grey levels."""
    pixels = PixelCNN(shape=(1, 28, 28), levels=256, width=32, layers=8, kernel=5, head="logistics", mixtures=10)
    folder = run.folder / "model"
    digits = Shuffled(mnist("train"), 16, run.seed)
    fit(pixels, pixels.updates(), digits, minutes=run.minutes, folder=folder, device=run.device, seed=run.seed)
    pixels.save(folder)
    run.picture("curves", curves(folder / "metrics.jsonl"))
    return pixels.to("cpu", memory_format=torch.channels_last)


def farthest_from_one(pixels: PixelCNN, image: torch.Tensor) -> float:
    """The greatest |sum of p over a pixel's 256 levels - 1|, over all pixels of an image of bytes."""
    features = pixels.stacks(image[None] / 127.5 - 1, None)
    levels = torch.arange(256)[:, None, None, None].expand(-1, *image.shape)
    each = torch.cat([pixels.head.nats(features.expand(len(part), -1, -1, -1), part) for part in levels.split(32)])
    return (each.double().exp().sum(0) - 1).abs().max().item()


@torch.no_grad()
def report(run: Recipe, pixels: PixelCNN) -> None:
    """Judge it on the test set, and draw."""
    test = mnist("test").images[: run.count(10_000, 50)]
    held_out = held_out_nats(pixels, test)
    sums = max(farthest_from_one(pixels, image) for image in test[: run.count(10, 1)])
    generator = torch.Generator().manual_seed(run.seed)
    samples = pixels.sample(run.count(1_000, 20), generator=generator)
    run.figure("bits/dim", held_out.bits_per_dim, at_most(1.15), at_most(0.95), published="0.808")
    run.figure("-log p(x), nats", held_out.nats)
    run.figure("|sum of p over levels - 1|, at most", sums, at_most(1e-4))
    judged = judge_digits(samples)
    for name in ("r", "fd", "fd_train", "fd_trivial", "precision", "recall", "digit_kl"):
        run.figure(f"{name} of {len(samples):,} samples", judged[name])

    run.picture("samples", grid(samples[:100], columns=10))
    upper = torch.arange(28)[:, None] < 14
    originals, times = test[: run.count(10, 2)] / 255, run.count(8, 2)
    halves = torch.where(upper, originals, 0.5)
    again = pixels.complete(halves.repeat_interleave(times, 0), upper, generator=generator)
    run.picture("completions", strips(again.unflatten(0, (-1, times)), before=halves, after=originals))
    run.finish(judge=judge_checksum("mnist"))


def main() -> None:
    """Train and report."""
    run = Recipe(__doc__, row=17, system="PixelCNN, mixture of logistics", minutes=10.0)
    report(run, train(run))


if __name__ == "__main__":
    main()
