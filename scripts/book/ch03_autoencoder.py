"""Chapter 3: a plain autoencoder of handwritten digits with two numbers in the middle, and beside it a VAE to be drawn from.

It makes better images of its codes than principal components do, and its codes tell the digits apart. But it has no prior:
points drawn from the bounding box of its codes fall into holes and corners, and give worse digits than the prior of the VAE of
row 6, which has 32 latents.
"""

import torch
from torch import Tensor

from genmodels.autoencoders import VAE, PlainAutoencoder
from genmodels.book_recipe import Recipe, at_least, at_most
from genmodels.classic import Box
from genmodels.data import mnist
from genmodels.metrics import PCA, judge_checksum, judge_digits, neighbour_accuracy
from genmodels.sampling import codes, decoded
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, grid, latent_histograms, latent_scatter, reconstructions


def train(run: Recipe, name: str, model: PlainAutoencoder | VAE, share: float) -> None:
    """For a share of the recipe's minutes."""
    folder = run.folder / name
    digits = Shuffled(mnist("train"), 128, run.seed)
    fit(model, model.updates(), digits, minutes=share * run.minutes, folder=folder, device=run.device, seed=run.seed)
    model.save(folder)
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))
    model.to("cpu", memory_format=torch.channels_last)


def error(made: Tensor, images: Tensor) -> float:
    """Mean squared error of a pixel."""
    return (made - images).square().mean().item()


@torch.no_grad()
def report(run: Recipe, autoencoder: PlainAutoencoder, vae: VAE) -> None:
    """Judge on the test set, and draw."""
    known, digits = mnist("train"), mnist("test")
    count, labels = run.count(60_000, 500), digits.labels[: run.count(10_000, 200)]
    test = digits.images[: len(labels)] / 255
    known_z, z = codes(autoencoder, known.images[:count]), codes(autoencoder, test)
    made = decoded(autoencoder, z)
    own, trivial = error(made, test), error(PCA.fit(known.images[:count], 2).reconstruct(test), test)
    run.figure("test MSE, of that of PCA-2", own / trivial, at_most(0.75))
    run.figure("test MSE of a pixel", own)
    accuracy = neighbour_accuracy(known_z, known.labels[:count], z, labels)
    run.figure("digits told by 5 neighbours in z, %", 100 * accuracy, at_least(70))

    box = Box(shape=(2,))
    box.fit(known_z, folder=run.folder / "box", device="cpu")
    some = torch.Generator().manual_seed(run.seed)
    points = box.sample(len(test), generator=some)
    drawn = {"box": decoded(autoencoder, points), "vae": vae.sample(len(test), generator=some), "reconstructed": made}
    judged = {name: judge_digits(images) for name, images in drawn.items()}
    run.figure("r of samples from the box", judged["box"]["r"])
    run.figure("r of samples of the VAE, 32 latents", judged["vae"]["r"])
    run.figure("r of test digits, reconstructed", judged["reconstructed"]["r"])
    run.figure("r, the box's less the VAE's", judged["box"]["r"] - judged["vae"]["r"], at_least(0))
    for name in ("precision", "recall", "digit_kl"):
        for whose in drawn:
            run.figure(f"{name}, {whose}", judged[whose][name])

    run.picture("plane", latent_scatter(z, labels))
    run.picture("histograms", latent_histograms(z))
    run.picture("histograms_vae", latent_histograms(codes(vae, test), most=run.count(32, 4)))
    run.picture("box_samples", grid(drawn["box"][:100]))
    run.picture("vae_samples", grid(drawn["vae"][:100]))
    run.picture("reconstructions", reconstructions(test[:20], made[:20]))
    run.finish(judge=judge_checksum("mnist"))


def main() -> None:
    """Train both and report."""
    run = Recipe(__doc__, row=5, system="autoencoder", minutes=5.0)
    autoencoder, vae = PlainAutoencoder(shape=(1, 28, 28), latent=2), VAE(shape=(1, 28, 28), latent=32, likelihood="bernoulli")
    train(run, "autoencoder", autoencoder, share=0.5)
    train(run, "vae", vae, share=0.5)
    report(run, autoencoder, vae)


if __name__ == "__main__":
    main()
