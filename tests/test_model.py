"""What every model has from its base: a memory of its arguments, a folder it is saved in, a held-out share it is judged on."""

import math
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from genmodels import storage
from genmodels.autoencoders import VAE
from genmodels.gans import WGANGP
from genmodels.model import Autoencodes, Density, Interpolates, LogProb, Model, NotSupported, Samples, load
from genmodels.training import Hook, Optimizer, Update


class Point(Model):
    """N(mean, 1) in one dimension, of which the mean is learned; it knows how often it was asked for a density."""

    cannot = {"encode": "there is nothing behind a point"}  # noqa: RUF012

    def __init__(self, start: float = 0.0, names: Any = ("a", "b"), lr: float = 0.1) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.tensor([start]))
        self.lr = lr
        self.asked: list[Tensor] = []
        self.trained_on: list[Tensor] = []

    def loss(self, x: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        self.trained_on.append(x)
        return (0.5 * (x - self.mean) ** 2).mean(), {}

    def updates(self) -> list[Update]:
        return [Update("point", self.loss, self.parameters(), Optimizer(lr=self.lr))]

    def log_prob(self, x: Tensor, *, samples: int = 1, generator: torch.Generator | None = None) -> LogProb:
        self.asked.append(x)
        return LogProb(-0.5 * (x - self.mean).square().sum(1) - 0.5 * math.log(2 * math.pi), "exact")


class Mute(Model):
    """A model of which nothing is known but its one weight."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.arange(float(size)))


# ------------------------------------------------------------------------------------------------------------- arguments


def test_arguments_are_recorded_with_their_defaults() -> None:
    assert Point(2.0).arguments == {"start": 2.0, "names": ("a", "b"), "lr": 0.1}
    assert Point(names=["x", ["y", 1]]).arguments["names"] == ("x", ("y", 1))  # lists become tuples
    assert repr(Point(lr=0.5)) == "Point(start=0.0, names=('a', 'b'), lr=0.5)  # 1 parameters"


def test_arguments_that_cannot_be_recorded_are_refused() -> None:
    for value in (torch.ones(2), {"a": 1}, nn.Linear(1, 1), (1, torch.ones(1))):
        with pytest.raises(TypeError, match=r"Point: names=.* cannot be recorded; arguments are numbers, strings and tuples"):
            Point(names=value)


def test_tied_parameters_count_once() -> None:
    model = Mute(3)
    model.again = model.weight
    assert model.num_parameters == 3


# ---------------------------------------------------------------------------------------------------------- not supported


def test_what_is_missing_gives_its_reason() -> None:
    with pytest.raises(NotSupported, match=r"^Point has no encode\(\): there is nothing behind a point$"):
        Point().encode  # noqa: B018
    for name in ("sample", "log_prob", "encode", "decode", "reconstruct", "interpolate"):
        with pytest.raises(NotSupported, match=rf"^Mute has no {name}\(\): it (does not|has no) \w+"):
            getattr(Mute(1), name)
    with pytest.raises(AttributeError, match="'Mute' object has no attribute 'speak'") as refused:
        Mute(1).speak  # noqa: B018
    assert not isinstance(refused.value, NotSupported)
    assert isinstance(Point(), Density)
    assert not isinstance(Point(), Samples | Autoencodes | Interpolates)


def test_a_model_without_updates_cannot_be_trained() -> None:
    with pytest.raises(NotImplementedError, match="Mute does not say how it is trained"):
        Mute(1).fit(torch.zeros(4, 1), steps=1)


# ----------------------------------------------------------------------------------------------------------- save and load


def reseal(folder: Path, config: Any) -> None:
    """Give a saved model another config, with checksums that agree."""
    weights = (folder / "model.safetensors").read_bytes()
    storage.write_folder(folder, {"config.json": storage.to_json(config), "model.safetensors": weights})


def test_load_gives_back_class_arguments_and_weights(tmp_path: Path) -> None:
    model = Point(3.5, names=("x", ("y",)))
    model.save(tmp_path)
    for loaded in (load(tmp_path), Model.load(tmp_path), Point.load(tmp_path)):
        assert isinstance(loaded, Point)
        assert loaded.arguments == model.arguments
        assert loaded.mean.item() == 3.5
        assert not loaded.training
    with pytest.raises(TypeError, match="holds a Point, not a Mute"):
        Mute.load(tmp_path)


def test_load_of_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="nothing: there is no such folder"):
        load(tmp_path / "nothing")


def test_weights_are_loaded_not_the_initial_ones(tmp_path: Path) -> None:
    model = Mute(2)
    with torch.no_grad():
        model.weight.copy_(torch.tensor([-1.0, 7.0]))
    model.save(tmp_path)
    assert Mute.load(tmp_path).weight.tolist() == [-1.0, 7.0]


@pytest.mark.parametrize(
    "named",
    [
        "os:system",
        "subprocess:Popen",
        "builtins:exec",
        "this:s",
        "genmodels.storage:write_bytes",
        "genmodels.training:fit",
        "genmodels.autoencoders.vae:torch",
        "genmodels.autoencoders.vae:VAE.load",
        "genmodelsevil.vae:VAE",
        "",
    ],
)
def test_load_runs_no_code(named: str, tmp_path: Path) -> None:
    Mute(1).save(tmp_path)
    reseal(tmp_path, {"model": named, "arguments": {"command": f"touch {tmp_path}/touched", "args": ["touch", "touched"]}})
    sys.modules.pop("this", None)
    with pytest.raises(storage.StorageError, match="there is no model"):
        load(tmp_path)
    assert not (tmp_path / "touched").exists()
    assert "this" not in sys.modules  # not even imported


def test_load_of_a_module_that_is_no_more(tmp_path: Path) -> None:
    Mute(1).save(tmp_path)
    reseal(tmp_path, {"model": "genmodels.nowhere:Model", "arguments": {}})
    with pytest.raises(storage.StorageError, match="there is no model"):
        load(tmp_path)


def test_a_config_changed_by_hand_is_refused(tmp_path: Path) -> None:
    Mute(2).save(tmp_path)
    config = tmp_path / "config.json"
    config.write_bytes(config.read_bytes().replace(b"2", b"3"))
    with pytest.raises(storage.Corrupt, match=r"config\.json"):
        load(tmp_path)


def test_weights_of_other_shapes_are_refused(tmp_path: Path) -> None:
    Mute(2).save(tmp_path)
    reseal(tmp_path, {"model": f"{Mute.__module__}:Mute", "arguments": {"size": 3}})
    with pytest.raises(
        storage.StorageError, match=r"model\.safetensors: weight is \(2,\) there, and \(3,\) in a Mute made now"
    ):
        load(tmp_path)


def test_weights_of_other_names_are_refused(tmp_path: Path) -> None:
    Mute(2).save(tmp_path)
    files = dict(storage.read_folder(tmp_path).files)
    files["model.safetensors"] = storage.pack_tensors({"heavy": torch.zeros(2)})
    storage.write_folder(tmp_path, files)
    with pytest.raises(storage.StorageError, match=r"heavy is \(2,\) there, and missing in a Mute .* train it again"):
        load(tmp_path)


def test_a_fitted_model_and_its_saved_self_compute_alike(tmp_path: Path) -> None:
    """In another memory layout a convolution rounds otherwise: the same weights would give other bits."""
    model = VAE(shape=(1, 8, 8), latent=2, width=4)
    model.fit(torch.rand(8, 1, 8, 8), steps=1, precision="fp32", device="cpu")
    model.save(tmp_path)
    loaded = VAE.load(tmp_path)
    assert [p.stride() for p in loaded.parameters()] == [p.stride() for p in model.parameters()]


# --------------------------------------------------------------------------------------------------------------------- fit


def numbers(n: int) -> Tensor:
    return torch.arange(float(n)).view(n, 1)


def test_a_share_is_held_out_and_judged() -> None:
    model = Point(lr=0.0)
    fitted = model.fit(numbers(40), steps=6, batch_size=5, held_out=0.25, device="cpu", precision="fp32")
    trained = {x.item() for batch in model.trained_on for x in batch}
    judged = [x.item() for batch in model.asked for x in batch]
    assert len(judged) == len(set(judged)) == 10
    assert trained | set(judged) == set(range(40))
    assert not trained & set(judged)
    by_hand = sum(0.5 * x * x + 0.5 * math.log(2 * math.pi) for x in judged) / 10
    assert fitted.figures["validation/nats"] == pytest.approx(by_hand, rel=1e-5)


def test_nothing_is_held_out_on_request_or_without_a_density() -> None:
    model = Point()
    assert (
        "validation/nats"
        not in model.fit(numbers(8), steps=2, batch_size=4, held_out=0.0, device="cpu", precision="fp32").figures
    )
    assert {x.item() for batch in model.trained_on for x in batch} == set(range(8))
    gan = WGANGP(shape=(1,), width=4)
    assert "validation/nats" not in gan.fit(numbers(8), steps=1, held_out=0.5, device="cpu", precision="fp32").figures


def test_fit_without_a_folder_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Point().fit(numbers(8), steps=2, device="cpu", precision="fp32")
    assert list(tmp_path.iterdir()) == []


def test_fit_in_a_folder_saves_the_model_and_goes_on(tmp_path: Path) -> None:
    whole, part, rest = Point(), Point(), Point()
    whole.fit(numbers(20), steps=12, batch_size=4, device="cpu", precision="fp32")
    part.fit(numbers(20), steps=5, batch_size=4, device="cpu", precision="fp32", folder=tmp_path)
    assert Point.load(tmp_path).mean.item() == part.mean.item()
    fitted = rest.fit(numbers(20), steps=12, batch_size=4, device="cpu", precision="fp32", folder=tmp_path)
    assert fitted.steps == 12
    assert len(rest.trained_on) == 7
    assert rest.mean.item() == whole.mean.item() != part.mean.item()
    assert Point.load(tmp_path).mean.item() == whole.mean.item()


def test_fit_passes_hooks_on() -> None:
    seen: list[int] = []
    Point().fit(numbers(8), steps=5, device="cpu", precision="fp32", hooks=[Hook(2, lambda step: seen.append(step))])
    assert seen == [2, 4, 5]


def test_a_folder_of_another_model_is_refused_and_left_alone(tmp_path: Path) -> None:
    """Also where every shape agrees: a run that began with one beta does not go on with another."""
    data = torch.rand(8, 1, 8, 8)
    VAE(shape=(1, 8, 8), latent=2, width=4, beta=1.0).fit(data, steps=1, folder=tmp_path, device="cpu", precision="fp32")
    before = storage.read_folder(tmp_path).files
    with pytest.raises(ValueError, match=r"'beta': 1\.0.*beta=9\.0.*another folder"):
        VAE(shape=(1, 8, 8), latent=2, width=4, beta=9.0).fit(data, steps=2, folder=tmp_path, device="cpu", precision="fp32")
    assert storage.read_folder(tmp_path).files == before
