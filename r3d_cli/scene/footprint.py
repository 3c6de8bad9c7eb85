"""How much memory a picture takes, told before it is drawn."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from r3d_cli.scene.gif import HELD_BYTES
from r3d_cli.scene.inputs import STANDARD_INPUT
from r3d_cli.scene.policy import TEXTURE_PIXEL
from r3d_cli.scene.texture_sizes import texture_pixels

if TYPE_CHECKING:
    from r3d_cli.scene.render_file import Look

#: Of a process that has drawn one small mesh: the interpreter, NumPy, the modules.
_PROCESS = 64 * 2**20

#: Bytes in memory for one in the file; compressed textures grow most.
_PER_FILE_BYTE = {".obj": 5, ".off": 6, ".glb": 8, ".gltf": 8}
_PER_BYTE = 10

#: Bytes of decoded textures that are counted for themselves.
_LARGE = 32 * 2**20

#: Bytes a pixel of each pass, the coded one that is written included.
_PER_PIXEL = {"rgb": 4, "depth": 7, "normal": 28, "mask": 2, "faceid": 10, "uv": 20, "position": 36}
#: More for what a format makes of the rgb pass.
_PER_RGB_PIXEL = {"JPEG": 8, "WEBP": 24, "EXR": 32}
_PER_SAMPLE = 28  # a fragment, and what is sorted out of it

#: Bytes a pixel of soft shadings, which are drawn as a whole, and of the layers of soft-phong up to the most.
_PER_SOFT_PIXEL = {"soft-phong": 56, "silhouette": 40}
_PER_LAYERED_PIXEL, _LAYERS = 1500, 400 * 2**20

#: Bytes a pixel of each frame that a film's encoder holds. GIF holds so many bytes, MP4 so many frames.
_PER_FRAME_PIXEL = 4
_MP4_FRAMES = 48


def footprint(
    path: str,
    sizes: Sequence[tuple[int, int]],
    passes: Sequence[str],
    look: Look,
    *,
    format: str | None = None,
    film: str | None = None,
) -> int:
    """Bytes that a process takes to draw a file: an estimate, mostly within a factor of two.

    Args:
        path: The file; what comes from standard input counts as nothing.
        sizes: (H, W) of the pictures, of which one at a time is held, or of the frames.
        passes: Of each.
        look: How it is drawn.
        format: Of the pictures, a value of ``pictures.FORMATS``.
        film: The extension of a film instead, one of ``films.EXTENSIONS``.
    """
    from r3d_cli.scene.draw import BAND_SAMPLES

    mesh = 0
    if path != STANDARD_INPUT:
        extension = os.path.splitext(path)[1].lower()
        with contextlib.suppress(OSError):  # which reading it will tell
            mesh = os.path.getsize(path) * _PER_FILE_BYTE.get(extension, _PER_BYTE)
        # Of small ones the file's size holds enough.
        textures = texture_pixels(path) * TEXTURE_PIXEL
        mesh += textures if textures > _LARGE else 0
    pixels = max(height * width for height, width in sizes)
    samples = min(pixels * (look.supersampling**2 if "rgb" in passes else 1), BAND_SAMPLES)
    a_pixel = sum(_PER_PIXEL[name] for name in passes)
    if "rgb" in passes:
        a_pixel += _PER_RGB_PIXEL.get(format or "", 0) + _PER_SOFT_PIXEL.get(look.shading, 0)
    held = 0 if film is None else _held(film, pixels, len(sizes))
    if look.shading == "soft-phong" and "rgb" in passes:
        held += min(pixels * _PER_LAYERED_PIXEL, _LAYERS)
    return _PROCESS + mesh + samples * _PER_SAMPLE + pixels * a_pixel + held


def _held(film: str, pixels: int, frames: int) -> int:
    """Bytes of frames that the encoder holds."""
    if film == ".mp4":
        frames = min(frames, _MP4_FRAMES)
    size = frames * pixels * _PER_FRAME_PIXEL
    return min(size, HELD_BYTES) if film == ".gif" else size
