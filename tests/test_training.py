"""The one loop: what it owns, it owns for every model."""

import json
import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from genmodels import checkpoints, storage, training
from genmodels.training import Diverged, Hook, Optimizer, Shuffled, Update, fit


class Quadratic(nn.Module):
    """(w - target)^2, and a buffer that counts how often it was asked."""

    asked: Tensor

    def __init__(self, start: float = 0.0, target: float = 1.0) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.tensor([[start]]))
        self.target = target
        self.register_buffer("asked", torch.tensor(0.0))

    def loss(self, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        self.asked += 1
        return (self.w - self.target).square().sum() + 0 * batch.sum(), {"w": self.w.item()}


def ones(step: int) -> Tensor:
    return torch.ones(2)


def checkpoint(folder: Path) -> storage.Sealed:
    found = checkpoints.load(folder / "checkpoints")
    assert found is not None
    return found


def test_it_needs_an_end() -> None:
    model = Quadratic()
    with pytest.raises(ValueError, match="steps= or minutes="):
        fit(model, [Update("w", model.loss, model.parameters())], ones)


def test_without_a_folder_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    model = Quadratic()
    fitted = fit(model, [Update("w", model.loss, model.parameters(), Optimizer(lr=0.1))], ones, steps=100)
    assert list(tmp_path.iterdir()) == []
    assert fitted.steps == 100
    assert abs(model.w.item() - 1.0) < 0.05


def test_adam_takes_the_step_computed_by_hand() -> None:
    model = Quadratic(start=0.0, target=1.0)
    fit(model, [Update("w", model.loss, model.parameters(), Optimizer(lr=0.1))], ones, steps=1)
    assert model.w.item() == pytest.approx(0.1)  # the first step of Adam has the length of the rate, against the gradient


def test_the_rate_follows_its_schedule() -> None:
    model, ends = Quadratic(target=100.0), []
    update = Update("w", model.loss, model.parameters(), Optimizer(lr=0.1, warmup=2, decay="linear"))
    hook = Hook(1, lambda step: ends.append(model.w.item()))
    fit(model, [update], ones, steps=4, precision="fp32", hooks=[hook])
    taken = [after - before for before, after in zip([0.0, *ends], ends, strict=False)]
    # far from the target every step of Adam has the length of the rate: half of it warming up, then 3/4, 1/2 and 1/4
    assert taken == pytest.approx([0.05, 0.075, 0.05, 0.025], rel=1e-2)


def test_minutes_end_it() -> None:
    model = Quadratic()

    def slow(step: int) -> Tensor:
        time.sleep(0.01)
        return torch.ones(2)

    fitted = fit(model, [Update("w", model.loss, model.parameters())], slow, minutes=0.5 / 60, precision="fp32")
    assert 0.5 <= fitted.seconds < 1.5
    assert 5 < fitted.steps < 60


def test_each_update_comes_in_its_turn_on_the_batch_of_its_step() -> None:
    seen: list[tuple[str, float]] = []

    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))

        def loss(self, name: str, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
            seen.append((name, batch.item()))
            return (self.a + self.b - batch).square().sum(), {}

    model = Two()
    updates = [
        Update("a", lambda batch: model.loss("a", batch), [model.a]),
        Update("b", lambda batch: model.loss("b", batch), [model.b], every=3),
    ]
    fit(model, updates, lambda step: torch.tensor(float(step)), steps=7, precision="fp32")
    assert seen == [("a", 0), ("a", 1), ("a", 2), ("b", 2), ("a", 3), ("a", 4), ("a", 5), ("b", 5), ("a", 6)]


def test_noise_is_a_function_of_seed_and_step_and_the_callers_stream_is_untouched() -> None:
    def drawn(seed: int) -> list[float]:
        noise: list[float] = []
        model = Quadratic()

        def loss(batch: Tensor) -> tuple[Tensor, dict[str, float]]:
            noise.append(torch.randn(()).item())
            return model.loss(batch)

        fit(model, [Update("w", loss, model.parameters())], ones, steps=5, seed=seed, precision="fp32")
        return noise

    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    first = drawn(0)
    assert torch.equal(torch.rand(3), expected)
    assert drawn(0) == first
    assert len(set(first)) == 5
    assert set(drawn(1)).isdisjoint(first)


class Poisoned(Quadratic):
    """Not a number at chosen calls."""

    def __init__(self, bad: set[int]) -> None:
        super().__init__()
        self.bad, self.call = bad, 0

    def loss(self, batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        self.call += 1
        loss, figures = super().loss(batch)
        return loss * (math.nan if self.call in self.bad else 1.0), figures


def test_a_step_without_a_finite_loss_is_as_if_it_had_not_been(tmp_path: Path) -> None:
    poisoned, clean = Poisoned(bad={4, 5, 9}), Quadratic()
    spared = fit(
        poisoned, [Update("w", poisoned.loss, poisoned.parameters())], ones, steps=10, precision="fp32", folder=tmp_path
    )
    fit(clean, [Update("w", clean.loss, clean.parameters())], ones, steps=7, precision="fp32")
    assert spared.skipped == 3
    assert poisoned.w.item() == clean.w.item()
    assert poisoned.asked.item() == 7
    assert checkpoint(tmp_path).json("training.json")["skipped"] == 3


def test_an_infinite_gradient_counts_as_well_as_an_infinite_loss() -> None:
    model = Quadratic(start=0.0)

    def loss(batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        return model.w.sum().sqrt(), {}  # 0 at 0, with slope infinity

    assert fit(model, [Update("w", loss, model.parameters())], ones, steps=3, precision="fp32").skipped == 3
    assert model.w.item() == 0.0


def test_ten_in_a_row_stop_the_run_with_the_last_good_checkpoint(tmp_path: Path) -> None:
    model = Poisoned(bad=set(range(31, 100)))
    hook = Hook(20, lambda step: {"score": 0.0}, score="score")  # a checkpoint at step 20
    with pytest.raises(Diverged, match=r"10 in a row .* up to step 40; .*step-00000020.*lower learning rate"):
        fit(
            model,
            [Update("w", model.loss, model.parameters())],
            ones,
            steps=100,
            precision="fp32",
            folder=tmp_path,
            hooks=[hook],
        )
    clean = Quadratic()
    fit(clean, [Update("w", clean.loss, clean.parameters())], ones, steps=20, precision="fp32")
    assert model.w.item() == clean.w.item()


def test_nine_in_a_row_do_not() -> None:
    model = Poisoned(bad=set(range(3, 12)) | set(range(13, 22)))
    assert fit(model, [Update("w", model.loss, model.parameters())], ones, steps=30, precision="fp32").skipped == 18


def test_one_objective_that_stays_sick_is_seen_though_the_other_is_well() -> None:
    model = Quadratic()
    other = nn.Parameter(torch.zeros(1))
    model.register_parameter("other", other)
    sick = Update("sick", lambda batch: ((other * math.nan).sum(), {}), [other])
    with pytest.raises(Diverged, match="'sick'"):
        fit(model, [Update("well", model.loss, [model.w]), sick], ones, steps=30, precision="fp32")


def test_hooks_see_the_average_in_eval_mode_without_gradients() -> None:
    model, seen = Quadratic(), []

    def look(step: int) -> Mapping[str, float]:
        seen.append((step, model.training, torch.is_grad_enabled(), model.w.item()))
        return {}

    update = Update("w", model.loss, model.parameters(), Optimizer(lr=0.1), ema=0.9)
    fit(model, [update], ones, steps=7, precision="fp32", hooks=[Hook(3, look)])
    plain = Quadratic()
    average, values = 0.0, []
    fit(
        plain,
        [Update("w", plain.loss, plain.parameters(), Optimizer(lr=0.1))],
        ones,
        steps=7,
        precision="fp32",
        hooks=[Hook(1, lambda step: values.append(plain.w.item()))],
    )
    averages = []
    for taken, value in enumerate(values, start=1):
        decay = min(0.9, (1 + taken) / (10 + taken))
        average = decay * average + (1 - decay) * value
        averages.append(average)
    assert [entry[:3] for entry in seen] == [(3, False, False), (6, False, False), (7, False, False)]
    assert [entry[3] for entry in seen] == pytest.approx([averages[2], averages[5], averages[6]], rel=1e-5)
    assert model.w.item() == pytest.approx(averages[6], rel=1e-5), "the model ends as its average"


def test_the_checkpoint_of_the_best_score_is_kept(tmp_path: Path) -> None:
    model = Quadratic()
    scores = {10: 3.0, 20: 1.0, 30: 2.0, 40: 5.0, 50: 6.0, 60: 7.0}
    hook = Hook(10, lambda step: {"score": scores[step]}, score="score")
    fit(model, [Update("w", model.loss, model.parameters())], ones, steps=60, folder=tmp_path, hooks=[hook])
    best = checkpoints.load(tmp_path / "checkpoints", best=True)
    assert best is not None
    assert best.facts == {"step": 20, "score": 1.0}
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["step-00000020", "step-00000040", "step-00000050", "step-00000060"]


def test_a_best_score_at_the_very_end_is_kept_too(tmp_path: Path) -> None:
    model = Quadratic()
    hooks = [Hook(10, lambda step: {"score": -float(step)}, score="score"), Hook(7, lambda step: {"other": 0.0})]
    fit(model, [Update("w", model.loss, model.parameters())], ones, steps=31, folder=tmp_path, hooks=hooks)
    best = checkpoints.load(tmp_path / "checkpoints", best=True)
    assert best is not None
    assert best.facts == {"step": 31, "score": -31.0}


def test_a_score_that_is_not_a_number_is_no_score(tmp_path: Path) -> None:
    model = Quadratic()
    hook = Hook(10, lambda step: {"score": math.nan if step > 10 else 5.0}, score="score")
    fit(model, [Update("w", model.loss, model.parameters())], ones, steps=30, folder=tmp_path, hooks=[hook])
    best = checkpoints.load(tmp_path / "checkpoints", best=True)
    assert best is not None
    assert best.facts == {"step": 10, "score": 5.0}


def test_what_a_loss_is_a_mean_over_is_asked_after_the_loss() -> None:
    """Which may have made it: a policy's own texts."""
    model, asked = Quadratic(), []

    def loss(batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        asked.append("loss")
        return model.loss(batch)

    def weight(batch: Tensor) -> float:
        asked.append("weight")
        return 1.0

    fit(model, [Update("w", loss, model.parameters(), weight=weight)], ones, steps=2, precision="fp32", quiet=True)
    assert asked == ["loss", "weight"] * 2


def test_precision_is_measured_once_recorded_and_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    used: list[bool] = []
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))

    def loss(batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        used.append(torch.is_autocast_enabled("cpu"))
        return model(batch).square().sum(), {}

    def train(steps: int) -> training.Fitted:
        return fit(model, [Update("w", loss, model.parameters())], lambda step: torch.rand(3, 4), steps=steps, folder=tmp_path)

    monkeypatch.setattr(training, "BF16_WORTH", 1e9)  # whatever it costs
    assert train(2).precision == "bf16"
    assert used[0] is False
    assert set(used[-2:]) == {True}
    monkeypatch.setattr(training, "BF16_WORTH", 0.0)
    used.clear()
    assert train(4).precision == "bf16"
    assert used == [True, True], "a resumed run measures nothing"


def test_measuring_precision_leaves_no_trace() -> None:
    def trained(precision: training.Precision) -> dict[str, Tensor]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Dropout(0.5), nn.Linear(4, 1))

        def loss(batch: Tensor) -> tuple[Tensor, dict[str, float]]:
            return model(batch).square().mean(), {}

        batches = Shuffled(torch.randn(64, 4, generator=torch.Generator().manual_seed(0)), 8)
        fit(model, [Update("w", loss, model.parameters())], batches, steps=3, precision=precision)
        return model.state_dict()

    chosen = trained("auto")
    assert any(
        all(torch.equal(chosen[name], value) for name, value in trained(precision).items()) for precision in ("fp32", "bf16")
    )


def test_another_run_in_the_folder_is_refused(tmp_path: Path) -> None:
    def train(model: nn.Module, name: str = "w", seed: int = 0) -> None:
        update = Update(name, lambda batch: (sum(p.square().sum() for p in model.parameters()), {}), model.parameters())  # type: ignore[misc,return-value]
        fit(model, [update], ones, steps=3, folder=tmp_path, seed=seed)

    train(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="its seed is 0, not 1"):
        train(nn.Linear(2, 2), seed=1)
    with pytest.raises(ValueError, match=r"its updates is \['w'\], not \['v'\]"):
        train(nn.Linear(2, 2), name="v")
    with pytest.raises(ValueError, match="its parameters is"):
        train(nn.Linear(2, 3))


def test_a_second_process_on_the_folder_is_refused(tmp_path: Path) -> None:
    model = Quadratic()
    with storage.lock(tmp_path), pytest.raises(storage.Locked, match=str(tmp_path)):
        fit(model, [Update("w", model.loss, model.parameters())], ones, steps=3, folder=tmp_path)


def test_metrics_are_means_over_the_steps_since_the_last_line(tmp_path: Path) -> None:
    model = Quadratic()

    def loss(batch: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        return model.w.square().sum(), {"step": batch.sum()}

    def batches(step: int) -> Tensor:
        return torch.tensor([float(step)])

    hooks = [Hook(40, lambda step: {"validation/nats": 2.0})]
    fit(model, [Update("w", loss, model.parameters())], batches, steps=60, folder=tmp_path, hooks=hooks)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [25, 40, 50, 60, 60]
    assert lines[0]["w/step"] == sum(range(25)) / 25
    assert lines[2]["w/step"] == sum(range(25, 50)) / 25
    assert lines[1].keys() == lines[3].keys() == {"step", "seconds", "validation/nats"}
    assert lines[4]["w/step"] == sum(range(50, 60)) / 10
    assert {"w/loss", "w/grad_norm"} < lines[0].keys()
    assert list((tmp_path / "tb").glob("events*"))


def test_bytes_are_images_and_convolutions_are_laid_out_for_speed() -> None:
    layouts, values = [], []
    model = nn.Conv2d(3, 4, 3)

    def loss(batch: Tensor) -> tuple[Tensor, dict[str, float]]:
        layouts.append([x.is_contiguous(memory_format=torch.channels_last) for x in (batch, model.weight)])
        values.append(batch.max().item())
        return model(batch).square().mean(), {}

    images = torch.full((2, 3, 8, 8), 255, dtype=torch.uint8)
    fit(model, [Update("w", loss, model.parameters())], lambda step: images, steps=2, precision="fp32")
    assert layouts == [[True, True], [True, True]]
    assert values == [1.0, 1.0]
    assert model.weight.is_contiguous(), "and left as a file would give them back"


@pytest.fixture
def other_thread() -> Iterator[list[BaseException]]:
    """A place for what goes wrong in a thread."""
    errors: list[BaseException] = []
    yield errors
    assert errors == []


def test_it_runs_in_a_thread_where_no_signal_can_be_caught(other_thread: list[BaseException]) -> None:
    model = Quadratic()

    def work() -> None:
        try:
            fit(model, [Update("w", model.loss, model.parameters(), Optimizer(lr=0.1))], ones, steps=3, precision="fp32")
        except BaseException as error:
            other_thread.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert model.w.item() != 0.0


SLOW_HOOK = """
import sys, time, torch
from genmodels.training import Hook, Update, fit
model = torch.nn.Linear(1, 1)
def loss(batch):
    return model(batch).square().sum(), {}
def slow(step):
    print("in the hook", flush=True)
    time.sleep(60)
update = Update("w", loss, model.parameters())
folder = None if sys.argv[1] == "None" else sys.argv[1]
fit(model, [update], lambda step: torch.ones(1, 1), steps=10**9, folder=folder, hooks=[Hook(7, slow)])
"""


@pytest.mark.parametrize("with_folder", [True, False])
def test_a_long_hook_does_not_keep_it_from_leaving(tmp_path: Path, with_folder: bool) -> None:
    command = [sys.executable, "-c", SLOW_HOOK, str(tmp_path) if with_folder else "None"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline() == "in the hook\n"
        asked = time.monotonic()
        process.send_signal(signal.SIGTERM)
        err = process.stderr.read()
        assert process.wait() == 128 + signal.SIGTERM
    assert time.monotonic() - asked < 5.0
    assert "Traceback" not in err
    assert ("nothing saved" in err) != with_folder
    if with_folder:
        saved = checkpoint(tmp_path).json("training.json")
        assert (saved["done"], saved["called"]) == (7, [0]), "the hook of step 7 is still to be called"


def test_plain_lines_where_there_is_no_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    model = Quadratic()
    fit(model, [Update("w", model.loss, model.parameters())], ones, steps=30, precision="fp32")
    out, err = capfd.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert err.startswith("step 30 of 30")
    assert "w/loss" in err


def test_weights_of_one_channel_lie_as_convolutions_read_them_and_in_the_end_as_files_do() -> None:
    """The strides of an axis of one are free, but PyTorch chooses a convolution's layout by them."""
    network = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.Conv2d(4, 2, 1))

    def loss(x: torch.Tensor) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        meanwhile.append([layer.weight.stride() for layer in network])
        return network(x).square().mean(), {}

    meanwhile: list[list[tuple[int, ...]]] = []
    fit(network, [Update("network", loss, network.parameters())], lambda step: torch.rand(2, 1, 8, 8), steps=2, quiet=True)
    assert meanwhile[-1] == [(9, 1, 3, 1), (4, 1, 4, 4)]
    assert [layer.weight.stride() for layer in network] == [(9, 9, 3, 1), (4, 1, 1, 1)]
