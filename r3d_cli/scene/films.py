"""Write a film: frames one after the other, in a file that appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import count, islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from r3d_cli.errors import R3dError

#: File extensions of films.
EXTENSIONS = (".gif", ".webp", ".mp4")


def check_film(path: str | os.PathLike[str], *, fps: float) -> str:
    """The extension of a film that can be written; to be called before the first frame is drawn.

    Raises:
        ValueError: The extension is none of EXTENSIONS, or the format cannot show so many frames a second.
        R3dError: The format needs a package that is not installed.
    """
    name, extension = os.fspath(path), Path(path).suffix.lower()
    if extension not in EXTENSIONS:
        raise ValueError(f"{name}: a film's name must end in {', '.join(EXTENSIONS)}")
    # Browsers show a GIF's delays below 2/100 s as 10/100 s; WebP counts whole milliseconds.
    most = {".gif": 50, ".webp": 100, ".mp4": 240}[extension]
    if not 0.01 <= fps <= most:
        raise ValueError(f"{name}: {fps:g} frames a second are not between 0.01 and {most}")
    if extension == ".mp4":
        from r3d_cli.scene.video import check_encoder

        check_encoder(name)
    return extension


def write_film(
    path: str | os.PathLike[str],
    frames: Iterable[NDArray[np.uint8]],  # each (H, W, 3 or 4)
    *,
    fps: float,
    quality: int = 90,
) -> None:
    """Write frames as a film that repeats for ever (MP4: if the player does), by the extension of ``path``.

    Frames are taken one by one. WebP keeps them all, GIF those that its palette is chosen from
    (``gif.HELD_BYTES``), MP4 none. A frame's duration is rounded so that the film as a whole lasts
    ``len(frames) / fps`` seconds, to the 1/100 s of GIF and the 1/1000 s of WebP.

    - .gif: one palette of 256 colours for all frames, undithered, chosen from all of them, so that nothing
      flickers. Of frames with alpha, pixels of alpha 128 and more are opaque, the others transparent.
    - .webp: lossy colour, exact alpha.
    - .mp4: H.264 with 4:2:0 colour, which has even sizes and no alpha: an odd side repeats its last pixels.
      Needs the optional dependency ``video``.

    Args:
        path: The file.
        frames: sRGB pictures of one size, straight alpha.
        fps: Frames a second.
        quality: Of WebP and MP4, 1 to 100; 90 looks like the original.

    Raises:
        ValueError: As ``check_film``; frames of different shapes, or none.
        R3dError: The format holds no film of this size or no transparency, or PyAV is missing.
        OSError: The file cannot be written.

    Example:
        >>> import tempfile
        >>> from PIL import Image
        >>> frames = (np.full((4, 4, 3), value, np.uint8) for value in (0, 128, 255))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_film(f"{folder}/film.gif", frames, fps=2)
        ...     Image.open(f"{folder}/film.gif").n_frames
        3
    """
    extension = check_film(path, fps=fps)
    checked = _checked(path, frames)
    if extension == ".gif":
        from r3d_cli.scene.gif import write_gif

        write_gif(path, checked, fps)
    elif extension == ".webp":
        _write_webp(path, checked, fps, quality)
    else:
        from r3d_cli.scene.video import write_mp4

        write_mp4(path, checked, fps, quality)


def delays(fps: float, unit: float) -> Iterator[int]:
    """How long to show one frame after the other, in ``unit`` seconds; together as long as they should take.

    Example:
        >>> list(islice(delays(12, 0.01), 6))
        [8, 9, 8, 8, 9, 8]
    """
    end = 0
    for index in count(1):
        start, end = end, round(index / (fps * unit))
        yield end - start


def _checked(
    path: str | os.PathLike[str], frames: Iterable[NDArray[np.uint8]]
) -> Iterable[NDArray[np.uint8]]:
    shape = None
    for frame in frames:
        shape = shape or frame.shape
        if frame.dtype != np.uint8 or frame.ndim != 3 or frame.shape[2] not in (3, 4) or not frame.size:
            raise ValueError(f"a frame must be (H, W, 3) or (H, W, 4) uint8, got {frame.shape} {frame.dtype}")
        if frame.shape != shape:
            raise ValueError(f"frames must have one shape, got {shape} and {frame.shape}")
        yield frame
    if shape is None:
        raise ValueError(f"{os.fspath(path)}: a film needs a frame")


def _write_webp(
    path: str | os.PathLike[str], frames: Iterable[NDArray[np.uint8]], fps: float, quality: int
) -> None:
    from PIL import Image

    from r3d_cli.scene.files import replacing

    images = [Image.fromarray(frame) for frame in frames]
    with replacing(path) as file, open(file, "wb") as stream:
        try:
            images[0].save(
                stream,
                format="WEBP",
                save_all=True,
                append_images=images[1:],
                duration=list(islice(delays(fps, 1e-3), len(images))),
                loop=0,
                quality=quality,
                method=2,  # 4, the default: twice as long for a fifth less
            )
        except (OSError, ValueError, RuntimeError) as error:
            if isinstance(error, OSError) and error.errno:
                raise
            width, height = images[0].size
            raise R3dError(
                f"{os.fspath(path)}: WebP cannot hold a film of {width}x{height} pixels: {error}"
            ) from error
