"""Chapter 7: a Boltzmann machine of handwritten digits, and a stack of two.

Binarised MNIST: the training digits are drawn anew from their grey levels at each step, the test digits once. A machine of 12
hidden bits has a normaliser that can be summed; it tells whether annealed importance sampling, which gives that of 500, is
to be trusted.
"""

import torch
from torch import Tensor

from genmodels.book_recipe import Recipe, at_most
from genmodels.data import binarised, mnist
from genmodels.energy import DBN, RBM
from genmodels.metrics import Normaliser, annealed_importance, judge_checksum, judge_digits
from genmodels.model import Model
from genmodels.random_streams import stream
from genmodels.training import Shuffled, Update, fit
from genmodels.viz import curves, grid, strips


def train(run: Recipe, name: str, model: Model, updates: list[Update], share: float) -> None:
    """Train for a share of the recipe's minutes."""
    digits, folder = Shuffled(mnist("train"), 128, run.seed), run.folder / name
    fit(
        model,
        updates,
        lambda step: binarised(digits(step), seed=stream(run.seed, step)),
        minutes=share * run.minutes,
        folder=folder,
        device=run.device,
        precision="fp32",
        seed=run.seed,
    )
    model.save(folder)
    model.cpu()
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))


def annealed(model: RBM, chains: int, steps: int, seed: int) -> Normaliser:
    """log Z by chains that go from coins to the model."""
    noise, betas = torch.Generator().manual_seed(seed), torch.linspace(0, 1, steps + 1)
    return annealed_importance(model.log_f, model.gibbs, model.coins(chains, noise), betas, noise, model.log_z_of_coins())


@torch.no_grad()
def report(run: Recipe, small: RBM, rbm: RBM, dbn: DBN) -> None:
    """Hold the small machine's normaliser against the sum, and the large one's likelihood against the bar; draw from all."""
    test = binarised(mnist("test").images, seed=0)[: run.count(10_000, 200)]
    found = annealed(small, run.count(500, 10), run.count(20_000, 20), run.seed)
    run.figure("12 hidden: |AIS - exact| of log Z, nats", abs(found.log_z - small.log_z().item()), at_most(0.1))
    run.figure("12 hidden: -log p, nats, exact", -small.log_prob(test).nats.mean().item())
    found = annealed(rbm, run.count(200, 10), run.count(20_000, 20), run.seed)
    nats = found.log_z + rbm.free_energy(test).mean().item()
    run.figure("500 hidden: -log p, nats, by AIS", nats, at_most(130), at_most(100), published="86 to 125")
    run.figure("500 hidden: standard error of log Z", found.error)
    run.figure("500 hidden: chains worth counting", found.effective)
    beyond = (rbm.free_energy(found.ends.view_as(test[: len(found.ends)])).mean() - rbm.free_energy(test).mean()).item()
    run.figure("500 hidden: free energy where the chains of AIS end, above the data's", beyond, at_most(30))

    for name, model in (("rbm", rbm), ("dbn", dbn)):
        samples = model.sample(run.count(10_000, 50))
        judged = judge_digits(samples)
        for figure in ("r", "precision", "recall", "digit_kl"):
            run.figure(f"{name}: {figure} of samples", judged[figure])
        run.picture(f"{name}_samples", grid(samples[:100]))
    run.picture("receptive_fields", grid(torch.sigmoid(rbm.weights[:, :100].T.view(-1, 1, 28, 28))))
    run.picture("rbm_chains", strips(chains(rbm, run.count(10, 2))))
    run.finish(judge=judge_checksum("mnist"))


def chains(model: RBM, n: int) -> Tensor:
    """Chains from coins to digits, after 0, 1, 2, 4, ... steps, as the probabilities of bits: (n, 11, 1, 28, 28)."""
    v = model.coins(n)
    seen = [model.visible(model.hidden(v))]
    for step in range(1, 513):
        v = model.gibbs(v)
        if step & (step - 1) == 0:
            seen.append(model.visible(model.hidden(v)))
    return torch.stack(seen, 1).view(n, -1, 1, 28, 28)


def main() -> None:
    """Train three, the stack from the bottom up, and report."""
    run = Recipe(__doc__, row=23, system="RBM, DBN", minutes=8.0)
    small, rbm, dbn = RBM(hidden=12, k=5), RBM(length=run.count(200, 5)), DBN(length=run.count(200, 5))
    train(run, "small", small, small.updates(), 0.1)
    train(run, "rbm", rbm, rbm.updates(), 0.5)
    for layer, update in enumerate(dbn.updates()):
        train(run, f"dbn-{layer + 1}", dbn, [update], 0.2)
    report(run, small, rbm, dbn)


if __name__ == "__main__":
    main()
