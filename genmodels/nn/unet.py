"""The U-Net (Ronneberger et al. 2015, arXiv 1505.04597) that tells noise from image, as diffusion uses it (Ho et al. 2020,
arXiv 2006.11239).

    x -> [blocks, halve] ... -> block, attention, block -> ... [double, beside it what was there before halving, blocks] -> out

What else it is told comes in three ways: a vector (the time; a class; an action) shifts and scales the channels of every block;
images of the same size (a picture to be enlarged, frames that went before) stand beside x as channels; a sequence (a caption)
is attended to where the image is smallest.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from genmodels.nn.attention import Attention, sinusoidal_2d
from genmodels.nn.norm import GroupNormSiLU

GROUPS = 8  # channels are normalised in so many groups


class ToldBlock(nn.Module):
    """x + conv(act(scale norm(conv(act(norm x))) + shift)), scale and shift a linear function of the vector."""

    def __init__(self, before: int, after: int, told: int) -> None:
        super().__init__()
        self.first_norm, self.second_norm = GroupNormSiLU(GROUPS, before), GroupNormSiLU(GROUPS, after)
        self.first, self.second = nn.Conv2d(before, after, 3, padding=1), nn.Conv2d(after, after, 3, padding=1)
        self.told = nn.Linear(told, 2 * after)
        self.past = nn.Conv2d(before, after, 1) if before != after else nn.Identity()
        nn.init.zeros_(self.second.weight)
        nn.init.zeros_(self.second.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor, vector: Tensor) -> Tensor:
        h = self.first(self.first_norm(x))
        scale, shift = self.told(vector).chunk(2, 1)
        return self.past(x) + self.second(self.second_norm(h, scale, shift))


class Looking(nn.Module):
    """Attention among the places of an image, and to a sequence where there is one."""

    def __init__(self, channels: int, heads: int, context: int | None) -> None:
        super().__init__()
        self.norm = nn.GroupNorm(GROUPS, channels)
        self.among = Attention(channels, heads)
        self.across = None if context is None else Attention(channels, heads, context=context)

    def forward(self, x: Tensor, context: Tensor | None, seen: Tensor | None) -> Tensor:
        channels, height, breadth = x.shape[1:]
        places = self.norm(x).flatten(2).mT + sinusoidal_2d(height, breadth, channels).flatten(0, 1).to(x.device)
        gathered, _ = self.among(places)
        if self.across is not None:
            if context is None:
                raise ValueError("context: this U-Net attends to a sequence; give it")
            gathered = gathered + self.across(places + gathered, context, seen=seen)[0]
        return x + gathered.mT.unflatten(2, (height, breadth))


class Halved(nn.Linear):
    """Each square of four pixels as one, a linear map of its numbers: (B, before, H, W) to (B, after, H / 2, W / 2)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(4 * before, after)

    def forward(self, x: Tensor) -> Tensor:
        squares = x.permute(0, 2, 3, 1).unflatten(2, (-1, 2)).unflatten(1, (-1, 2)).transpose(2, 3).flatten(3)
        return super().forward(squares).permute(0, 3, 1, 2)


class Enlarged(nn.Linear):
    """Each pixel as a square of four, linear maps of its numbers: (B, before, H, W) to (B, after, 2 H, 2 W)."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, 4 * after)

    def forward(self, x: Tensor) -> Tensor:
        squares = super().forward(x.permute(0, 2, 3, 1)).unflatten(3, (2, 2, -1))
        return squares.transpose(2, 3).flatten(3, 4).flatten(1, 2).permute(0, 3, 1, 2)


class UNet(nn.Module):
    """Images (B, channels, H, W) to images (B, out, H, W), given what else it is told.

    Arguments:
        channels, out: of what comes in, what stands beside it included, and of what goes out.
        width: channels at the finest level; they double at each coarser one.
        levels: how often the sides are halved, which must divide them so often.
        told: the numbers of the vector.
        blocks: at each level, on the way down and again on the way up.
        heads: of attention at the coarsest level.
        context: the width of the sequence that is attended to there, or None.
    """

    def __init__(
        self,
        channels: int,
        out: int,
        width: int = 32,
        levels: int = 2,
        told: int = 128,
        blocks: int = 1,
        heads: int = 4,
        context: int | None = None,
    ) -> None:
        super().__init__()
        if width % GROUPS:
            raise ValueError(f"width: channels are normalised in {GROUPS} groups, which do not divide {width}")
        self.levels = levels
        widths = [width << level for level in range(levels + 1)]
        self.enter = nn.Conv2d(channels, width, 3, padding=1)
        self.down, self.halve = nn.ModuleList(), nn.ModuleList()
        self.up, self.enlarge = nn.ModuleList(), nn.ModuleList()
        for level in range(levels):
            here, below = widths[level], widths[level + 1]
            self.down.append(nn.ModuleList(ToldBlock(here, here, told) for _ in range(blocks)))
            self.halve.append(Halved(here, below))
            self.enlarge.append(Enlarged(below, here))
            self.up.append(nn.ModuleList(ToldBlock(2 * here if first else here, here, told) for first in _firsts(blocks)))
        self.bottom = nn.ModuleList(ToldBlock(widths[-1], widths[-1], told) for _ in range(2))
        self.look = Looking(widths[-1], heads, context)
        self.leave = nn.Sequential(GroupNormSiLU(GROUPS, width), nn.Conv2d(width, out, 3, padding=1))
        nn.init.zeros_(self.leave[-1].weight)  # type: ignore[arg-type]

    def forward(self, x: Tensor, vector: Tensor, context: Tensor | None = None, *, seen: Tensor | None = None) -> Tensor:
        """What is said of x (B, channels, H, W), a vector (B, told), and a sequence (B, S, context) with what of it is real."""
        side = 1 << self.levels
        if x.shape[2] % side or x.shape[3] % side:
            raise ValueError(f"sides of {tuple(x.shape[2:])} cannot be halved {self.levels} times")
        x, kept = self.enter(x), []
        for blocks, halve in zip(self.down, self.halve, strict=True):
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, vector)
            kept.append(x)
            x = halve(x)
        x = self.bottom[1](self.look(self.bottom[0](x, vector), context, seen), vector)
        for blocks, enlarge in zip(reversed(self.up), reversed(self.enlarge), strict=True):
            x = torch.cat([enlarge(x), kept.pop()], 1)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, vector)
        return self.leave(x)


def _firsts(blocks: int) -> list[bool]:
    return [number == 0 for number in range(blocks)]
