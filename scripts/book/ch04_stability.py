"""Chapter 4: which losses and constraints make a GAN stable: all of them, with and without batch norm, on a grid of Gaussians.

    modes        of 25, that the generator finds, at the end
    lost         modes found at the best look less those found at the end
    restless     the standard deviation of the modes found over the later half of the looks: what does not settle
    diversity    KL(modes || uniform) of the samples, in nats

Three seeds of each; then some of them, once each, on handwritten digits. Edges of row 60, reported whatever comes out: from the
loss, from the constraint, from batch norm to each of these.
"""

import itertools
import statistics
from typing import Any

import torch

from genmodels import storage
from genmodels.book_recipe import Recipe
from genmodels.data import GaussianGrid, mnist
from genmodels.gans import GAN
from genmodels.gans.gan import Constraint, Norm
from genmodels.losses import ADVERSARIAL, AdversarialName
from genmodels.metrics import grid_modes, judge_checksum, judge_digits
from genmodels.training import Hook, Shuffled, fit
from genmodels.viz import grid, spread

SCALE, SEEDS, LOOKS = 2.8, 3, 12
STRENGTH: dict[Constraint, float] = {"none": 0.0, "clip": 0.1, "penalty": 1.0, "spectral": 0.0}
NORMS: tuple[Norm, ...] = ("none", "batch")
DIGITS: tuple[tuple[AdversarialName, Constraint, Norm], ...] = (
    ("minimax", "none", "batch"),
    ("non_saturating", "none", "batch"),
    ("wasserstein", "clip", "pixel"),
    ("wasserstein", "penalty", "pixel"),
    ("hinge", "spectral", "pixel"),
)
Levers = tuple[AdversarialName, Constraint, Norm]


def on_the_grid(run: Recipe, levers: Levers, seed: int, steps: int) -> dict[str, float]:
    """One GAN, and what its looks have seen."""
    loss, constraint, norm = levers
    plane, looks = GaussianGrid(), []
    torch.manual_seed(seed)
    gan = GAN((2,), 2, 64, loss, constraint, STRENGTH[constraint], norm, lr=1e-3, warmup=200)

    def look(step: int) -> None:
        samples = SCALE * gan.sample(2_000, generator=torch.Generator().manual_seed(seed))
        looks.append(grid_modes(samples.nan_to_num(), plane.centres, plane.sd))

    points = plane.sample(50_000, seed=seed) / SCALE
    hook = Hook(max(1, steps // LOOKS), look)
    fit(gan, gan.updates(), Shuffled(points, 128, seed), steps=steps, precision="fp32", seed=seed, hooks=[hook], quiet=True)
    modes = [float(found.modes) for found in looks]
    later = modes[len(modes) // 2 :]
    return {
        "modes": modes[-1],
        "lost": max(modes) - modes[-1],
        "restless": statistics.pstdev(later),
        "diversity": looks[-1].kl,
        "high quality": looks[-1].high_quality,
    }


def study(run: Recipe) -> dict[Levers, list[dict[str, float]]]:
    """Every loss with every constraint, with and without batch norm, three seeds each; what is done is kept."""
    everything: list[Levers] = list(itertools.product(ADVERSARIAL, STRENGTH, NORMS))
    steps = run.count(round(250 * run.minutes / 4), 3)
    seeds, kept = range(run.count(SEEDS, 1)), run.folder / "study.json"
    done = storage.read_json(kept) if kept.exists() else {}
    found = {}
    for number, levers in enumerate(everything):
        name = f"{', '.join(levers)}, {steps} steps"
        if name not in done:
            done[name] = [on_the_grid(run, levers, 100 * run.seed + seed, steps) for seed in seeds]
            storage.write_json(kept, done)
        found[levers] = done[name]
        mean = {name: statistics.mean(one[name] for one in found[levers]) for name in found[levers][0]}
        told = "  ".join(f"{name} {value:.2f}" for name, value in mean.items())
        print(f"{number + 1} of {len(everything)}: {', '.join(levers)}: {told}", flush=True)
    return found


def report(run: Recipe, found: dict[Levers, list[dict[str, float]]]) -> None:
    """The table, and the mean effect of each lever."""
    for levers, seeds in found.items():
        for name in seeds[0]:
            run.figure(f"{', '.join(levers)}: {name}", statistics.mean(one[name] for one in seeds))
    choices: tuple[tuple[str, Any], ...] = (("loss", list(ADVERSARIAL)), ("constraint", list(STRENGTH)), ("norm", NORMS))
    for place, (lever, values) in enumerate(choices):
        of: dict[str, list[float]] = {}
        for value in values:
            seeds = [one for levers, all_of in found.items() if levers[place] == value for one in all_of]
            for name in seeds[0]:
                run.figure(f"edge: {lever} {value} -> {name}", statistics.mean(one[name] for one in seeds))
            of[value] = [one["modes"] for one in seeds]
        run.picture(f"modes_by_{lever}", spread(of, "modes of 25"))


def on_digits(run: Recipe) -> None:
    """The handful, for a quarter of the minutes in all."""
    for loss, constraint, norm in DIGITS:
        name = f"{loss}, {constraint}, {norm}"
        torch.manual_seed(run.seed)
        gan = GAN(loss=loss, constraint=constraint, norm=norm, width=16, critic_steps=2 if loss == "wasserstein" else 1)
        folder = run.folder / name.replace(", ", "_")
        minutes = 0.25 * run.minutes / len(DIGITS)
        batches = Shuffled(mnist("train"), 64, run.seed)
        fit(gan, gan.updates(), batches, minutes=minutes, folder=folder, device=run.device, seed=run.seed, quiet=True)
        samples = gan.cpu().sample(run.count(10_000, 200))
        judged = judge_digits(samples.nan_to_num())
        for figure in ("r", "precision", "recall", "digit_kl"):
            run.figure(f"MNIST, {name}: {figure}", judged[figure])
        run.picture(folder.name, grid(samples[:100]))


def main() -> None:
    """Points, then digits."""
    run = Recipe(__doc__, row=60, system="losses and constraints of GANs", minutes=36.0)
    report(run, study(run))
    on_digits(run)
    run.finish(judge=judge_checksum("mnist"))


if __name__ == "__main__":
    main()
