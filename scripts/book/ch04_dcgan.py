"""Chapter 4: a deep convolutional GAN of handwritten digits, its critic kept from winning by smoothed labels.

Samples are held against the test set; the critic's accuracy is on test digits and fresh samples.
"""

from genmodels.book_recipe import Recipe, at_least, at_most, within
from genmodels.data import mnist
from genmodels.gans import DCGAN
from genmodels.metrics import GanWatch, judge_checksum, judge_digits
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, grid

LOOKED_AT = ("fd", "r", "precision", "recall")


def main() -> None:
    """Train, look now and then, judge."""
    run = Recipe(__doc__, row=10, system="DCGAN", minutes=8.0)
    gan, folder = DCGAN(), run.folder / "dcgan"
    held_out = mnist("test").images / 255
    watch = GanWatch(
        gan,
        held_out[: run.count(1_000, 100)],
        lambda samples: {name: value for name, value in judge_digits(samples).items() if name in LOOKED_AT},
        every=run.count(4_000, 10),
        undecided=0.0,
        seed=run.seed,
        show=lambda step, samples: run.picture(f"step-{step:06d}", grid(samples[:64])),
    )
    batches = Shuffled(mnist("train"), 64, run.seed)
    hooks = [watch.hook]
    fit(gan, gan.updates(), batches, minutes=run.minutes, folder=folder, device=run.device, seed=run.seed, hooks=hooks)
    gan.save(folder)
    gan.cpu()

    samples = gan.sample(run.count(10_000, 200))
    judged = judge_digits(samples)
    run.figure("MNIST: r", judged["r"], at_most(0.3))
    run.figure("MNIST: digit KL, nats", judged["digit_kl"], at_most(0.1))
    run.figure("MNIST: precision", judged["precision"], at_least(0.6))
    run.figure("MNIST: recall", judged["recall"], at_least(0.3))
    run.figure("critic's accuracy at the end", watch.look(-1)["watch/accuracy"], within(0.5, 0.95))
    for name in ("fd", "fd_train", "fd_trivial", "r_second", "kd"):
        run.figure(f"MNIST: {name}", judged[name])
    run.picture("samples", grid(samples[:100]))
    run.picture("curves", curves(folder / "metrics.jsonl"))
    run.finish(judge=judge_checksum("mnist"))


if __name__ == "__main__":
    main()
