"""Classifiers of images, discriminative models: what class is it, rather than what does such an image look like.

    p(y | x) = softmax(f(x))_y            loss = -log p(y | x)

f is a stack of linear layers (Rumelhart, Hinton and Williams 1986), which see an image as so many numbers in no order; or of
convolutions (LeCun et al. 1998), which look for the same small patterns at every position.

Batch norm (Ioffe and Szegedy 2015, arXiv 1502.03167) and dropout (Srivastava et al. 2014) make a CNN another function in
training than in use: there the mean and variance are those of the batch, and half of the numbers are left out; here they are
running averages, and nothing is.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels.batches import checked, to_device
from genmodels.model import VALIDATION_STEPS, Model
from genmodels.nn import mlp
from genmodels.training import Hook, Indexed, Optimizer, Update

AT_ONCE = 500

Leaky = partial(nn.LeakyReLU, 0.2)


class Classifier(Model, ABC):
    """Images to classes. It is trained on pairs (images, labels).

    Arguments:
        shape: of an image, (channels, height, width).
        classes: how many there are.
    """

    def __init__(self, shape: Sequence[int], classes: int) -> None:
        super().__init__()
        self.shape, self.classes = tuple(shape), classes

    @abstractmethod
    def forward(self, x: Tensor) -> Tensor:
        """f(x), the unnormalised log-probabilities of the classes: images, bytes or floats in [0, 1], to (B, classes)."""

    def loss(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy in nats, mean over the batch."""
        images, labels = batch
        logits = self(images)
        return F.cross_entropy(logits, labels), {"accuracy": (logits.argmax(1) == labels).float().mean()}

    def updates(self) -> list[Update]:
        """One objective: the loss, for all parameters. Averages of parameters would not fit the running ones of batch norm."""
        optimizer = Optimizer(lr=2e-3, weight_decay=0.05, warmup=100, decay="cosine")
        return [Update("classifier", self.loss, self.parameters(), optimizer)]

    def validation(self, held: Indexed, batch_size: int) -> Hook:
        """The accuracy on (at most) the first two thousand examples held out."""
        images, labels = held[torch.arange(min(len(held), 2000))]
        return Hook(VALIDATION_STEPS, lambda step: {"validation/accuracy": self.accuracy(images, labels)})

    @torch.no_grad()
    def classify(self, x: Tensor) -> Tensor:
        """p(y | x): (B, *shape) -> (B, classes)."""
        return torch.cat([self(part).softmax(1) for part in x.split(AT_ONCE)])

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """The share of images whose likeliest class is their label."""
        return (self.classify(images).argmax(1).cpu() == labels.cpu()).double().mean().item()

    def _images(self, x: Tensor) -> Tensor:
        return to_device(checked(x, self.shape, type(self).__name__), self.device)


class MLP(Classifier):
    """Linear layers: 3072 -> 200 -> 150 -> 10 for colour images of 32 x 32 pixels.

    Arguments:
        shape: of an image, (channels, height, width).
        classes: how many there are.
        hidden: units of the layers between.
    """

    def __init__(self, shape: Sequence[int] = (3, 32, 32), classes: int = 10, hidden: Sequence[int] = (200, 150)) -> None:
        super().__init__(shape, classes)
        self.layers = mlp((torch.Size(shape).numel(), *hidden, classes), nn.ReLU)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(self._images(x).flatten(1) - 0.5).float()


class CNN(Classifier):
    """Convolutions, each with batch norm and a leaky ReLU, every second of which halves the sides; a linear layer; dropout.

    Arguments:
        shape: of an image, (channels, height, width).
        classes: how many there are.
        channels: of the convolutions.
        hidden: units of the layer before the last.
        dropout: the share of those left out in training.
    """

    def __init__(
        self,
        shape: Sequence[int] = (3, 32, 32),
        classes: int = 10,
        channels: Sequence[int] = (32, 32, 64, 64),
        hidden: int = 128,
        dropout: float = 0.5,
    ) -> None:
        super().__init__(shape, classes)
        depth, height, width = shape
        layers: list[nn.Module] = []
        for place, (before, after) in enumerate(itertools.pairwise((depth, *channels))):
            stride = 1 + place % 2
            height, width = -(-height // stride), -(-width // stride)  # rounded up, as the padding does
            layers += [nn.Conv2d(before, after, 3, stride, padding=1, bias=False), nn.BatchNorm2d(after), Leaky()]
        self.features = nn.Sequential(*layers, nn.Flatten())
        self.dense = nn.Sequential(nn.Linear(channels[-1] * height * width, hidden), Leaky())
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(hidden, classes))

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.dense(self.features(self._images(x)))).float()
