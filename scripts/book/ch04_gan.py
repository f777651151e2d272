"""Chapter 4: a generative adversarial network on points whose modes can be counted, under its two losses.

The grid has 25 narrow Gaussians: how many does the generator find, and how many of its points lie within three standard
deviations of one? The minimax generator is held back where the critic tells its points; the non-saturating one is not. A little
of the gradient penalty keeps both critics smooth between the modes; smooth at the modes alone, they lose half of them.
"""

from genmodels.book_recipe import Recipe, at_least
from genmodels.data import GaussianGrid
from genmodels.gans import GAN
from genmodels.losses import AdversarialName
from genmodels.metrics import GanWatch, grid_modes
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, scatter

SCALE = 2.8  # the grid's standard deviation: the networks see points of unit variance


def train(run: Recipe, loss: AdversarialName) -> GAN:
    """Half of the minutes for each loss, with a look now and then."""
    plane, folder = GaussianGrid(), run.folder / loss
    gan = GAN(shape=(2,), latent=2, width=128, loss=loss, constraint="penalty", strength=0.1, lr=2e-3, warmup=1_000)

    def found(points: object) -> dict[str, float]:
        return grid_modes(SCALE * points, plane.centres, plane.sd)._asdict()  # type: ignore[operator]

    held_out = plane.sample(2_000, seed=run.seed + 1_000) / SCALE
    watch = GanWatch(gan, held_out, found, every=2_000, undecided=0.0, seed=run.seed)
    points = plane.sample(200_000, seed=run.seed) / SCALE
    fit(
        gan,
        gan.updates(),
        Shuffled(points, 128, run.seed),
        minutes=run.minutes / 2,
        folder=folder,
        device=run.device,
        seed=run.seed,
        hooks=[watch.hook],
    )
    gan.save(folder)
    run.picture(f"{loss}_curves", curves(folder / "metrics.jsonl"))
    return gan.cpu()


def report(run: Recipe, loss: AdversarialName, gan: GAN) -> None:
    """Count modes."""
    plane = GaussianGrid()
    samples = SCALE * gan.sample(run.count(10_000, 500))
    found = grid_modes(samples, plane.centres, plane.sd)
    run.figure(f"{loss}: modes of 25", found.modes, at_least(24))
    run.figure(f"{loss}: high-quality share", found.high_quality, at_least(0.8))
    run.figure(f"{loss}: KL over modes, nats", found.kl)
    run.picture(f"{loss}_samples", scatter(samples, plane.centres))


def main() -> None:
    """Both losses, one after the other."""
    run = Recipe(__doc__, row=9, system="GAN, two losses", minutes=10.0)
    for loss in ("non_saturating", "minimax"):
        report(run, loss, train(run, loss))
    run.finish()


if __name__ == "__main__":
    main()
