"""What a generative model is: an `nn.Module` that remembers how it was built, says what it can do, and saves itself whole.

What a model can do is told by the methods it has. The protocols `Samples`, `Density`, `Autoencodes` and `Interpolates` name
them; asking a model for one that it cannot honour raises `NotSupported` with the reason.

    sample(n, cond=, temperature=, generator=) -> n examples
    log_prob(x) -> LogProb(nats, kind)            log p(x), summed over dimensions, for each example
    encode(x) -> distribution of z     decode(z) -> x     reconstruct(x) -> x
    interpolate(a, b, n) -> n examples on the way from a to b

A world model is built of a `VisionModel` and a `DynamicsModel`; these two protocols are all that it knows of them.
"""

from __future__ import annotations

import contextlib
import importlib
import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, Self, runtime_checkable

import torch
from torch import Tensor, nn

from genmodels import storage
from genmodels.batches import split
from genmodels.data_parallel import crew
from genmodels.training import Fitted, Hook, Indexed, Precision, Shuffled, Update, fit

VALIDATION_STEPS = 500  # between two looks at what is held out
OURS = ("genmodels.", "worldmodels.")  # where `load` may look for a class by name


@dataclass(frozen=True)
class LogProb:
    """Log-probabilities in nats, one for each example, and what they are.

    `exact` is log p(x); `bound` is at most that; `unnormalised` is that plus an unknown constant.
    """

    nats: Tensor
    kind: Literal["exact", "bound", "unnormalised"]


class NotSupported(AttributeError):
    """The model has no such ability; the message says why."""


@runtime_checkable
class Samples(Protocol):
    """Draws examples."""

    def sample(
        self, n: int, *, cond: Tensor | None = None, temperature: float = 1.0, generator: torch.Generator | None = None
    ) -> Tensor:
        """n examples."""


@runtime_checkable
class Density(Protocol):
    """Tells how probable an example is."""

    def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        """log p(x) in nats for each example; `samples` is how many draws an estimate may use."""


@runtime_checkable
class Autoencodes(Protocol):
    """Maps examples to latents and back."""

    latent_size: int

    def encode(self, x: Tensor) -> Any:
        """The distribution of the latent of each example."""

    def decode(self, z: Tensor) -> Tensor:
        """The example each latent stands for."""

    def reconstruct(self, x: Tensor) -> Tensor:
        """Each example, through its latent and back."""


@runtime_checkable
class Interpolates(Protocol):
    """Finds a way from one example to another."""

    def interpolate(self, a: Tensor, b: Tensor, n: int) -> Tensor:
        """n examples for each pair, from a to b: (B, n, ...)."""


class VisionModel(Protocol):
    """Sees: what a world model needs of an autoencoder."""

    latent_size: int

    def encode(self, x: Tensor, /) -> Any:
        """The distribution of the latent of each image (B, C, H, W): its `mean` is (B, latent_size)."""

    def decode(self, z: Tensor, /) -> Tensor:
        """The image that each latent stands for, in [0, 1]."""


class DynamicsModel(Protocol):
    """Remembers and foresees: what a world model needs of a sequence model. A state has a row for each of B dreams."""

    latent_size: int
    action_size: int
    feature_size: int
    noise_size: int
    predicts_reward: bool
    predicts_end: bool

    def initial(self, batch: int, /) -> Any:
        """The state of dreams that have seen nothing; a named tuple of tensors (B, ...)."""

    def reset(self, state: Any, first: Tensor, /) -> Any:
        """The state, anew in the rows where `first` (B,) is true."""

    def predict(self, z: Tensor, act: Tensor, state: Any, /) -> tuple[Any, Any]:
        """What follows from (B, Z) and (B, A), and the state after it.

        The prediction has `z`, the distribution of the next latent; `reward(z)` and `end(z)`, given one; and `sample(noise,
        temperature)`, of noise (B, noise_size) uniform in (0, 1), which is (z, rew, end): rew and end are zeros where the
        model does not predict them.
        """

    def scan(self, z: Tensor, act: Tensor, /) -> Any:
        """The states at every moment of (B, T, Z) and (B, T, A), the first and the last included: fields (B, T + 1, ...)."""

    def features(self, state: Any, carry: bool = False) -> Tensor:
        """What a controller reads of a state: (B, feature_size), or more with `carry`."""

    def loss(self, window: Any, /) -> tuple[Tensor, dict[str, Tensor]]:
        """The loss on a batch of stretches of episodes, and figures."""


_ABILITIES = {
    "sample": "does not draw samples",
    "log_prob": "has no density",
    "encode": "has no encoder",
    "decode": "has no decoder",
    "reconstruct": "does not reconstruct",
    "interpolate": "does not interpolate",
}


