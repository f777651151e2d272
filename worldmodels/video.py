"""Video files: pictures in, one at a time, and a file that is whole or absent.

    picture, picture, ... -> .NAME.1f3a.tmp.mp4 -> NAME.mp4

Pictures are asked for one by one and handed to ffmpeg at once, so an hour of video takes no more memory than a second. The file
grows under another name, and takes its own when ffmpeg has closed it; one that was interrupted is removed.

`.mp4` is H.264 in the pixel format that every player knows; `.gif` has a palette for each picture.
"""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from genmodels.interruption import Interrupted, Signals, Stop
from worldmodels.types import Frames

PALETTE = "split[a][b];[a]palettegen=stats_mode=single[palette];[b][palette]paletteuse=new=1:dither=none"
KINDS: dict[str, dict[str, Any]] = {
    ".mp4": {"codec": "libx264", "ffmpeg_params": ["-crf", "17", "-movflags", "+faststart"]},
    ".gif": {"codec": "gif", "ffmpeg_params": ["-vf", PALETTE]},
}


def write(path: str | Path, pictures: Iterable[Frames], fps: float = 30.0) -> int:
    """Write pictures (H, W, 3), all of one size, as the kind of video that the path ends in; how many there were.

    H.264 wants even sides: an odd one is made even by its last row or column, shown twice.
    """
    path = Path(path)
    if path.suffix not in KINDS:
        raise ValueError(f"{path}: a video ends in {' or '.join(KINDS)}")
    if not fps > 0.0:
        raise ValueError(f"fps: above 0, not {fps}")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.tmp{path.suffix}")
    try:
        with Signals() as signals:
            count = _write(temporary, pictures, fps, signals)
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except Stop as stop:
        raise Interrupted(128 + stop.number) from None
    finally:
        temporary.unlink(missing_ok=True)
    return count


def _write(path: Path, pictures: Iterable[Frames], fps: float, signals: Signals) -> int:
    coming = iter(pictures)
    first = next(coming, None)
    if first is None:
        raise ValueError(f"{path.suffix.removeprefix('.')}: there is no picture to write")
    shape, count = first.shape, 1
    with _encoder(path, _even(first), fps) as put:
        put(_even(first))
        for picture in coming:
            signals.check()
            if picture.shape != shape:
                raise ValueError(f"pictures of a video have one shape: {shape} at first, {picture.shape} at picture {count}")
            put(_even(picture))
            count += 1
    return count


@contextlib.contextmanager
def _encoder(path: Path, like: Frames, fps: float) -> Iterator[Callable[[Frames], None]]:
    """What takes pictures of a size; ffmpeg is ended with it, by force where an error has come between."""
    from moviepy.video.io.ffmpeg_writer import FFMPEG_VideoWriter  # type: ignore[import-untyped]

    height, width = like.shape[:2]
    writer = FFMPEG_VideoWriter(str(path), (width, height), fps, **KINDS[path.suffix])
    ffmpeg = writer.proc
    try:
        yield writer.write_frame
        ffmpeg.stdin.close()
        said = ffmpeg.stderr.read().decode(errors="replace").strip()
        if ffmpeg.wait() != 0:  # moviepy itself would not tell
            raise OSError(f"{path.parent}: ffmpeg could not finish the video: {said or 'it gave no reason'}")
    except BaseException:
        ffmpeg.kill()
        raise
    finally:
        with contextlib.suppress(OSError):  # what could not be handed over when ffmpeg was gone
            writer.close()


def _even(picture: Frames) -> Frames:
    height, width = picture.shape[:2]
    if height % 2 or width % 2:
        return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(picture)
