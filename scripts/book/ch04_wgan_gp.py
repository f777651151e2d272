"""Chapter 4: a Wasserstein GAN with a gradient penalty, on points whose modes can be counted, on digits, and on stacked digits.

The grid has 25 narrow Gaussians: how many does the generator find, and how many of its points lie within three standard
deviations of one? Digits are held against the test set. Three digits stacked as colours have 1,000 modes.
"""

import torch

from genmodels.book_recipe import Recipe, at_least, at_most, within
from genmodels.data import GaussianGrid, mnist, stacked_mnist
from genmodels.gans import WGANGP
from genmodels.losses import gradient_penalty
from genmodels.metrics import grid_modes, judge, judge_checksum, judge_digits, stacked_modes
from genmodels.training import Indexed, Shuffled, fit
from genmodels.viz import curves, grid, scatter


def train(run: Recipe, name: str, gan: WGANGP, data: Indexed | torch.Tensor, batch: int, share: float) -> WGANGP:
    """Train one model for a share of the recipe's minutes."""
    folder = run.folder / name
    batches = Shuffled(data, batch, run.seed)
    fit(gan, gan.updates(), batches, minutes=share * run.minutes, folder=folder, device=run.device, seed=run.seed)
    gan.save(folder)
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))
    return gan.cpu()


def slope(gan: WGANGP, real: torch.Tensor) -> float:
    """The critic's mean gradient norm at points between held-out examples and samples."""
    return gradient_penalty(gan.critic, real, gan.sample(len(real)))[1].item()


def points(run: Recipe) -> None:
    """The grid of Gaussians, scaled to unit variance for the networks and back for the judge."""
    plane, scale = GaussianGrid(), 2.8
    gan = WGANGP(shape=(2,), latent=2, width=128, penalty=1.0, critic_steps=1, warmup=1_000)
    gan = train(run, "grid", gan, plane.sample(200_000, seed=run.seed) / scale, batch=128, share=0.45)
    samples = scale * gan.sample(run.count(10_000, 500))
    found = grid_modes(samples, plane.centres, plane.sd)
    run.figure("grid: modes of 25", found.modes, at_least(25))
    run.figure("grid: high-quality share", found.high_quality, at_least(0.9))
    run.figure("grid: KL over modes, nats", found.kl)
    held_out = plane.sample(1_000, seed=run.seed + 1_000) / scale
    run.figure("grid: gradient norm on interpolates", slope(gan, held_out), within(0.8, 1.2))
    run.picture("grid_samples", scatter(samples, plane.centres))


def digits(run: Recipe) -> None:
    """Handwritten digits."""
    gan = train(run, "mnist", WGANGP(shape=(1, 28, 28), critic_steps=2), mnist("train"), batch=64, share=0.33)
    samples = gan.sample(run.count(10_000, 200))
    judged = judge_digits(samples)
    run.figure("MNIST: r", judged["r"], at_most(0.3))
    for name in ("fd", "fd_train", "fd_trivial", "r_second", "kd", "precision", "recall", "digit_kl"):
        run.figure(f"MNIST: {name}", judged[name])
    held_out = mnist("test").images[: run.count(1_000, 50)] / 255
    run.figure("MNIST: gradient norm on interpolates", slope(gan, held_out), within(0.8, 1.2))
    run.picture("mnist_samples", grid(samples[:100]))


def stacked(run: Recipe) -> None:
    """Three digits as the channels of one image."""
    gan = WGANGP(shape=(3, 28, 28), critic_steps=2)
    gan = train(run, "stacked", gan, stacked_mnist(60_000, run.seed), batch=64, share=0.22)
    samples = gan.sample(run.count(25_600, 200))
    found = stacked_modes(samples, judge("mnist"))
    run.figure("stacked MNIST: modes of 1000", found.modes, published="959; PacGAN 1000")
    run.figure("stacked MNIST: KL over modes, nats", found.kl)
    run.picture("stacked_samples", grid(samples[:100]))


def main() -> None:
    """All three, one after the other."""
    run = Recipe(__doc__, row=12, system="WGAN-GP", minutes=9.0)
    points(run)
    digits(run)
    stacked(run)
    run.finish(judge=judge_checksum("mnist"))


if __name__ == "__main__":
    main()
