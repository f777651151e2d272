"""What looks where: the weights of attention as maps side by side, and a page on which a text shows them itself.

Weights are (layers, heads, T, S), each row of S numbers that sum to 1: how much of each place goes into what one place gathers.
`genmodels.nn.attention_weights` gives them for any model that has attention. Most are small, so ink goes with the square root:
a weight of 1/4 is half as dark as one of 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import torch
from torch import Tensor

from genmodels.viz.figure import COLOURS, GRID, Picture
from genmodels.viz.grids import grid

_LEVELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"  # of ink on the page, a letter for each


def attention_maps(weights: Tensor, padding: int = 2) -> Picture:
    """A map for each head, a row of them for each layer, the first above.

    In a map each place that gathers is a row, the first above, and each that is gathered from a column.

    >>> attention_maps(torch.full((2, 3, 5, 5), 0.2)).shape  # 2 x 3 maps of 5 x 5, two apart, enlarged 8 times
    (96, 152, 3)
    """
    ink = _ink(weights).flatten(0, 1)[:, None]  # (N, 1, T, S)
    paper, full = (torch.tensor([*bytes.fromhex(colour[1:])]).view(3, 1, 1) / 255 for colour in (GRID, COLOURS[0]))
    return grid(paper + ink * (full - paper), columns=weights.shape[1], padding=padding)


def attention_page(tokens: Sequence[str], weights: Tensor, title: str = "Attention") -> str:
    """A page (HTML) of T tokens: the one under the pointer shows how much it gathers from each, in one head or all heads' mean.

    A click holds on to a token. The page stands alone: nothing is fetched, and no token is anything but text.

    >>> "two<br>" in attention_page(["two<br>", "words"], torch.full((1, 1, 2, 2), 0.5))
    False
    """
    ink = _ink(weights)
    if ink.shape[2:] != (len(tokens), len(tokens)):
        raise ValueError(
            f"weights: of {len(tokens)} tokens (layers, heads, {len(tokens)}, {len(tokens)}), not {tuple(ink.shape)}"
        )
    every = torch.cat([_ink(weights.mean(1, keepdim=True)), ink], 1)  # (layers, 1 + heads, T, T)
    rows = (every * (len(_LEVELS) - 1)).round().long().tolist()
    maps = [[" ".join(_letters(row) for row in each) for each in layer] for layer in rows]
    heads = '<option value="0">all</option>' + _options(weights.shape[1], first=1)
    text = "".join(f'<span tabindex="0">{_shown(token)}</span>' for token in tokens)
    data = "\n".join(f"<i>{each}</i>" for layer in maps for each in layer)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{escape(title)}</h1>\n"
        "<p>Point at a token: the darker another is, the more is gathered from it. Click to hold on to one.</p>\n"
        f'<p><label>layer <select id="layer">{_options(len(maps), first=0)}</select></label>'
        f'<label>head <select id="head">{heads}</select></label></p>\n'
        f'<div id="text">{text}</div>\n<div id="maps" data-levels="{_LEVELS}" hidden>\n{data}\n</div>\n'
        f"<script>{_SCRIPT}</script>\n</body>\n</html>\n"
    )


def _ink(weights: Tensor) -> Tensor:
    """The square roots of weights (layers, heads, T, S)."""
    if weights.ndim != 4 or 0 in weights.shape:
        raise ValueError(f"weights: (layers, heads, T, S), not {tuple(weights.shape)}")
    if not (weights.isfinite().all() and weights.min() >= 0.0 and weights.max() <= 1.001):
        raise ValueError(f"weights: shares from 0 to 1, these go from {weights.min().item():g} to {weights.max().item():g}")
    return weights.detach().cpu().float().clamp(max=1.0).sqrt()


def _letters(row: Sequence[int]) -> str:
    """Levels of ink as letters; those of none at the end are left out, as nobody looks ahead of a causal place."""
    return "".join(_LEVELS[level] for level in row).rstrip(_LEVELS[0]) or _LEVELS[0]


def _shown(token: str) -> str:
    """A token as it is seen: escaped, the end of a line by its sign, what is nothing by a dot."""
    return escape(token).replace("\n", "↵\n") or "·"


def _options(count: int, first: int) -> str:
    """Numbers to choose from, 1 to `count`, of which the values begin with `first`."""
    return "".join(f'<option value="{first + place}">{place + 1}</option>' for place in range(count))


_STYLE = """
:root { color-scheme: light dark; --ground: #fcfcfa; --ink: #23272b; --faint: #757c84; --mark: 66 105 165; }
@media (prefers-color-scheme: dark) { :root { --ground: #15171b; --ink: #dfe2e5; --faint: #8f969e; --mark: 104 150 220; } }
body { margin: 0 auto; padding: 3rem 1.5rem; max-width: 48rem; background: var(--ground); color: var(--ink);
  font: 16px/1.6 system-ui, -apple-system, "Segoe UI", sans-serif; }
h1 { margin: 0 0 .3rem; font-size: 1.5rem; font-weight: 600; }
p { margin: .4rem 0 1rem; color: var(--faint); }
label { margin-right: 1.2rem; }
#text { font: 1.1rem/2 ui-monospace, Menlo, Consolas, monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
#text span { cursor: pointer; padding: .15rem 0; border-radius: 2px; background: rgb(var(--mark) / var(--share, 0)); }
#text span.asks, #text span:focus { outline: 2px solid rgb(var(--mark)); }
"""

_SCRIPT = """
"use strict";
const layer = document.getElementById("layer"), head = document.getElementById("head");
const data = document.getElementById("maps"), levels = data.dataset.levels;
const maps = [...data.children].map(each => each.textContent.split(" "));
const tokens = [...document.getElementById("text").children];
let held = -1, shown = -1;
function show(asking) {
  shown = asking;
  const row = maps[head.options.length * Number(layer.value) + Number(head.value)][asking];
  tokens.forEach((token, place) => {
    const level = place < row.length ? levels.indexOf(row[place]) : 0;
    token.style.setProperty("--share", level / (levels.length - 1));
    token.classList.toggle("asks", place === asking);
  });
}
tokens.forEach((token, place) => {
  for (const event of ["pointerenter", "focus"]) token.addEventListener(event, () => { if (held < 0) show(place); });
  token.addEventListener("click", () => { held = held === place ? -1 : place; show(place); });
  token.addEventListener("keydown", event => { if (event.key === "Enter") token.click(); });
});
for (const choice of [layer, head]) choice.addEventListener("change", () => show(shown));
show(tokens.length - 1);
"""
