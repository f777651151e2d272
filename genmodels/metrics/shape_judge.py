"""The judge of captioned shapes: it reads off a picture every word of its caption. No model may import or train on it.

    features(x) = trunk(x)                    64 numbers, in which distances between sets of pictures are taken
    p(word | x) = softmax(W features(x) + b)  for each attribute of `WORDS` a distribution of its own

"A circle left of a square" and "a square right of a circle" are one picture. So the objects of a pair, whose shapes always
differ, are told in the order of `SHAPES`, whichever the caption names first: what is read depends on the picture alone, and
in its mirror image only the relation is another. What is no scene at all (nothing in it, a group with an odd one out, two
objects of one shape or one colour) is of a kind of its own, "none", so that a muddle does not pass for its majority.

It reads pictures 32 pixels wide; larger ones are averaged down to that first. Its weights are part of the package
(`weights/README.md` says how they were made and what they are worth), and it judges on the CPU in 32 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels import storage
from genmodels.data.shape_captions import COUNTS
from genmodels.data.shape_scenes import COLOURS, KINDS, PLACES, RELATIONS, SHAPES, SIZES, Scenes
from genmodels.metrics.judges import BATCH, WEIGHTS, to_unit
from genmodels.model import Model
from genmodels.training import Optimizer, Update

SIDE, FEATURES = 32, 64
WORDS: dict[str, tuple[str, ...]] = {
    "kind": (*KINDS, "none"),
    "count": COUNTS,
    "place": PLACES,
    "relation": RELATIONS,
    "shape": SHAPES,
    "colour": COLOURS,
    "size": SIZES,
    "second shape": SHAPES,
    "second colour": COLOURS,
    "second size": SIZES,
}
NONE = WORDS["kind"].index("none")


class ShapeJudge(Model):
    """All attributes of a scene at once: four convolutions, 32 -> 16 -> 8 -> 8 -> 4, no mean over positions, which count."""

    def __init__(self) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after, kernel, stride in ((3, 32, 5, 2), (32, 48, 3, 2), (48, 64, 3, 1), (64, 64, 3, 2)):
            convolution = nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False)
            layers += [convolution, nn.BatchNorm2d(after), nn.ReLU()]
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 4 * 4, FEATURES), nn.SiLU())
        self.head = nn.Linear(FEATURES, sum(map(len, WORDS.values())))

    def forward(self, pictures: Tensor) -> Tensor:
        """Logits (N, all words) of float pictures (N, 3, 32, 32) in [0, 1], with gradients: for training."""
        return self.head(self.trunk(pictures))

    def loss(self, batch: tuple[Tensor, ...]) -> tuple[Tensor, dict[str, Tensor]]:
        """Cross-entropy summed over the attributes, on worn pictures.

        A batch is the pictures and then, for each attribute, the numbers of its words (N,), -1 where nothing is to name.
        """
        pictures, *numbers = batch
        heads = list(zip(by_attribute(self(worn(pictures))).values(), numbers, strict=True))
        terms = [F.cross_entropy(logits, number, ignore_index=-1, reduction="sum") for logits, number in heads]
        right = [(logits.argmax(1) == number) | (number < 0) for logits, number in heads]
        return torch.stack(terms).sum() / len(pictures), {"joint": torch.stack(right).all(0).float().mean()}

    def updates(self) -> list[Update]:
        optimizer = Optimizer(lr=4e-3, weight_decay=0.05, warmup=200, decay="cosine")
        return [Update("judge", self.loss, self.parameters(), optimizer)]

    # ---- judging: pictures are (N, 3, s, s) with s a multiple of 32, floats in [0, 1] or uint8

    def features(self, pictures: Tensor) -> Tensor:
        """Features (N, 64)."""
        return self._in_batches(self.trunk, pictures)

    def probabilities(self, pictures: Tensor) -> dict[str, Tensor]:
        """For each attribute its words' probabilities, (N, words), in float64: there is room between almost certain and 1."""
        logits = by_attribute(self._in_batches(self, pictures).double())
        return {attribute: values.softmax(dim=1) for attribute, values in logits.items()}

    def read(self, pictures: Tensor) -> dict[str, Tensor]:
        """For each attribute the number of its likeliest word, (N,); `kind` tells which of the attributes mean something."""
        return {attribute: values.argmax(dim=1) for attribute, values in self.probabilities(pictures).items()}

    def accuracy(self, pictures: Tensor, wanted: Mapping[str, Tensor]) -> dict[str, float]:
        """For each attribute the share of pictures that are read as wanted, of those that are wanted to have it.

        `wanted` is `scene_words(scenes)`, or any attributes with a number (N,) for each picture, -1 where nothing is wanted.
        `joint` is the share of all pictures in which everything wanted is read.
        """
        read = self.read(pictures)
        if not wanted or any(name not in read or numbers.shape != read[name].shape for name, numbers in wanted.items()):
            shapes = {name: tuple(numbers.shape) for name, numbers in wanted.items()}
            raise ValueError(f"{len(pictures)} pictures need as many numbers of {', '.join(WORDS)}; given are {shapes}")
        asked = {name: numbers.to(self.device) for name, numbers in wanted.items()}
        right = {name: (read[name] == numbers) | (numbers < 0) for name, numbers in asked.items()}
        right_of_asked = {name: right[name][numbers >= 0] for name, numbers in asked.items() if (numbers >= 0).any()}
        right_of_asked["joint"] = torch.stack(list(right.values())).all(dim=0)
        return {name: each.double().mean().item() for name, each in right_of_asked.items()}

    @torch.no_grad()
    def _in_batches(self, network: Callable[[Tensor], Tensor], pictures: Tensor) -> Tensor:
        if self.training:
            raise RuntimeError("a judge judges in eval mode")
        check_pictures(pictures)
        with torch.autocast(self.device.type, enabled=False):
            return torch.cat([network(shrunk(to_unit(batch.to(self.device)))) for batch in torch.split(pictures, BATCH)])


