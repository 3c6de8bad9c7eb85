"""Write a picture: encoded by Pillow, whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from r3d_cli.constants import VERSION
from r3d_cli.errors import R3dError
from r3d_cli.scene.files import replacing

#: File extension -> Pillow's format.
FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".webp": "WEBP"}

_SOFTWARE = "Software"
_SIGNATURE = f"r3d {VERSION}"


def picture_format(path: str | os.PathLike[str]) -> str:
    """Pillow's name of the format that ``path``'s extension asks for; ValueError where it is none of ours."""
    extension = Path(path).suffix.lower()
    if extension in FORMATS:
        return FORMATS[extension]
    if Path(path).exists() and not Path(path).is_file() and not Path(path).is_dir():
        return "PNG"  # a pipe or a device such as /dev/null has no extension to ask
    raise ValueError(f"{os.fspath(path)}: a picture's name must end in {', '.join(FORMATS)}")


def write_picture(path: str | os.PathLike[str], pixels: NDArray[np.uint8]) -> None:
    """Write ``pixels``, (H, W, 3) or (H, W, 4) uint8 sRGB with straight alpha, to ``path``.

    The file appears in one step: an error or an interrupt leaves what was there before.

    Raises:
        ValueError: the extension is unknown.
        R3dError: the format cannot hold a picture of this size.
        OSError: the file cannot be written.
    """
    format = picture_format(path)
    with replacing(path) as file:
        if file.exists():  # a device, which Pillow would open for reading too
            with open(file, "wb") as stream:
                encode_picture(stream, pixels, format)
        else:
            encode_picture(file, pixels, format)


def encode_picture(file: BinaryIO | Path, pixels: NDArray[np.uint8], format: str = "PNG") -> None:
    """Encode ``pixels`` into ``file``; see :func:`write_picture`."""
    from PIL import Image

    image = Image.fromarray(pixels)
    options: dict[str, Any] = {}
    if format == "PNG":
        from PIL.PngImagePlugin import PngInfo

        note = PngInfo()
        note.add_text(_SOFTWARE, _SIGNATURE)
        options = {"compress_level": 1, "pnginfo": note}  # level 6: 3 times as long for a fifth less
    elif format == "JPEG":
        image = image.convert("RGB")
        options = {"quality": 92, "subsampling": 0}
    elif format == "WEBP":
        options = {"lossless": True, "method": 1}
    try:
        image.save(file, format=None if isinstance(file, Path) else format, **options)
    except (OSError, ValueError) as error:
        if isinstance(error, OSError) and error.errno:
            raise
        height, width = pixels.shape[:2]
        raise R3dError(f"{format} cannot hold a picture of {width}x{height} pixels: {error}") from error


def is_ours(path: Path) -> bool:
    """Whether r3d wrote the PNG file ``path``."""
    with open(path, "rb") as stream:
        return _SOFTWARE.encode() + b"\0r3d " in stream.read(512)
