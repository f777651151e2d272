"""What a layer learns anew is of low rank, and takes few numbers (LoRA: Hu et al. 2021, arXiv 2106.09685).

    y = W x + b + (alpha / r) B A x                W (out, in) and b stay as they are; A (r, in) and B (out, r) learn

B begins at zero, and so the model as it was. Afterwards (alpha / r) B A can be added into W: the layer is what it was before,
and costs as much. A GPT that has read the plays takes up your style in a few minutes:

    gpt = GPT.load("runs/plays")
    add_low_rank(gpt, rank=8, layers=("query", "key_value"))
    gpt.fit(TextWindows(vocabulary.encode(text), gpt.length), minutes=2)        moves A and B, and nothing else
    save_low_rank("my/style", gpt)                                              A and B alone
    merge_low_rank(gpt).save("my/gpt")                                          a GPT like any other

Later, `load_low_rank("my/style", GPT.load("runs/plays"))` is the same again, and another style another folder.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from genmodels import storage

Module = TypeVar("Module", bound=nn.Module)


class LowRank(nn.Linear):
    """A linear layer with an addition of low rank. Its `weight` and `bias` are those of the layer that it is made from.

    Arguments:
        layer: W and b.
        rank: r.
        alpha: with which the addition is weighed, over r, so that another r asks for no other learning rate.
    """

    def __init__(self, layer: nn.Linear, rank: int, alpha: float) -> None:
        super().__init__(layer.in_features, layer.out_features, layer.bias is not None, device="meta")
        self.weight, self.bias = layer.weight, layer.bias
        self.rank, self.alpha = rank, alpha
        small = layer.weight.new_empty(rank, layer.in_features).normal_(std=1 / math.sqrt(layer.in_features))
        self.a, self.b = nn.Parameter(small), nn.Parameter(layer.weight.new_zeros(layer.out_features, rank))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.alpha / self.rank * F.linear(F.linear(x, self.a), self.b)

    @torch.no_grad()
    def merged(self) -> nn.Linear:
        """The layer alone that does the same."""
        layer = nn.Linear(self.in_features, self.out_features, self.bias is not None, device="meta")
        layer.weight, layer.bias = nn.Parameter(self.weight + self.alpha / self.rank * self.b @ self.a), self.bias
        return layer


def add_low_rank(module: Module, rank: int = 8, alpha: float = 16.0, layers: str | Sequence[str] | None = None) -> Module:
    """Freeze a module, and give some of its linear layers an addition that learns; the module itself, which does as before.

    A model's `save` and `load` know its own layers only: keep additions by `save_low_rank`, or merge them before.

    Arguments:
        module: changed in place. Updates made before this move what is frozen now: make them anew.
        rank, alpha: see `LowRank`.
        layers: names of layers, or their ends: "blocks.0.attention.query", or "query" for all that end so. None is every one.

    >>> net = nn.Sequential(nn.Linear(20, 30), nn.ReLU(), nn.Linear(30, 5))
    >>> [name for name, parameter in add_low_rank(net, rank=2, layers="0").named_parameters() if parameter.requires_grad]
    ['0.a', '0.b']
    """
    if rank < 1:
        raise ValueError(f"rank: at least 1, not {rank}")
    ends = [""] if layers is None else [layers] if isinstance(layers, str) else layers
    linear = _linear_layers(module)
    found = {end: [name for name in linear if not end or f".{name}".endswith(f".{end}")] for end in ends}
    if not found or not all(found.values()):
        raise ValueError(f"layers: {layers!r} has a name of no layer; the linear ones within are {', '.join(linear) or 'none'}")
    chosen = {name for names in found.values() for name in names}
    return _with_additions(module, [name for name in linear if name in chosen], rank, alpha)


def merge_low_rank(module: Module) -> Module:
    """Add what was learned into the layers themselves; the module itself, all of which learns again."""
    found = low_rank_layers(module)
    if not found:
        raise ValueError("module: it has no additions of low rank; add_low_rank gives it some")
    merged = {layer: layer.merged() for layer in dict.fromkeys(found.values())}
    for name, layer in found.items():
        _put(module, name, merged[layer])
    return module.requires_grad_(True)


def low_rank_layers(module: nn.Module) -> dict[str, LowRank]:
    """The layers that have an addition, by name."""
    return {name: layer for name, layer in module.named_modules(remove_duplicate=False) if isinstance(layer, LowRank)}


def save_low_rank(folder: str | Path, module: nn.Module) -> None:
    """Write A and B of every layer that has them, and nothing of what they are added to."""
    found = low_rank_layers(module)
    if not found:
        raise ValueError("module: it has no additions of low rank to save; add_low_rank gives it some")
    first = next(iter(found.values()))
    facts = {"rank": first.rank, "alpha": first.alpha, "layers": list(found)}
    tensors = {f"{name}.{part}": getattr(layer, part) for name, layer in found.items() for part in ("a", "b")}
    storage.write_folder(
        folder, {"low_rank.json": storage.to_json(facts), "low_rank.safetensors": storage.pack_tensors(tensors)}
    )


def load_low_rank(folder: str | Path, module: Module) -> Module:
    """Give a module the additions saved in a folder; it is to be one like that from which they were learned."""
    sealed = storage.read_folder(folder)
    facts, tensors = sealed.json("low_rank.json"), sealed.tensors("low_rank.safetensors")
    shapes = {name: tuple(layer.weight.shape) for name, layer in _linear_layers(module).items()}
    for name in facts["layers"]:
        theirs = (len(tensors[f"{name}.b"]), tensors[f"{name}.a"].shape[1])
        if shapes.get(name) != theirs:
            raise ValueError(f"module: {folder} adds to {name} of shape {theirs}, here it is {shapes.get(name, 'missing')}")
    _with_additions(module, facts["layers"], facts["rank"], facts["alpha"])
    with torch.no_grad():
        for name, layer in low_rank_layers(module).items():
            layer.a.copy_(tensors[f"{name}.a"])
            layer.b.copy_(tensors[f"{name}.b"])
    return module


def _linear_layers(module: nn.Module) -> dict[str, nn.Linear]:
    """The plain ones within; what derives from them may use its weight in ways of its own, and is left alone."""
    if low_rank_layers(module):
        raise ValueError("module: it has additions of low rank already; merge_low_rank adds them in")
    within = module.named_modules(remove_duplicate=False)
    return {name: layer for name, layer in within if type(layer) is nn.Linear and name}


def _with_additions(module: Module, names: Sequence[str], rank: int, alpha: float) -> Module:
    module.requires_grad_(False)
    linear = _linear_layers(module)
    made = {linear[name]: LowRank(linear[name], rank, alpha) for name in names}  # a layer in two places is one
    for name in names:
        _put(module, name, made[linear[name]])
    return module


def _put(module: nn.Module, name: str, layer: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(module.get_submodule(parent), own, layer)
