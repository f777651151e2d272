"""Scenes drawn by NumPy: each pixel takes as much of an object's colour as the object covers of it.

    pixel <- (1 - c) pixel + c shade colour,    c = clip(1/2 - d, 0, 1)

where d is the distance, in pixels, from the pixel's centre to the object's edge, negative inside. A square's cover is the
product of two such c, one an axis, and exact. Every step is one correctly rounded operation, so all machines draw the same
bytes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from genmodels.data.shape_scenes import MOST, SHAPES, Scenes

# Red, green, blue, yellow, purple, cyan: the order of scenes.COLOURS.
PAINT = np.array(
    [(235, 45, 45), (40, 185, 60), (60, 95, 245), (245, 215, 45), (185, 65, 225), (50, 210, 220)], dtype=np.float32
)

Floats = NDArray[np.float32]


def draw(scenes: Scenes, size: int) -> NDArray[np.uint8]:
    """The scenes as pictures (N, 3, size, size)."""
    if size < 16:
        raise ValueError(f"shapes cannot be told apart in pictures {size} pixels wide; 32 are few")
    canvas = np.empty((len(scenes), 3, size, size), np.float32)
    canvas[:] = 255 * scenes.background.numpy()[:, None, None, None]
    for k in range(MOST):
        for s, name in enumerate(SHAPES):
            chosen = np.nonzero(scenes.shape[:, k].numpy() == s)[0]
            if len(chosen) == 0:
                continue
            dx, dy, radius = _offsets(scenes, chosen, k, size)
            cover = _COVERS[name](dx, dy, radius)[:, None]
            colour = PAINT[scenes.colour[chosen, k].numpy()] * scenes.shade[chosen, k].numpy()[:, None]
            canvas[chosen] = (1 - cover) * canvas[chosen] + cover * colour[:, :, None, None]
    return (canvas + np.float32(0.5)).astype(np.uint8)


def _offsets(scenes: Scenes, chosen: NDArray[np.intp], k: int, size: int) -> tuple[Floats, Floats, Floats]:
    """From the centre of object k to those of the pixels, x (B, 1, size) and y (B, size, 1), and its radius (B, 1, 1)."""
    x, y, radius = (array[chosen, k].numpy()[:, None, None] * np.float32(size) for array in (scenes.x, scenes.y, scenes.radius))
    pixels = np.arange(size, dtype=np.float32) + np.float32(0.5)
    return pixels[None, None, :] - x, pixels[None, :, None] - y, radius


# --------------------------------------------------------- covers in [0, 1], (B, size, size); all shapes lie within +-radius


def _circle(dx: Floats, dy: Floats, radius: Floats) -> Floats:
    return _inside(np.sqrt(dx * dx + dy * dy) - radius)


def _square(dx: Floats, dy: Floats, radius: Floats) -> Floats:
    half = np.float32(0.886) * radius  # of the circle's area
    return _inside(np.abs(dx) - half) * _inside(np.abs(dy) - half)


def _triangle(dx: Floats, dy: Floats, radius: Floats) -> Floats:
    """Upright: as high as it is wide."""
    slope = (2 * np.abs(dx) - dy - radius) / np.sqrt(np.float32(5))
    return _inside(np.maximum(dy - radius, slope))


def _cross(dx: Floats, dy: Floats, radius: Floats) -> Floats:
    """A plus sign."""
    thin = np.float32(0.34) * radius
    upright = _inside(np.abs(dx) - thin) * _inside(np.abs(dy) - radius)
    level = _inside(np.abs(dx) - radius) * _inside(np.abs(dy) - thin)
    return np.maximum(upright, level)


def _inside(distance: Floats) -> Floats:
    return np.clip(np.float32(0.5) - distance, 0, 1)


_COVERS = {"circle": _circle, "square": _square, "triangle": _triangle, "cross": _cross}
