"""The report of a run: one well-formed file that holds what is in the run folder."""

import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import torch

import envs
from genmodels.autoencoders import VAE
from genmodels.distributions import GaussianMixture
from genmodels.dynamics import MDNRNN
from genmodels.viz import uniform_distance
from worldmodels import after_training, evaluate, report
from worldmodels.run import Run
from worldmodels.types import Episode

EMPTY = {"meta", "img", "br", "hr", "link", "input"}


class Reader(HTMLParser):
    """Every element closed in turn, and every address that the page names."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.addresses: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs), f"{tag} has an attribute twice"
        self.addresses += [value or "" for name, value in attrs if name in ("src", "href", "data", "poster")]
        if tag == "img":
            assert dict(attrs).get("alt"), "a picture without words for it"
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


@pytest.fixture(scope="module")
def html(trained: Path) -> str:
    return (trained / "report.html").read_text()


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    return reader


def episode(length: int, seed: int = 0, end: bool = True) -> Episode:
    random = np.random.default_rng(seed)
    obs = random.integers(0, 256, (length + 1, 16, 16, 3), np.uint8)
    act = random.uniform(-1.0, 1.0, (length, 2)).astype(np.float32)
    return Episode(obs, act, random.standard_normal(length).astype(np.float32), end, not end)


def test_it_is_well_formed_and_stands_alone(html: str) -> None:
    found = read(html)
    assert not found.open
    assert html.startswith("<!DOCTYPE html>")
    assert found.addresses
    assert all(address.startswith("data:") for address in found.addresses)
    assert not re.search(r"https?://|@import|url\(|<script", html)


def test_it_says_what_was_asked_and_what_came_out(html: str, trained: Path) -> None:
    text = " ".join(read(html).text)
    meta = json.loads((trained / "meta.json").read_text())
    assert meta["command"] in text
    assert meta["versions"]["torch"] in text
    for name, score in evaluate.read(trained / "evaluation.jsonl").items():
        row = re.search(rf'<th scope="row">{name}</th>(.*)</tr>', html)
        assert row is not None
        assert re.findall(r">([^<]+)</td>", row[1])[0] == f"{score.mean:.1f}"
        assert re.findall(r">([^<]+)</td>", row[1])[-1] == str(len(score.returns))
    for part in ("V: what it keeps", "M: what it foresees", "Learning", "every setting"):
        assert part in text


def test_it_is_the_last_stage_of_every_run(trained: Path) -> None:
    run = Run.open(trained, quiet=True)
    assert run.done[-1]["stage"] == "report"
    assert 0.0 < run.done[-1]["pit_ks"] <= 1.0
    assert (trained / "videos" / "report.mp4").exists()


def test_what_is_played_for_it_is_whole_and_not_longer_than_allowed(trained: Path) -> None:
    run = Run.open(trained, quiet=True)
    episodes = report.play(run, envs.make, after_training.agent(run))
    assert len(episodes) == report.SLOTS
    assert all(one.end or one.length == report.LENGTH for one in episodes)
    assert all(one.end != one.trunc for one in episodes)
    again = report.play(run, envs.make, after_training.agent(run))
    assert all(np.array_equal(a.obs, b.obs) for a, b in zip(episodes, again, strict=True))


def test_an_episode_told_again_is_the_same() -> None:
    one = episode(5)
    told = list(report.retold(one))
    assert np.array_equal(np.concatenate([step.obs for step in told]), one.obs[:-1])
    assert np.array_equal(np.concatenate([step.after for step in told]), one.obs[1:])
    assert [bool(step.first[0]) for step in told] == [True] + [False] * 4
    assert [bool(step.end[0]) for step in told] == [False] * 4 + [True]
    assert bool(list(report.retold(episode(2, end=False)))[-1].trunc[0])


def test_what_m_foresees_is_taken_step_by_step() -> None:
    """Against one prediction after the other; V's drawn latents are the same for a seed."""
    torch.manual_seed(0)
    vision, memory, one = VAE((3, 16, 16), 3, 4).eval(), MDNRNN(3, 2, 8).eval(), episode(6)
    values = report.pit(vision, memory, one, 4)
    with torch.no_grad():
        images = torch.from_numpy(one.obs).permute(0, 3, 1, 2).float() / 255.0
        z = vision.encode(images).sample(torch.Generator().manual_seed(4))
        state = memory.initial(1)
        for t in range(6):
            prediction, state = memory.predict(z[t : t + 1], torch.from_numpy(one.act[t : t + 1]), state)
            assert values[t] == pytest.approx(prediction.z.cdf(z[t + 1 : t + 2])[0].numpy(), abs=1e-5)


def test_a_memory_that_is_right_has_a_flat_histogram() -> None:
    random = torch.Generator().manual_seed(0)
    logits, mean, log_sd = (torch.randn(2000, 3, 4, generator=random) for _ in range(3))
    right = GaussianMixture(logits, mean, log_sd)
    came = right.sample(random)
    sure = GaussianMixture(logits, mean, log_sd - 2.0)
    assert uniform_distance(right.cdf(came).clamp(0.0, 1.0).numpy()) < 0.025
    assert uniform_distance(sure.cdf(came).clamp(0.0, 1.0).numpy()) > 0.1
