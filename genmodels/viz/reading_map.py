"""Where a text was read while another was written about it: attention from one to the other, with both texts beside it."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from genmodels.viz.figure import COLOURS, INK, Picture, blank, render, style


def reading_map(weights: Tensor, written: Sequence[str], read: Sequence[str]) -> Picture:
    """Weights (T, S): each of T tokens that were written is a row, the first above, each of S that were read a column.

    Full ink is a weight of 1.

    >>> import torch
    >>> reading_map(torch.eye(2), ["der", "Hund"], ["the", "dog"]).shape[2]
    3
    """
    if weights.shape != (len(written), len(read)) or 0 in weights.shape:
        raise ValueError(f"weights: ({len(written)}, {len(read)}) for these texts, not {tuple(weights.shape)}")
    from matplotlib.colors import LinearSegmentedColormap

    longest = max(map(len, written)), max(map(len, read))
    figure = blank(1.0 + 0.19 * len(read) + 0.08 * longest[0], 0.6 + 0.19 * len(written) + 0.08 * longest[1])
    axes = figure.subplots()
    style(axes)
    axes.grid(False)
    ink = LinearSegmentedColormap.from_list("ink", ["#f6f7f8", COLOURS[0]])
    axes.imshow(weights.detach().cpu().float().numpy(), cmap=ink, vmin=0.0, vmax=1.0, interpolation="nearest")
    axes.set_xticks(range(len(read)), [_shown(token) for token in read], rotation=90 if longest[1] > 1 else 0, color=INK)
    axes.set_yticks(range(len(written)), [_shown(token) for token in written], color=INK)
    axes.tick_params(length=0)
    axes.xaxis.tick_top()
    axes.spines[:].set_visible(False)
    return render(figure)


def _shown(token: str) -> str:
    """A token as it is seen; matplotlib would take a dollar for the beginning of a formula."""
    return {" ": "␣", "\n": "↵"}.get(token, token.strip()).replace("$", r"\$")
