"""Chapter 7: the slope of log p instead of its height, of a mixture whose slope is known, and of handwritten digits.

In the plane denoising and sliced score matching are held against the analytic score, where the density is high, and samples
against draws. Digits are drawn by annealed Langevin sampling.
"""

import torch
from torch import Tensor

from genmodels.book_recipe import Recipe, at_least, at_most
from genmodels.data import GaussianGrid, mnist
from genmodels.energy import NCSN
from genmodels.energy.ncsn import Objective
from genmodels.metrics import c2st, judge_checksum, judge_digits
from genmodels.sampling import score_of
from genmodels.training import Precision, Shuffled, fit
from genmodels.viz import curves, grid, scatter, strips

MIXTURE = GaussianGrid(side=3, spacing=2.0, sd=0.3)
SCALE = 1.66  # the mixture's standard deviation: the networks see points of unit variance


def train(run: Recipe, name: str, model: NCSN, data: Tensor, share: float, precision: Precision) -> None:
    """Train for a share of the recipe's minutes."""
    folder = run.folder / name
    batches = Shuffled(data, 128, run.seed)
    updates, minutes = model.updates(), share * run.minutes
    fit(model, updates, batches, minutes=minutes, folder=folder, device=run.device, precision=precision, seed=run.seed)
    model.save(folder)
    model.cpu()
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))


@torch.no_grad()
def plane(run: Recipe, objective: Objective) -> None:
    """Nine Gaussians: where held-out points lie, does the slope point the way that it should?"""
    model = NCSN(shape=(2,), width=128, largest=4.0, least=0.03, levels=16, objective=objective)
    with torch.enable_grad():
        train(run, objective, model, MIXTURE.sample(100_000, seed=run.seed) / SCALE, 0.2, "fp32")
    test = MIXTURE.sample(run.count(5_000, 50), seed=run.seed + 1_000)
    learned = model.score(test / SCALE, model.sds[-1].expand(len(test)))
    cosine = torch.cosine_similarity(learned, score_of(MIXTURE.log_prob)(test), dim=1).mean().item()
    run.figure(f"{objective}: cosine to the analytic score", cosine, at_least(0.95))
    way: list[Tensor] = []
    samples = SCALE * model.sample(len(test), way=way)
    run.figure(f"{objective}: C2ST of samples", c2st(test, samples).accuracy, at_most(0.6))
    run.picture(f"{objective}_samples", scatter(samples, centres=MIXTURE.centres, real=test))
    run.picture(f"{objective}_paths", scatter(SCALE * torch.cat([level[:8] for level in way[8:]]), real=test))


def digits(run: Recipe) -> None:
    """Handwritten digits, by denoising."""
    model = NCSN(largest=20.0, least=0.02, steps=run.count(5, 1))
    train(run, "digits", model, mnist("train").images / 255, 0.6, "auto")
    way: list[Tensor] = []
    samples = model.sample(run.count(2_000, 64), way=way)
    judged = judge_digits(samples)
    for name in ("r", "fd", "fd_train", "fd_trivial", "r_second", "precision", "recall", "digit_kl"):
        run.figure(f"digits: {name}", judged[name])
    run.picture("digits_samples", grid(samples[:100]))
    run.picture("digits_chains", strips(torch.stack([level[:8] for level in way[::2]], 1)))


def main() -> None:
    """Train all three and report."""
    run = Recipe(__doc__, row=24, system="score matching, NCSN", minutes=8.0)
    plane(run, "denoising")
    plane(run, "sliced")
    digits(run)
    run.finish(judge=judge_checksum("mnist"))


if __name__ == "__main__":
    main()
