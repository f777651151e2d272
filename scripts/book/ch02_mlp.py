"""Chapter 2: a multilayer perceptron, which takes the pixels of an image as so many numbers in no order.

784-200-150-10 units for the digits of MNIST, 3072-200-150-10 for the photographs of CIFAR-10. Nothing is chosen on the test
sets; a tenth of the training set is held out to be looked at during training.
"""

import torch
from torch.utils.data import TensorDataset

from genmodels.book_recipe import Recipe, at_least
from genmodels.classic import MLP
from genmodels.data import Labelled, cifar10, mnist
from genmodels.viz import curves, grid

SHARES = {"mnist": 0.4, "cifar10": 0.6}  # of the minutes
BARS = {"mnist": at_least(97.5), "cifar10": at_least(49)}


def train(run: Recipe, name: str, data: Labelled) -> MLP:
    """One classifier, trained for its share of the minutes."""
    model = MLP(shape=data.images.shape[1:])
    pairs, folder = TensorDataset(data.images, data.labels), run.folder / name
    model.fit(pairs, minutes=SHARES[name] * run.minutes, folder=folder, device=run.device, seed=run.seed, held_out=0.1)
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))
    return model.to("cpu", memory_format=torch.channels_last)


@torch.no_grad()
def report(run: Recipe, name: str, model: MLP, data: Labelled) -> None:
    """Judge on the test set, and draw what it takes for something else and what its first layer looks for."""
    images, labels = data.images[: run.count(10_000, 200)], data.labels[: run.count(10_000, 200)]
    p = model.classify(images)
    run.figure(f"{name}, test accuracy, %", 100 * model.accuracy(images, labels), BARS[name])
    run.figure(f"{name}, -log p of the label, nats", -p[torch.arange(len(p)), labels].log().mean().item())
    wrongest = p.gather(1, labels[:, None])[:, 0].argsort()[:50]  # the least probability for the right answer
    run.picture(f"{name}_misread", grid(images[wrongest], columns=10))
    weights = model.layers[0].weight[:100].view(-1, *model.shape)
    run.picture(f"{name}_units", grid(0.5 + 0.5 * weights / weights.abs().amax((1, 2, 3), keepdim=True)))


def main() -> None:
    """Digits, then photographs."""
    run = Recipe(__doc__, row=3, system="MLP", minutes=1.0)
    for name, read in {"mnist": mnist, "cifar10": cifar10}.items():
        data = read("test" if run.fast else "train")  # the photographs of the training set take a while to decode
        report(run, name, train(run, name, data), read("test"))
    run.finish()


if __name__ == "__main__":
    main()
