"""Pictures that move."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from genmodels.storage import write_bytes
from genmodels.viz.figure import Picture


def save_gif(path: str | Path, pictures: Sequence[Picture], seconds: float = 0.1, last: float = 1.5) -> None:
    """Write pictures (H, W, 3), of one size, as a GIF that begins anew, whole or not at all; its folder is made if need be.

    Arguments:
        path: of the file.
        pictures: in their order.
        seconds: how long each is shown.
        last: how long the last one is.

    >>> import numpy as np, tempfile
    >>> path = Path(tempfile.mkdtemp()) / "grey.gif"
    >>> save_gif(path, [np.full((2, 3, 3), level, np.uint8) for level in (0, 100, 200)])
    >>> with Image.open(path) as written:
    ...     written.n_frames
    3
    """
    if not pictures or len({picture.shape for picture in pictures}) > 1:
        raise ValueError(f"pictures: at least one, and all of one size, not {sorted({p.shape for p in pictures})}")
    first, *others = [Image.fromarray(picture) for picture in pictures]
    times = [round(1000 * seconds)] * len(others) + [round(1000 * last)]
    buffer = io.BytesIO()
    first.save(buffer, "GIF", save_all=True, append_images=others, duration=times, loop=0)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    write_bytes(path, buffer.getvalue())
