"""Chapter 3: a variational autoencoder of handwritten digits, with a plane of latents to look at, and with 32 to be good.

Binarised MNIST: the training digits are drawn anew from their grey levels at each step, the test digits once. The figures are
on the test set: minus the ELBO, the IWAE bound, how the aggregate posterior fits the prior, how far samples are from digits.
"""

import torch

from genmodels.autoencoders import VAE
from genmodels.book_recipe import Recipe, at_least, at_most
from genmodels.data import binarised, mnist
from genmodels.metrics import held_out_nats, judge_checksum, judge_digits
from genmodels.random_streams import stream
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, grid, inverse_cdf_grid, latent_scatter, reconstructions


def train(run: Recipe, latent: int, share: float) -> VAE:
    """A VAE with so many latents, trained for a share of the recipe's minutes."""
    vae = VAE(shape=(1, 28, 28), latent=latent, width=32, likelihood="bernoulli")
    digits = Shuffled(mnist("train"), 128, run.seed)
    folder = run.folder / f"z{latent}"
    fit(
        vae,
        vae.updates(),
        lambda step: binarised(digits(step), seed=stream(run.seed, step)),
        minutes=share * run.minutes,
        folder=folder,
        device=run.device,
        seed=run.seed,
    )
    vae.save(folder)
    run.picture(f"z{latent}_curves", curves(folder / "metrics.jsonl"))
    return vae.to("cpu", memory_format=torch.channels_last)


@torch.no_grad()
def report(run: Recipe, plane: VAE, vae: VAE) -> None:
    """Judge both on the test set, and draw them."""
    digits = mnist("test")
    test = binarised(digits.images, seed=0)[: run.count(10_000, 200)]
    some = test[: run.count(1_000, 4)]
    q = vae.encode(test)
    aggregate_sd = (q.mean.var(0) + q.sd.square().mean(0)).sqrt()
    samples = vae.sample(run.count(10_000, 200), generator=torch.Generator().manual_seed(run.seed))
    judged = judge_digits(samples)

    run.figure("-ELBO, z=2, nats", held_out_nats(plane, test).nats, at_most(160))
    run.figure("-ELBO, z=32, nats", held_out_nats(vae, test).nats, at_most(105), published="86.5")
    run.figure("IWAE-500, z=32, nats", held_out_nats(vae, some, 500).nats, at_most(100), at_most(90), published="81 to 87")
    run.figure("aggregate posterior, mean |mean|", q.mean.mean(0).abs().mean().item(), at_most(0.15))
    run.figure("aggregate posterior, least sd", aggregate_sd.min().item(), at_least(0.85))
    run.figure("aggregate posterior, greatest sd", aggregate_sd.max().item(), at_most(1.15))
    run.figure("active units of 32", (q.mean.var(0) > 0.01).sum().item(), at_least(5))
    run.figure("r of samples", judged["r"], at_most(0.5))
    for name in ("fd", "fd_train", "fd_trivial", "r_second", "kd", "precision", "recall", "digit_kl"):
        run.figure(f"{name} of samples", judged[name])

    run.picture("samples", grid(samples[:100]))
    run.picture("reconstructions", reconstructions(test[:20], vae.reconstruct(test[:20])))
    run.picture("interpolations", grid(vae.interpolate(test[:10], test[10:20], 10).flatten(0, 1), columns=10))
    run.picture("plane", inverse_cdf_grid(plane.decode, side=20))
    run.picture("plane_scatter", latent_scatter(plane.encode(test).mean, digits.labels[: len(test)]))
    run.finish(judge=judge_checksum("mnist"))


def main() -> None:
    """Train both and report."""
    run = Recipe(__doc__, row=6, system="VAE", minutes=5.0)
    report(run, plane=train(run, latent=2, share=0.3), vae=train(run, latent=32, share=0.7))


if __name__ == "__main__":
    main()
