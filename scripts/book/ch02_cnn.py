"""Chapter 2: a convolutional network, which looks for the same small patterns at every position of an image.

Four convolutions with batch norm and leaky ReLU, a linear layer, dropout; on the digits of MNIST and the photographs of
CIFAR-10. Nothing is chosen on the test sets; a tenth of the training set is held out to be looked at during training.
"""

import torch
from torch.utils.data import TensorDataset

from genmodels.book_recipe import Recipe, at_least
from genmodels.classic import CNN
from genmodels.data import Labelled, cifar10, mnist
from genmodels.viz import curves, grid

SHARES = {"mnist": 0.35, "cifar10": 0.65}  # of the minutes
BARS = {"mnist": at_least(99.0), "cifar10": at_least(70)}


def train(run: Recipe, name: str, data: Labelled) -> CNN:
    """One classifier, trained for its share of the minutes."""
    model = CNN(shape=data.images.shape[1:])
    pairs, folder = TensorDataset(data.images, data.labels), run.folder / name
    model.fit(pairs, minutes=SHARES[name] * run.minutes, folder=folder, device=run.device, seed=run.seed, held_out=0.1)
    run.picture(f"{name}_curves", curves(folder / "metrics.jsonl"))
    return model.to("cpu", memory_format=torch.channels_last)


@torch.no_grad()
def report(run: Recipe, name: str, model: CNN, data: Labelled) -> None:
    """Judge on the test set, and draw what it takes for something else and what its first layer looks for."""
    images, labels = data.images[: run.count(10_000, 200)], data.labels[: run.count(10_000, 200)]
    p = model.classify(images)
    run.figure(f"{name}, test accuracy, %", 100 * model.accuracy(images, labels), BARS[name])
    run.figure(f"{name}, -log p of the label, nats", -p[torch.arange(len(p)), labels].log().mean().item())
    wrongest = p.gather(1, labels[:, None])[:, 0].argsort()[:50]  # the least probability for the right answer
    run.picture(f"{name}_misread", grid(images[wrongest], columns=10))
    weights = model.features[0].weight.repeat_interleave(4, 2).repeat_interleave(4, 3)
    run.picture(f"{name}_filters", grid(0.5 + 0.5 * weights / weights.abs().amax((1, 2, 3), keepdim=True)))


def main() -> None:
    """Digits, then photographs."""
    run = Recipe(__doc__, row=4, system="CNN", minutes=4.0)
    for name, read in {"mnist": mnist, "cifar10": cifar10}.items():
        data = read("test" if run.fast else "train")  # the photographs of the training set take a while to decode
        report(run, name, train(run, name, data), read("test"))
    run.finish()


if __name__ == "__main__":
    main()