class Model(nn.Module):
    """The base of every model. A subclass takes plain keyword arguments (numbers, strings, tuples), which are recorded.

    A subclass defines `updates()`, the objectives that `fit` takes in turn; where there is one, it is `loss(batch) ->
    (loss, figures)`. It has the methods it can honour; `cannot` gives the reason for one it lacks.
    """

    cannot: ClassVar[dict[str, str]] = {}
    arguments: dict[str, Any]

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Record the arguments, defaults included."""
        self = super().__new__(cls)
        signature = inspect.signature(cls.__init__)
        bound = signature.bind_partial(self, *args, **kwargs)
        bound.apply_defaults()
        recorded = {name: _plain(cls, name, value) for name, value in list(bound.arguments.items())[1:]}
        object.__setattr__(self, "arguments", recorded)
        return self

    def updates(self) -> list[Update]:
        """The model's objectives."""
        raise NotImplementedError(f"{type(self).__name__} does not say how it is trained: define updates()")

    def fit(
        self,
        data: Indexed | Tensor,
        *,
        minutes: float | None = None,
        steps: int | None = None,
        folder: str | Path | None = None,
        batch_size: int = 128,
        device: str | torch.device | None = None,
        precision: Precision = "auto",
        seed: int = 0,
        hooks: Sequence[Hook] = (),
        held_out: float = 0.05,
    ) -> Fitted:
        """Train on a data set: a tensor of examples, or anything with a length that can be indexed by a tensor.

        Images are (N, channels, height, width), bytes or floats in [0, 1]. Without a folder nothing is written. With one,
        the model is saved there (`Model.load(folder)` brings it back), a run found there is continued, and `minutes` or
        `steps` count from its first start. A model that has a `validation` is judged on a share of the data, `held_out`,
        that it does not train on. For all else that can be set, see `genmodels.training.fit`.
        """
        rest, held = split(data, held_out, seed)
        if len(held) and (judged := self.validation(held, batch_size)):
            data, hooks = rest, [judged, *hooks]
        place = Path(folder) if folder is not None and crew().leads else None
        if place is not None:
            self._begin(place)
        fitted = fit(
            self,
            self.updates(),
            Shuffled(data, batch_size, seed),
            steps=steps,
            minutes=minutes,
            folder=folder,
            device=device,
            precision=precision,
            seed=seed,
            hooks=hooks,
        )
        if place is not None:
            self.save(place)
        return fitted

    def validation(self, held: Indexed, batch_size: int) -> Hook | None:
        """What is told now and then of examples that are held out, or None.

        Of a model with a density it is `validation/nats`, and the checkpoint in which that is lowest is kept.
        """
        if not isinstance(self, Density):
            return None
        return Hook(VALIDATION_STEPS, partial(_validate, self, held, batch_size), score="validation/nats")

    def _begin(self, folder: Path) -> None:
        """Say in the folder what is trained there, or find that it is the same."""
        if not (folder / storage.MANIFEST).exists():
            self.save(folder)
        elif (theirs := storage.read_folder(folder).json("config.json")) != storage.from_json(self._config(), "config.json"):
            raise ValueError(
                f"{folder} holds {theirs['model']} with {theirs['arguments']}, not {self!r}. "
                "Choose another folder, or remove this one to start anew"
            )

    def _config(self) -> bytes:
        return storage.to_json({"model": f"{type(self).__module__}:{type(self).__qualname__}", "arguments": self.arguments})

    @property
    def device(self) -> torch.device:
        """Where the parameters are."""
        return next(self.parameters()).device

    @property
    def num_parameters(self) -> int:
        """How many numbers are learned."""
        return sum(parameter.numel() for parameter in self.parameters())

    def save(self, folder: str | Path) -> None:
        """Write `config.json`, `model.safetensors` and their checksums, all or nothing."""
        storage.write_folder(folder, self.sealed().files)

    def sealed(self) -> storage.Sealed:
        """What `save` writes, to be sent somewhere."""
        files = {"config.json": self._config(), "model.safetensors": storage.pack_tensors(self.state_dict())}
        return storage.Sealed(Path(type(self).__name__), files)

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """The model saved in a folder, every byte verified, in eval mode. No code in the folder is run: there is none."""
        if not Path(folder).is_dir():
            raise FileNotFoundError(f"{folder}: there is no such folder, and so no model in it")
        return cls.unsealed(storage.read_folder(folder))

    @classmethod
    def unsealed(cls, sealed: storage.Sealed) -> Self:
        """The model that was sealed, in eval mode."""
        config = sealed.json("config.json")
        found = _find_class(config["model"])
        if not issubclass(found, cls):
            raise TypeError(f"{sealed.folder} holds a {found.__name__}, not a {cls.__name__}")
        model = found(**{name: _tuples(value) for name, value in config["arguments"].items()})
        sealed.give("model.safetensors", model)
        return model.eval()

    def __getattr__(self, name: str) -> Any:
        if name in _ABILITIES:
            reason = self.cannot.get(name, f"it {_ABILITIES[name]}")
            raise NotSupported(f"{type(self).__name__} has no {name}(): {reason}")
        return super().__getattr__(name)

    def __repr__(self) -> str:
        arguments = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{type(self).__name__}({arguments})  # {self.num_parameters:,} parameters"


def _validate(model: Density, held: Indexed, batch_size: int, step: int) -> dict[str, float]:
    """Minus the log-probability of (at most) the first thousand examples held out, in nats."""
    total, count = 0.0, min(len(held), 1000)
    for start in range(0, count, batch_size):
        nats = model.log_prob(held[torch.arange(start, min(start + batch_size, count))]).nats
        total -= nats.double().sum().item()
    return {"validation/nats": total / count}


def load(folder: str | Path) -> Model:
    """The model saved in a folder, whichever it is."""
    return Model.load(folder)


def _find_class(path: str) -> type[Model]:
    module, _, name = path.partition(":")
    known = {f"{c.__module__}:{c.__qualname__}": c for c in _subclasses(Model)}
    if path not in known and module.startswith(OURS):
        with contextlib.suppress(ModuleNotFoundError):
            importlib.import_module(module)
        known = {f"{c.__module__}:{c.__qualname__}": c for c in _subclasses(Model)}
    if path not in known:
        raise storage.StorageError(f"there is no model {name!r} in {module!r}; if it is yours, import its module first")
    return known[path]


def _subclasses(cls: type[Model]) -> list[type[Model]]:
    return [cls, *(found for child in cls.__subclasses__() for found in _subclasses(child))]


def _plain(cls: type, name: str, value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_plain(cls, name, item) for item in value)
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    raise TypeError(f"{cls.__name__}: {name}={value!r} cannot be recorded; arguments are numbers, strings and tuples of them")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
