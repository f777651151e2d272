"""Judges: classifiers of digits whose features and verdicts measure generated digits. No model may import or train on them.

    features(x) = trunk(x)                  64 numbers, in which distances between sets of digits are taken
    logits(x)   = W features(x) + b         10 numbers, the verdict on the digit

There are two, of different architectures and seeds, so that no figure is earned by pleasing one feature space. Their weights
are part of the package, verified on loading (`weights/README.md` says how they were made). They judge on the CPU in 32 bits,
so that a figure does not depend on the accelerator.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels import storage
from genmodels.metrics.judge_networks import FEATURES, TRUNKS
from genmodels.model import Model
from genmodels.training import Optimizer, Update

Name = Literal["mnist", "mnist-second"]
ARCHITECTURES: dict[Name, str] = {"mnist": "plain", "mnist-second": "residual"}
WEIGHTS = Path(__file__).parent / "weights"
BATCH = 500


class DigitJudge(Model):
    """A classifier of digits.

    Arguments:
        trunk: which network of `genmodels.metrics.judge_networks` makes the features.
    """

    def __init__(self, trunk: str) -> None:
        super().__init__()
        self.trunk = TRUNKS[trunk]()
        self.head = nn.Linear(FEATURES, 10)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (N, 10) of float images (N, 1, 28, 28) in [0, 1], with gradients: for training."""
        return self.head(self.trunk(images))

    def loss(self, batch: tuple[Tensor, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy on images that are moved about a little."""
        images, labels = batch
        logits = self(shifted(images))
        return F.cross_entropy(logits, labels), {"accuracy": (logits.argmax(1) == labels).float().mean()}

    def updates(self) -> list[Update]:
        optimizer = Optimizer(lr=3e-3, weight_decay=0.05, warmup=200, decay="cosine")
        return [Update("judge", self.loss, self.parameters(), optimizer)]

    # ---- judging: images are (N, 1, 28, 28), floats in [0, 1] or uint8

    def features(self, images: Tensor) -> Tensor:
        """Features (N, 64)."""
        return self._in_batches(self.trunk, images)

    def logits(self, images: Tensor) -> Tensor:
        """Unnormalised log-probabilities of the digits, (N, 10)."""
        return self._in_batches(self, images)

    def labels(self, images: Tensor) -> Tensor:
        """The likeliest digit of each image, (N,)."""
        return self.logits(images).argmax(1)

    def accuracy(self, images: Tensor, labels: Tensor) -> float:
        """The share of images that are read as their label."""
        if labels.shape != images.shape[:1]:
            raise ValueError(f"{len(images)} images need as many labels, not {tuple(labels.shape)}")
        return (self.labels(images) == labels.to(self.device)).double().mean().item()

    @torch.no_grad()
    def _in_batches(self, network: Callable[[Tensor], Tensor], images: Tensor) -> Tensor:
        if self.training:
            raise RuntimeError("a judge judges in eval mode")
        check_digits(images)
        with torch.autocast(self.device.type, enabled=False):
            return torch.cat([network(to_unit(batch.to(self.device))) for batch in torch.split(images, BATCH)])


@cache
def judge(name: Name) -> DigitJudge:
    """The judge of this name, trained, frozen and shared by all callers: "mnist" or "mnist-second"."""
    return DigitJudge.load(_folder(name)).requires_grad_(False)


def judge_checksum(name: Name, weights: Path = WEIGHTS) -> str:
    """SHA-256 of the judge's weights, which `judge` verifies, to be recorded with every figure that it gives."""
    return storage.read_manifest(_folder(name, weights))["files"]["model.safetensors"]["sha256"]


def _folder(name: Name, weights: Path = WEIGHTS) -> Path:
    if name not in ARCHITECTURES:
        raise ValueError(f"the judges are {', '.join(ARCHITECTURES)}, not {name!r}")
    return weights / name


def check_digits(images: Tensor) -> None:
    """Refuse what is no set of digits, and say why."""
    if images.ndim != 4 or images.shape[1:] != (1, 28, 28) or len(images) == 0:
        raise ValueError(f"digits are (N, 1, 28, 28) with N at least 1, not {tuple(images.shape)}")
    if images.dtype == torch.uint8:
        return
    if not images.is_floating_point():
        raise ValueError(f"digits are floats in [0, 1] or uint8, not {images.dtype}")
    low, high = (value.item() for value in images.aminmax())
    if not (low >= 0 and high <= 1):  # also where one is not a number
        raise ValueError(f"digits as floats lie in [0, 1]; these range from {low:.4g} to {high:.4g}: rescale or clamp them")


def to_unit(images: Tensor) -> Tensor:
    """Floats in [0, 1], which bytes become by a division by 255."""
    return images.float() / 255 if images.dtype == torch.uint8 else images.float()


def shifted(images: Tensor, most: int = 2) -> Tensor:
    """Each image (N, C, H, W) moved by up to `most` pixels either way along both axes, with zeros moving in."""
    n, _, height, width = images.shape
    padded = F.pad(images, (most, most, most, most))
    down, right = torch.randint(2 * most + 1, (2, n, 1, 1), device=images.device)
    rows = down + torch.arange(height, device=images.device)[:, None]
    columns = right + torch.arange(width, device=images.device)
    image = torch.arange(n, device=images.device)[:, None, None]
    return padded[image, :, rows, columns].permute(0, 3, 1, 2)
