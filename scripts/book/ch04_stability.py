"""Chapter 4: which losses and constraints make a GAN stable: all of them, with and without batch norm, on a grid of Gaussians.

    modes        of 25, that the generator finds, at the end
    lost         modes found at the best look less those found at the end
    restless     the standard deviation of the modes found over the later half of the looks: what does not settle
    diversity    KL(modes || uniform) of the samples, in nats
    fd           Frechet distance of the samples from as many fresh points, of the plane's own two coordinates
    loss varies  the critic's loss over the later half of the steps: its standard deviation, over its mean size

Three seeds of each; then some of them, once each, on handwritten digits. Edges of row 60, reported whatever comes out: from the
loss, from the constraint, from batch norm to each of these.
"""

import itertools
import shutil
import statistics
from functools import partial
from typing import Any

import torch

from genmodels import storage
from genmodels.book_recipe import Recipe
from genmodels.data import GaussianGrid, mnist
from genmodels.gans import GAN
from genmodels.gans.gan import Constraint, Norm
from genmodels.losses import ADVERSARIAL, AdversarialName
from genmodels.metrics import frechet_distance, grid_modes, judge_checksum, judge_digits
from genmodels.training import Hook, Shuffled, fit
from genmodels.viz import grid, spread
from genmodels.viz.curves import read_curves

SCALE, SEEDS, LOOKS = 2.8, 3, 12
FARTHEST = 20.0  # from the middle, that a sample's coordinate counts for; the grid ends at 4
STRENGTH: dict[Constraint, float] = {"none": 0.0, "clip": 0.1, "penalty": 1.0, "spectral": 0.0}
NORMS: tuple[Norm, ...] = ("none", "batch")
DIGITS: tuple[tuple[AdversarialName, Constraint, Norm], ...] = (
    ("minimax", "none", "batch"),
    ("non_saturating", "none", "batch"),
    ("wasserstein", "clip", "pixel"),
    ("wasserstein", "penalty", "pixel"),
    ("hinge", "spectral", "pixel"),
)
DRAWN = {
    "modes": "modes of 25",
    "fd": "Frechet distance",
    "loss varies": "standard deviation of the critic's loss / its mean size",
}
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
    hook, folder = Hook(max(1, steps // LOOKS), look), run.folder / "grid" / "_".join((*levers, str(seed)))
    shutil.rmtree(folder, ignore_errors=True)  # of one that was cut short: its looks are lost, so it is begun anew
    train = partial(fit, gan, gan.updates(), Shuffled(points, 128, seed), steps=steps, folder=folder)
    train(precision="fp32", seed=seed, hooks=[hook], quiet=True)
    modes = [float(found.modes) for found in looks]
    losses = list(read_curves(folder / "metrics.jsonl")["critic/loss"].values())
    fresh = plane.sample(10_000, seed=seed + 1_000)
    made = (SCALE * gan.sample(10_000)).nan_to_num().clamp(-FARTHEST, FARTHEST)
    return {
        "modes": modes[-1],
        "lost": max(modes) - modes[-1],
        "restless": statistics.pstdev(_later(modes)),
        "diversity": looks[-1].kl,
        "high quality": looks[-1].high_quality,
        "fd": frechet_distance(made, fresh),
        "loss varies": _restlessness(losses),
    }


def _later(values: list[float]) -> list[float]:
    return values[len(values) // 2 :]


def _restlessness(losses: list[float]) -> float:
    """The standard deviation of the later half over its mean size."""
    later = _later(losses)
    return statistics.pstdev(later) / max(statistics.mean(map(abs, later)), 1e-12)


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
        of = {value: [one for levers, all_of in found.items() if levers[place] == value for one in all_of] for value in values}
        for value, seeds in of.items():
            for name in seeds[0]:
                run.figure(f"edge: {lever} {value} -> {name}", statistics.mean(one[name] for one in seeds))
        for name, label in DRAWN.items():
            drawn = {value: [one[name] for one in seeds] for value, seeds in of.items()}
            run.picture(f"{name.replace(' ', '_')}_by_{lever}", spread(drawn, label))


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
        for figure in ("r", "fd", "precision", "recall", "digit_kl"):
            run.figure(f"MNIST, {name}: {figure}", judged[figure])
        losses = read_curves(folder / "metrics.jsonl")["critic/loss"]
        run.figure(f"MNIST, {name}: loss varies", _restlessness(list(losses.values())))
        run.picture(folder.name, grid(samples[:100]))


def main() -> None:
    """Points, then digits."""
    run = Recipe(__doc__, row=60, system="losses and constraints of GANs", minutes=36.0)
    report(run, study(run))
    on_digits(run)
    run.finish(judge=judge_checksum("mnist"))


if __name__ == "__main__":
    main()
