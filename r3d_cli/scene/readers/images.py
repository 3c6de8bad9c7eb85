"""Images of textures, through Pillow."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.json_entry import read_start
from r3d_cli.scene.policy import LimitError, current
from r3d_cli.scene.readers.content import is_git_lfs_pointer
from r3d_cli.scene.readers.source import Source

_BAND = 2**22  # pixels that are converted at a time
#: Held while Pillow's own limit, which is the whole process's, is lifted.
_HEADER = threading.Lock()


class ImageError(ValueError):
    """An image that cannot be read; the message says why, without a file's name."""


def read_image(file: Path | bytes, *, alpha: bool) -> NDArray[np.uint8]:  # (H, W, 3 or 4)
    """Read an image as 8-bit sRGB, row 0 at the top; with `alpha`, and where it has any, as RGBA.

    Raises:
        ImageError: if the file is missing, broken, of an unknown format, or too large for the policy.
    """
    from PIL import UnidentifiedImageError

    try:
        with _open(file) as image:
            current().check_image(*image.size)
            return to_array(image, alpha=alpha)
    except LimitError as error:
        raise ImageError(str(error)) from None
    except UnidentifiedImageError:  # whose message may hold an address in memory
        if is_git_lfs_pointer(file if isinstance(file, bytes) else read_start(file)):
            raise ImageError("is a Git LFS pointer, not the image; fetch it with: git lfs pull") from None
        raise ImageError("it is no image of a known format") from None
    except MemoryError:
        raise ImageError("it needs more memory than there is; scale it down") from None
    # Pillow's decoders raise whatever comes up on broken files.
    except Exception as error:
        raise ImageError(f"{type(error).__name__}: {error}".splitlines()[0]) from None


def image_size(file: Path | bytes) -> tuple[int, int]:
    """Width and height by the header alone.

    Raises:
        ImageError: if it cannot be read.
    """
    try:
        with _open(file) as image:
            return image.size
    except Exception as error:  # as above
        raise ImageError(f"{type(error).__name__}") from None


def _open(file: Path | bytes) -> Any:
    """The image with its header read. Pillow refuses by a number of its own; the policy knows better."""
    from PIL import Image

    with _HEADER:
        limit, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
        try:
            stream = io.BytesIO(file) if isinstance(file, bytes) else file
            return Image.open(stream, formats=_formats())
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _formats() -> list[str] | None:
    """Those that the policy lets Pillow read and that it was built with; None: all."""
    from PIL import Image

    allowed = current().image_formats
    if allowed is None:
        return None
    Image.init()
    return [name for name in allowed if name in Image.OPEN]


def to_array(image: Any, *, alpha: bool) -> NDArray[np.uint8]:
    """A PIL image as `read_image` returns it."""
    if image.mode.startswith("I"):  # 16 bits, which Pillow's own conversion clips
        gray = (np.asarray(image).astype(np.int64).clip(0, 65535) * 255 + 32767) // 65535
        return np.repeat(gray.astype(np.uint8)[..., None], 3, axis=2)
    has_alpha = "A" in image.getbands() or "transparency" in image.info
    mode = "RGBA" if alpha and has_alpha else "RGB"
    image.load()
    width, height = image.size
    made = np.empty((height, width, len(mode)), np.uint8)
    # In bands: Pillow would make three copies of the whole on its way to an array.
    rows = max(_BAND // max(width, 1), 1)
    for row in range(0, height, rows):
        last = min(row + rows, height)
        made[row:last] = np.asarray(image.crop((0, row, width, last)).convert(mode))
    return made


class TextureLoader:
    """Reads the images that the materials of one file name, each once, and collects warnings."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.warnings: list[str] = []
        self._images: dict[tuple[str, bool], NDArray[np.uint8] | None] = {}

    def image(self, name: str, line: int | None = None, *, alpha: bool = False) -> NDArray[np.uint8] | None:
        """The image, or None with a warning."""
        key = name, alpha
        if key not in self._images:
            self._images[key] = self._read(name, line, alpha)
        return self._images[key]

    def _read(self, name: str, line: int | None, alpha: bool) -> NDArray[np.uint8] | None:
        if not self.source.textures:
            return None
        place = self.source.name if line is None else f"{self.source.name}:{line}"
        path = self.source.find(name)
        if path is None:
            problem = f"'{name}' is not in '{self.source.folder}'"
        else:
            try:
                return read_image(path, alpha=alpha)
            except ImageError as error:
                problem = f"'{path}' cannot be read ({error})"
        self.warnings.append(f"{place}: the texture {problem}; drawn without it")
        return None
