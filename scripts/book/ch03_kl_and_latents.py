"""Chapter 3: what the weight of the KL term and the number of latents do to a VAE: a sweep of both, on handwritten digits.

    fidelity      the squared error of reconstructed test digits, and r of them             lower is more faithful
    continuity    r of what lies halfway between the latents of two test digits             lower: no holes on the way
                  the longest of 16 steps between two digits over the mean step, in the     1: everything happens evenly
                  second judge's features
    completeness  r of samples from the prior

An edge is the slope of one of these, where both levers are doubled or halved: its sign is what a lever does. Two of the edges
of row 60; they are reported whatever comes out.
"""

import itertools

import numpy as np
import torch
from torch import Tensor

from genmodels.autoencoders import VAE
from genmodels.book_recipe import Recipe
from genmodels.data import binarised, mnist
from genmodels.metrics import judge, judge_checksum, judge_digits
from genmodels.random_streams import stream
from genmodels.sampling import codes, decoded, lerp
from genmodels.training import Shuffled, fit
from genmodels.viz import grid, intervals

BETAS, LATENTS = (0.25, 1.0, 4.0), (2, 8, 32)
STEPS = 17  # points on the way from one digit to another


def train(run: Recipe, beta: float, latent: int) -> VAE:
    """One of the grid, trained for its share of the minutes."""
    vae = VAE(latent=latent, width=32, likelihood="bernoulli", beta=beta, blocks=0)
    digits = Shuffled(mnist("train"), 128, run.seed)
    fit(
        vae,
        vae.updates(),
        lambda step: binarised(digits(step), seed=stream(run.seed, step)),
        minutes=run.minutes / (len(BETAS) * len(LATENTS)),
        folder=run.folder / f"beta{beta:g}_z{latent}",
        device=run.device,
        seed=run.seed,
    )
    return vae.to("cpu", memory_format=torch.channels_last)


@torch.no_grad()
def measured(run: Recipe, vae: VAE, test: Tensor) -> tuple[dict[str, float], Tensor]:
    """What it is worth, and a morph from each of the first ten test digits to the next ten."""
    z = codes(vae, test)
    half = len(z) // 2
    ways = lerp(z[: run.count(500, 8)], z[half:][: run.count(500, 8)], STEPS)
    morphs = decoded(vae, ways)
    points = judge("mnist-second").features(morphs.flatten(0, 1)).unflatten(0, morphs.shape[:2])
    steps = points.diff(dim=1).norm(dim=2)
    kept, halfway = decoded(vae, z), decoded(vae, (z[:half] + z[half:]) / 2)
    samples = vae.sample(half, generator=torch.Generator().manual_seed(run.seed))
    found = {
        "squared error": (kept - test).square().mean().item(),
        "r of reconstructions": judge_digits(kept[:half])["r"],
        "r halfway": judge_digits(halfway)["r"],
        "longest step over mean step": (steps.amax(1) / steps.mean(1)).mean().item(),
        "r of samples": judge_digits(samples)["r"],
    }
    return found, morphs[:6]


def slopes(found: dict[tuple[float, int], float]) -> np.ndarray:
    """The change for each doubling of beta and of the latents: the least-squares plane over the grid of their logarithms."""
    levers = np.array([[np.log2(beta), np.log2(latent), 1.0] for beta, latent in found])
    return np.linalg.lstsq(levers, np.array(list(found.values())), rcond=None)[0][:2]


def report(run: Recipe, table: dict[tuple[float, int], dict[str, float]]) -> None:
    """The table, a plot of each figure, and the edges."""
    for name in next(iter(table.values())):
        column = {levers: row[name] for levers, row in table.items()}
        for (beta, latent), value in column.items():
            run.figure(f"beta {beta:g}, {latent} latents: {name}", value)
        by_beta, by_latents = slopes(column)
        run.figure(f"edge: KL weight -> {name}, for each doubling", by_beta)
        run.figure(f"edge: latents -> {name}, for each doubling", by_latents)
        lines = {f"{n} latents": [(np.log2(b), column[b, n], 0.0) for b in BETAS] for n in LATENTS}
        run.picture(name.replace(" ", "_"), intervals(lines, "log2 of the KL weight", name))


def main() -> None:
    """Train the grid, measure it, tell what the levers do."""
    run = Recipe(__doc__, row=60, system="KL weight and latent size of a VAE", minutes=9.0)
    test = binarised(mnist("test").images, seed=0)[: run.count(10_000, 200)]
    table, ways = {}, []
    for beta, latent in itertools.product(BETAS, LATENTS):
        table[beta, latent], morphs = measured(run, train(run, beta, latent), test)
        ways.append(morphs[:1])
    report(run, table)
    run.picture("morphs", grid(torch.cat(ways).flatten(0, 1), columns=STEPS))
    run.finish(judge=judge_checksum("mnist"))


if __name__ == "__main__":
    main()
