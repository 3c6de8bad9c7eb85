"""How much memory a picture takes, told before it is drawn."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from r3d_cli.scene.inputs import STANDARD_INPUT

if TYPE_CHECKING:
    from r3d_cli.scene.render_file import Look

#: Of a process that has drawn one small mesh: the interpreter, NumPy, the modules.
_PROCESS = 64 * 2**20

#: Bytes in memory for one in the file; compressed textures grow most.
_PER_FILE_BYTE = {".obj": 5, ".off": 6, ".glb": 8, ".gltf": 8}
_PER_BYTE = 10

#: Bytes a pixel of each pass, the coded one that is written included.
_PER_PIXEL = {"rgb": 8, "depth": 8, "normal": 24, "mask": 3, "faceid": 12, "uv": 24, "position": 30}
_PER_SAMPLE = 28  # a fragment, and what is sorted out of it


def footprint(path: str, sizes: Sequence[tuple[int, int]], passes: Sequence[str], look: Look) -> int:
    """Bytes that a process takes to draw a file: an estimate, mostly within a factor of two.

    Args:
        path: The file; what comes from standard input counts as nothing.
        sizes: (H, W) of the pictures, of which one at a time is held.
        passes: Of each.
        look: How it is drawn.
    """
    from r3d_cli.scene.draw import BAND_SAMPLES

    mesh = 0
    if path != STANDARD_INPUT:
        extension = os.path.splitext(path)[1].lower()
        with contextlib.suppress(OSError):  # which reading it will tell
            mesh = os.path.getsize(path) * _PER_FILE_BYTE.get(extension, _PER_BYTE)
    pixels = max(height * width for height, width in sizes)
    samples = min(pixels * (look.supersampling**2 if "rgb" in passes else 1), BAND_SAMPLES)
    return _PROCESS + mesh + samples * _PER_SAMPLE + pixels * sum(_PER_PIXEL[name] for name in passes)
