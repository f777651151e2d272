"""Pictures as bytes, and on disk."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

from genmodels.storage import write_bytes
from genmodels.viz.figure import Picture


def save_png(path: str | Path, image: Picture) -> None:
    """Write a picture (H, W, 3), whole or not at all; its folder is made if need be.

    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "pictures" / "red.png"
    >>> save_png(path, np.full((2, 3, 3), (255, 0, 0), np.uint8))
    >>> with Image.open(path) as written:
    ...     np.asarray(written)[0, 0].tolist()
    [255, 0, 0]
    """
    data = png(image)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, data)


def png(image: Picture) -> bytes:
    """A picture (H, W, 3) as the bytes of a PNG."""
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise ValueError(f"a picture is uint8 of shape (H, W, 3), not {image.dtype} {image.shape}")
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
