"""What files may ask for: which other files they name, and how much they take.

A process has one policy (`use`); `readers.source.Source` and `readers.images` ask it, and what they refuse is
refused for every format. A path on the command line, or that a program hands over, is trusted: the policy is
about what the file behind it says.
"""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from r3d_cli.scene.memory import available_memory

#: Of files that are not trusted, where nobody says otherwise.
UNTRUSTED_PIXELS = 64 * 2**20  # of one image: 8192 x 8192
UNTRUSTED_FACES = 20_000_000
UNTRUSTED_MEMORY = 4 * 2**30  # bytes, of each process

#: Bytes a pixel of a texture at the worst moment: the image, its RGBA copy with the mip levels (16 / 3), and
#: the level that is being halved. Measured with 16384 x 16384 pixels of RGB: 10.8.
TEXTURE_PIXEL = 12

#: The formats of images that Pillow decodes by itself. EPS, which is left out, it hands to Ghostscript.
_OWN_DECODERS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TGA", "TIFF", "DDS", "PPM", "AVIF", "JPEG2000")


class LimitError(Exception):
    """More than the policy allows; one line without a file's name: how much, and what to do."""


@dataclass(frozen=True)
class Policy:
    """
    Attributes:
        confined: Files are named within the folder of the file that names them alone, links resolved, and
            nothing that runs other programs is used.
        max_pixels: Of one image that is read. None: as many as memory holds.
        max_faces: Of a mesh, all instances counted. None: no limit.
    """

    confined: bool = False
    max_pixels: int | None = None
    max_faces: int | None = None

    def allows(self, path: Path, folder: Path) -> bool:
        """Whether a file in ``folder`` may name ``path``.

        Example:
            >>> Policy(confined=True).allows(Path("/etc/passwd"), Path("."))
            False
        """
        return not self.confined or path.resolve().is_relative_to(folder.resolve())

    @property
    def image_formats(self) -> tuple[str, ...] | None:
        """Pillow's names of those that are read; None: all."""
        return _OWN_DECODERS if self.confined else None

    def check_image(self, width: int, height: int) -> None:
        """Raise a LimitError for an image that is too large."""
        pixels = width * height
        if self.max_pixels is not None:
            if pixels > self.max_pixels:
                raise LimitError(
                    f"{width} x {height} are {pixels:,} pixels, more than the {self.max_pixels:,} of "
                    "--max-pixels; scale it down or allow more"
                )
        elif pixels > _SMALL and (needed := pixels * TEXTURE_PIXEL) > (there := available_memory()):
            raise LimitError(
                f"{width} x {height} pixels need {needed / 2**30:,.1f} GiB of memory and "
                f"{there / 2**30:,.1f} GiB are available; scale it down, or set --max-pixels {pixels} to try"
            )

    def check_faces(self, faces: int) -> None:
        """Raise a LimitError for too many faces."""
        if self.max_faces is not None and faces > self.max_faces:
            raise LimitError(
                f"has {faces:,} faces, more than the {self.max_faces:,} of --max-faces; reduce the mesh or "
                "allow more"
            )


#: Pixels that are not worth looking at how much memory there is.
_SMALL = 2**24

_policy = Policy()


def current() -> Policy:
    """The process's policy."""
    return _policy


def use(policy: Policy) -> None:
    """Make ``policy`` the process's, and that of processes that it forks."""
    global _policy
    _policy = policy


@contextlib.contextmanager
def used(policy: Policy) -> Iterator[None]:
    """The policy within the block.

    Example:
        >>> with used(Policy(max_faces=3)):
        ...     current().max_faces
        3
    """
    before = _policy
    use(policy)
    try:
        yield
    finally:
        use(before)


def limit_memory(size: float) -> None:
    """Let this process and those that it starts take no more than ``size`` bytes of memory of their own.

    Beyond it Python raises MemoryError. On Linux that is the data segment with all private writable mappings:
    the address space, which CUDA reserves by the hundred gigabytes, would be no measure.

    Raises:
        ValueError: The system sets no such limit.
    """
    try:
        import resource
    except ImportError:
        raise ValueError("this system limits no process's memory") from None
    kind = resource.RLIMIT_DATA if sys.platform == "linux" else resource.RLIMIT_AS
    _, most = resource.getrlimit(kind)
    wanted = math.ceil(size)
    if most != resource.RLIM_INFINITY:
        wanted = min(wanted, most)
    resource.setrlimit(kind, (wanted, most))
