"""Pictures of attention, pixel by pixel, and the page of a text."""

import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from genmodels.language import BERT, GPT
from genmodels.nn import attention_weights
from genmodels.viz import attention_maps, attention_page
from genmodels.viz.attention_maps import _LEVELS


def colour(code: str) -> list[int]:
    return [*bytes.fromhex(code)]


PAPER, INK = colour("eceef0"), colour("4269a5")


def causal(layers: int, heads: int, places: int) -> Tensor:
    scores = torch.randn(layers, heads, places, places, generator=torch.Generator().manual_seed(0))
    return scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -torch.inf).softmax(-1)


def test_layers_go_down_and_heads_go_right() -> None:
    weights = torch.zeros(2, 3, 2, 2)
    weights[1, 2, 1, 0] = 1.0
    weights[0, 1, 0, 1] = 0.25
    picture = attention_maps(weights, padding=1)[::8, ::8].astype(int)  # each number is 8 x 8 pixels
    assert picture.shape == (5, 8, 3)
    assert picture[4, 6].tolist() == INK
    assert picture[0, 4].tolist() == pytest.approx([(a + b) / 2 for a, b in zip(PAPER, INK, strict=True)], abs=0.51)
    assert (picture[2] == 255).all(), "maps stand apart"
    rest = [(y, x) for y in (0, 1, 3, 4) for x in (0, 1, 3, 4, 6, 7) if (y, x) not in ((4, 6), (0, 4))]
    assert all(picture[place].tolist() == PAPER for place in rest)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        (torch.rand(2, 3, 4), r"weights: \(layers, heads, T, S\), not \(2, 3, 4\)"),
        (torch.rand(2, 0, 4, 4), r"weights: \(layers, heads, T, S\), not \(2, 0, 4, 4\)"),
        (torch.full((1, 1, 2, 2), 1.5), "weights: shares from 0 to 1, these go from 1.5 to 1.5"),
        (torch.full((1, 1, 2, 2), torch.nan), "weights: shares from 0 to 1"),
    ],
)
def test_what_are_no_weights_is_refused(weights: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        attention_maps(weights)
    with pytest.raises(ValueError, match=message):
        attention_page(["a", "b"], weights)


class Page(HTMLParser):
    """The tokens, the maps, and the tags of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.inside: dict[str, list[str]] = {"span": [], "i": [], "option": [], "title": []}
        self.open: str = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)
        self.open = tag
        if tag in self.inside:
            self.inside[tag].append("")

    def handle_endtag(self, tag: str) -> None:
        self.open = ""

    def handle_data(self, data: str) -> None:
        if self.open in self.inside:
            self.inside[self.open][-1] += data


def test_the_page_holds_the_tokens_and_the_weights() -> None:
    weights, tokens = causal(2, 3, 4), ["To", " be", "\n", ""]
    page = Page(attention_page(tokens, weights, title="Two < three"))
    assert page.inside["span"] == ["To", " be", "↵\n", "·"]
    assert page.inside["title"] == ["Two < three"]
    assert page.inside["option"] == ["1", "2", "all", "1", "2", "3"]
    maps = [each.split(" ") for each in page.inside["i"]]
    assert len(maps) == 2 * (1 + 3)
    assert page.attributes["data-levels"] == _LEVELS
    for layer in range(2):
        expected = [weights[layer].mean(0), *weights[layer]]
        for found, of_head in zip(maps[4 * layer : 4 * layer + 4], expected, strict=True):
            assert [len(row) for row in found] <= [1, 2, 3, 4], "nothing is written of what a place cannot see"
            levels = np.zeros((4, 4))
            for row, letters in enumerate(found):
                levels[row, : len(letters)] = [_LEVELS.index(letter) / 63 for letter in letters]
            assert np.abs(levels - of_head.sqrt().numpy()).max() <= 0.5 / 63 + 1e-6


def test_what_a_token_says_is_text() -> None:
    evil = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</div>", "&amp;", "{x}", "</i>"]
    page = attention_page(evil, torch.full((1, 1, 6, 6), 1 / 6), title="</title><script>")
    parsed = Page(page)
    assert parsed.inside["span"] == evil
    assert parsed.tags.count("script") == 1
    assert "img" not in parsed.tags


def test_the_page_stands_alone_and_is_small() -> None:
    page = attention_page(list("abcdefgh" * 8), causal(6, 8, 64))
    assert not re.search(r"https?:|//|src=|href=|@import|url\(", page.replace(_LEVELS, ""))
    assert len(page.encode()) < 130_000  # 54 maps of half of 64 x 64, a letter for each weight


def test_a_page_is_of_as_many_tokens_as_the_weights() -> None:
    with pytest.raises(ValueError, match=r"weights: of 3 tokens \(layers, heads, 3, 3\), not \(1, 1, 2, 2\)"):
        attention_page(["a", "b", "c"], torch.full((1, 1, 2, 2), 0.5))


@pytest.mark.parametrize("model", ["gpt", "bert"])
def test_models_of_text_are_drawn(model: str) -> None:
    torch.manual_seed(0)
    sizes: dict[str, Any] = {"tokens": 7, "width": 16, "layers": 3, "heads": 2, "length": 12}
    x = torch.arange(10)[None] % 7
    if model == "gpt":
        gpt = GPT(**sizes).eval()
        with attention_weights(gpt) as found:
            gpt.begin(x)
    else:
        bert = BERT(**sizes).eval()
        with attention_weights(bert) as found:
            bert.scan(x, x == 3)
    weights = torch.stack(list(found.values()))[:, 0]
    places = 11 if model == "gpt" else 10  # before its first token a GPT has a place of its own
    assert weights.shape == (3, 2, places, places)
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, 2, places))
    assert weights.triu(1).any().item() == (model == "bert")
    assert attention_maps(weights).shape == (8 * (3 * places + 4), 8 * (2 * places + 2), 3)
    assert attention_page([str(place) for place in range(places)], weights).count("<span") == places
