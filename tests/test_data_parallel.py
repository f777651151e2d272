"""Several processes train what one would: the same gradients on the same batches, whoever computes which rows."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from genmodels import data_parallel
from genmodels.autoencoders import VAE
from genmodels.autoregressive import RNN, BidirectionalRNN
from genmodels.data_parallel import Crew
from genmodels.dynamics import MDNRNN, Window
from genmodels.energy import RBM
from genmodels.flows import RealNVP
from genmodels.gans import WGANGP
from genmodels.language import GPT
from genmodels.language.alignment import supervised
from genmodels.model import Model
from genmodels.storage import pack_tensors, unpack_tensors
from genmodels.training import fit
from genmodels.updates import ActiveUpdate, Update

STEPS = 3


def images(step: int) -> Tensor:
    return torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(step))


def points(step: int) -> Tensor:
    return torch.randn(8, 2, generator=torch.Generator().manual_seed(step))


def windows(step: int) -> Window:
    """The later half of the rows has many steps of padding."""
    random = torch.Generator().manual_seed(step)
    mask = torch.ones(8, 5)
    mask[4:, 2:] = 0.0
    mean, act, rew = (torch.randn(8, *size, generator=random) for size in ((6, 3), (5, 2), (5,)))
    return Window(mean, torch.full_like(mean, -1.0), act, rew, torch.zeros(8, 5), mask)


def padded(step: int) -> tuple[Tensor, Tensor]:
    """The later half of the sequences is short."""
    x = torch.randint(7, (8, 6), generator=torch.Generator().manual_seed(step))
    return x, torch.tensor([6, 6, 5, 6, 2, 1, 2, 2])


def answers(step: int) -> tuple[Tensor, Tensor, Tensor]:
    """The later half of the answers is short."""
    x, lengths = padded(step)
    return x, torch.tensor([1, 1, 2, 1, 1, 0, 1, 1]), lengths


def own(model: Any) -> list[Update]:
    return model.updates()


Case = tuple[Callable[[], Model], Callable[[int], Any], Callable[[Any], list[Update]]]
CASES: dict[str, Case] = {
    "VAE": (lambda: VAE(shape=(1, 8, 8), latent=2, width=4), images, own),
    "MDNRNN": (lambda: MDNRNN(latent=3, actions=2, hidden=8, reward=True, end=True), windows, own),
    "WGANGP": (lambda: WGANGP(shape=(2,), latent=2, width=8, critic_steps=1), points, own),
    "WGANGP of images": (lambda: WGANGP(shape=(1, 8, 8), latent=2, width=4, critic_steps=2), images, own),
    "RNN": (lambda: RNN(size=7, hidden=8, embed=4), padded, own),
    "BidirectionalRNN": (lambda: BidirectionalRNN(size=7, hidden=8, embed=4, hide=0.0), padded, own),
    "GPT of answers": (
        lambda: GPT(tokens=7, width=8, layers=1, heads=2, length=6),
        answers,
        lambda gpt: [supervised(gpt)],
    ),
}


def gradients(name: str) -> dict[str, Tensor]:
    """Every gradient that a short training takes, and the parameters that it ends with."""
    build, batches, updates = CASES[name]
    taken: dict[str, Tensor] = {}
    plain = ActiveUpdate.move

    def move(self: ActiveUpdate, found: list[Tensor | None], norm: Tensor, step: int, share: float) -> None:
        named = zip(self.parameters, found, strict=True)
        taken.update({f"{step} {self.update.name} {key}": each.clone() for key, each in named if each is not None})
        plain(self, found, norm, step, share)

    torch.manual_seed(0)
    model: Model = build()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ActiveUpdate, "move", move)
        fit(model, updates(model), batches, steps=STEPS, precision="fp32", device="cpu", quiet=True)
    return taken


def continued(folder: Path) -> Model:
    """A training that was left and gone on with."""
    model: Model = Model.load(folder) if (folder / "MANIFEST.json").exists() else VAE(shape=(1, 8, 8), latent=2, width=4)
    data = torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    for steps in (2, 5):
        model.fit(data, steps=steps, folder=folder, batch_size=8, precision="fp32", device="cpu")
    return model


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What two processes found, each in files of its own."""
    folder = tmp_path_factory.mktemp("crew")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "TORCHELASTIC_RUN_ID": "a test"}
    processes = [
        subprocess.Popen(
            [sys.executable, __file__, str(folder)],
            env={**os.environ, **common, "RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
            cwd=Path(__file__).parents[1],
        )
        for rank in range(2)
    ]
    assert [process.wait(timeout=180) for process in processes] == [0, 0]
    return folder


@pytest.mark.parametrize("name", CASES)
def test_the_gradients_are_those_of_one_process_on_the_whole_batch(told: Path, name: str) -> None:
    alone = gradients(name)
    for rank in range(2):
        together = unpack_tensors((told / f"{name}-{rank}.safetensors").read_bytes(), name)
        assert together.keys() == alone.keys()
        first = {key for key in alone if key.startswith("0 ")}
        assert len(first) > 3
        for key in first:
            torch.testing.assert_close(together[key], alone[key], atol=1e-5 * max(1.0, alone[key].abs().max()), rtol=0.0)
        for key in alone.keys() - first:  # of parameters that have moved apart by so little
            torch.testing.assert_close(together[key], alone[key], atol=2e-3 * alone[key].abs().max() + 1e-4, rtol=0.0)


def test_all_processes_hold_the_same_bits_and_one_of_them_writes(told: Path) -> None:
    one, other = (unpack_tensors((told / f"kept-{rank}.safetensors").read_bytes(), "kept") for rank in range(2))
    assert one.keys() == other.keys()
    assert all(torch.equal(one[key], other[key]) for key in one)
    saved = Model.load(told / "run").state_dict()
    assert all(torch.equal(saved[key], one[key]) for key in saved)


def test_a_single_process_shares_nothing() -> None:
    batch = torch.arange(6)
    assert Crew().rows(batch) is batch
    assert Crew().hear(b"so") == b"so"
    loss, gradient, figures = Crew().average(torch.tensor(1.0), [torch.ones(2), None], {"a": 2.0}, 3.0)
    assert (loss.item(), gradient[1], figures) == (1.0, None, {"a": 2.0})


def test_rows_are_dealt_in_order_and_whatever_holds_them_stays_what_it_was() -> None:
    window = windows(0)
    one, other = Crew(0, 2).rows(window), Crew(1, 2).rows(window)
    assert isinstance(one, Window)
    assert torch.equal(torch.cat([one.mask, other.mask]), window.mask)
    x = torch.arange(4)
    assert Crew(1, 2).rows({"x": x, "pair": (x, x)})["pair"][1].tolist() == [2, 3]


def test_a_batch_that_cannot_be_shared_alike_is_refused() -> None:
    with pytest.raises(ValueError, match="7 rows cannot be shared by 2 processes alike; take a multiple"):
        Crew(0, 2).rows(torch.zeros(7))


if __name__ == "__main__":
    place, rank = Path(sys.argv[1]), os.environ["RANK"]
    for case in CASES:
        (place / f"{case}-{rank}.safetensors").write_bytes(pack_tensors(gradients(case)))
    (place / f"kept-{rank}.safetensors").write_bytes(pack_tensors(continued(place / "run").state_dict()))


@pytest.mark.parametrize("model", [RealNVP(features=2), RBM((2,), hidden=2)], ids=["flow", "rbm"])
def test_what_is_set_by_a_first_batch_is_set_in_one_process(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of several has other rows of it; they would train other models and average their gradients."""
    x = torch.rand(8, 2)
    with monkeypatch.context() as several:
        several.setattr(data_parallel, "crew", lambda: Crew(0, 2))
        with pytest.raises(RuntimeError, match="first batch, of which each of 2 processes has other rows"):
            model.train().loss(x)  # type: ignore[operator]
    model.loss(x)  # type: ignore[operator]
    monkeypatch.setattr(data_parallel, "crew", lambda: Crew(0, 2))
    model.loss(x)  # type: ignore[operator]