@cache
def shape_judge() -> ShapeJudge:
    """The judge, trained, frozen and shared by all callers.

    >>> from genmodels.data import Shapes
    >>> pictures = Shapes(6, seed=0, size=64)  # the last is 'a large green circle right of a large red square'
    >>> read = shape_judge().read(pictures[5:])
    >>> [WORDS[name][read[name]] for name in ("kind", "shape", "colour", "relation", "second shape", "second colour")]
    ['pair', 'circle', 'green', 'right of', 'square', 'red']
    """
    return ShapeJudge.load(WEIGHTS / "shapes").requires_grad_(False)


def shape_judge_checksum(weights: Path = WEIGHTS) -> str:
    """SHA-256 of the judge's weights, which `shape_judge` verifies, to be recorded with every figure that it gives."""
    return storage.read_manifest(weights / "shapes")["files"]["model.safetensors"]["sha256"]


def scene_words(scenes: Scenes) -> dict[str, Tensor]:
    """What the judge should read of each scene: for each attribute the number of its word, (N,), -1 where nothing is to name.

    >>> from genmodels.data import Shapes
    >>> shapes = Shapes(2, seed=0)
    >>> shapes.captions[1]
    'a large yellow triangle above a large green circle'
    >>> words = scene_words(shapes.scenes)
    >>> [WORDS[name][words[name][1]] for name in ("shape", "relation", "second shape")]
    ['circle', 'below', 'triangle']
    """
    pair = scenes.relation >= 0
    turned = pair & (scenes.shape[:, 0] > scenes.shape[:, 1])
    words = {"kind": scenes.kind.clone(), "count": scenes.count - 1, "place": scenes.place.clone()}  # the caller's to change
    words["relation"] = torch.where(turned, scenes.relation ^ 1, scenes.relation)  # left and right, above and below, change
    for prefix, own, others in (("", 0, 1), ("second ", 1, 0)):
        for name, numbers in (("shape", scenes.shape), ("colour", scenes.colour), ("size", scenes.size)):
            told = torch.where(turned, numbers[:, others], numbers[:, own])
            words[prefix + name] = told if own == 0 else torch.where(pair, told, -1)  # a group's are all told by its first
    return words


def by_attribute(logits: Tensor) -> dict[str, Tensor]:
    """Logits (N, all words) as (N, words) for each attribute."""
    return dict(zip(WORDS, logits.split([len(words) for words in WORDS.values()], dim=1), strict=True))


def check_pictures(pictures: Tensor) -> None:
    """Refuse what is no set of pictures, and say why."""
    if pictures.ndim != 4 or len(pictures) == 0 or pictures.shape[1] != 3 or pictures.shape[2] != pictures.shape[3]:
        raise ValueError(f"pictures are (N, 3, s, s) with N at least 1, not {tuple(pictures.shape)}")
    if pictures.shape[2] % SIDE or pictures.shape[2] == 0:
        raise ValueError(f"pictures are read at a width of {SIDE} pixels or a multiple of it, not {pictures.shape[2]}")
    if pictures.dtype == torch.uint8:
        return
    low, high = (value.item() for value in pictures.aminmax())
    if not (pictures.is_floating_point() and low >= 0 and high <= 1):  # also where one is not a number
        raise ValueError(f"pictures are floats in [0, 1] or uint8; these are {pictures.dtype} from {low:.4g} to {high:.4g}")


def shrunk(pictures: Tensor) -> Tensor:
    """Pictures (N, 3, 32 k, 32 k) as (N, 3, 32, 32): each pixel the mean of k x k."""
    return F.avg_pool2d(pictures, pictures.shape[-1] // SIDE)


def worn(pictures: Tensor, blur: float = 1.0, light: float = 0.15, noise: float = 0.08) -> Tensor:
    """Pictures as a generator may make them, each worn by another share of the most: blurred, lighter or darker, noisy.

    Of a pixel a share of up to `blur` is replaced by the mean over 3x3; brightness changes by a share of up to `light`; `noise`
    is the largest standard deviation.
    """
    n = len(pictures)
    shares = torch.rand(3, n, 1, 1, 1, device=pictures.device)
    smooth = F.avg_pool2d(pictures, 3, stride=1, padding=1, count_include_pad=False)
    lit = torch.lerp(pictures, smooth, blur * shares[0]) * (1 + light * (2 * shares[1] - 1))
    return (lit + noise * shares[2] * torch.randn_like(pictures)).clamp(0, 1)
