"""Chapter 6: Glow and multi-scale RealNVP of handwritten digits with their grey levels, in bits per pixel.

A pixel has 256 levels, which noise fills; the density of what comes out bounds the probability of a digit, here by one draw of
noise for each. Minutes are shared between the two kinds.
"""

import torch

from genmodels.book_recipe import Recipe, at_most
from genmodels.data import mnist
from genmodels.flows import Glow, MultiScaleRealNVP
from genmodels.flows.image_flow import ImageFlow
from genmodels.metrics import held_out_nats, judge_checksum, judge_digits
from genmodels.training import Shuffled, fit
from genmodels.viz import curves, grid

TEMPERATURES = (0.25, 0.5, 0.75, 1.0)


def train(run: Recipe, flow: ImageFlow, name: str, share: float) -> ImageFlow:
    """A flow trained for a share of the recipe's minutes."""
    folder = run.folder / name
    batches = Shuffled(mnist("train").images, 32, run.seed)
    fit(flow, flow.updates(), batches, minutes=share * run.minutes, folder=folder, device=run.device, seed=run.seed)
    flow.save(folder)
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))
    return flow.to("cpu", memory_format=torch.channels_last)


@torch.no_grad()
def report(run: Recipe, glow: ImageFlow, realnvp: ImageFlow) -> None:
    """Judge both on the test set, and draw."""
    test = mnist("test").images[: run.count(10_000, 40)]
    some = test[: run.count(1_000, 10)]
    published = "1.05 (Glow), 1.06 (RealNVP)"
    run.figure("Glow, bits/dim, at most", held_out_nats(glow, test).bits_per_dim, at_most(1.35), at_most(1.15), published)
    run.figure("Glow, 10 draws of noise, first 1,000", held_out_nats(glow, some, samples=run.count(10, 2)).bits_per_dim)
    run.figure("RealNVP, bits/dim, at most", held_out_nats(realnvp, test).bits_per_dim, published=published)
    for name, flow in (("Glow", glow), ("RealNVP", realnvp)):
        error = (flow.reconstruct(some) - some / 255).abs().max().item()
        run.figure(f"{name}, greatest error of the inverse, levels", 255 * error, at_most(0.5))

    generator = torch.Generator().manual_seed(run.seed)
    samples = torch.cat([glow.sample(run.count(500, 50), generator=generator) for _ in range(run.count(20, 4))])
    judged = judge_digits(samples)
    for name in ("r", "fd", "fd_train", "fd_trivial", "precision", "recall"):
        run.figure(f"{name} of samples", judged[name])
    run.picture("samples", grid(samples[:100]))
    rows = [glow.sample(10, temperature=t, generator=torch.Generator().manual_seed(run.seed)) for t in TEMPERATURES]
    run.picture("temperatures", grid(torch.cat(rows), columns=10))
    run.picture("interpolations", grid(glow.interpolate(test[:10], test[10:20], 10).flatten(0, 1), columns=10))
    run.picture("realnvp_samples", grid(realnvp.sample(100, generator=generator)))
    run.finish(judge=judge_checksum("mnist"))


def main() -> None:
    """Train both and report."""
    run = Recipe(__doc__, row=20, system="Glow, multi-scale RealNVP", minutes=10.0)
    glow, realnvp = Glow(shape=(1, 28, 28)), MultiScaleRealNVP(shape=(1, 28, 28))
    report(run, glow=train(run, glow, "glow", share=0.75), realnvp=train(run, realnvp, "realnvp", share=0.25))


if __name__ == "__main__":
    main()
