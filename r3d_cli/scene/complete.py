"""Whether a picture's file is whole: told by its start and end, without decoding it."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from r3d_cli.scene.png import END, SIGNATURE

# EXR's compressions by number -> rows of a chunk; ours is 3, ZIP.
_EXR_ROWS = {0: 1, 1: 1, 2: 1, 3: 16, 4: 32, 5: 16, 6: 32, 7: 32, 8: 32, 9: 256}


def is_complete(path: str | os.PathLike[str]) -> bool:
    """Whether ``path`` is a whole file of the format that its extension names.

    It finds files that were cut off, not those that were changed inside. r3d moves its files into place
    whole; those of others, copied or synchronised, may be cut.

    Args:
        path: PNG, JPEG, WebP, EXR, NPY, NPZ, GIF or MP4; of other files that they are not empty is all that
            can be told.

    Returns:
        False also where there is no such file.

    Raises:
        OSError: The file is there and cannot be read.

    Example:
        >>> is_complete("no-such-file.png")
        False
    """
    check = _CHECKS.get(Path(path).suffix.lower(), lambda stream, size: True)
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as stream:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        try:
            return size > 0 and check(stream, size)
        except (struct.error, ValueError, LookupError, EOFError):  # it ends before what it begins with
            return False


def _framed(start: bytes, end: bytes) -> Callable[[BinaryIO, int], bool]:
    def check(stream: BinaryIO, size: int) -> bool:
        if size < len(start) + len(end) or stream.read(len(start)) != start:
            return False
        stream.seek(-len(end), os.SEEK_END)
        return stream.read() == end

    return check


def _webp(stream: BinaryIO, size: int) -> bool:
    riff, length, kind = struct.unpack("<4sI4s", stream.read(12))
    return riff == b"RIFF" and kind == b"WEBP" and length + 8 == size


def _npy(stream: BinaryIO, size: int) -> bool:
    import numpy as np

    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version[0] == 1 else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    count = 1
    for side in shape:
        count *= side
    return stream.tell() + count * dtype.itemsize == size


def _npz(stream: BinaryIO, size: int) -> bool:
    import zipfile

    return zipfile.is_zipfile(stream)  # by its end


def _mp4(stream: BinaryIO, size: int) -> bool:
    """Boxes end where the file ends, and the one that tells where the frames are is among them."""
    kinds = set()
    at = 0
    while at < size:
        stream.seek(at)
        length, kind = struct.unpack(">I4s", stream.read(8))
        if length == 1:
            (length,) = struct.unpack(">Q", stream.read(8))
        if length < 8:  # 0: to the end of the file, wherever that is
            return False
        kinds.add(kind)
        at += length
    return at == size and {b"ftyp", b"moov"} <= kinds


def _exr(stream: BinaryIO, size: int) -> bool:
    """The last of the chunks that the table behind the header names ends where the file ends."""
    magic, version = struct.unpack("<II", stream.read(8))
    if magic != 20000630 or version & ~0xFF & ~0x400:  # tiles, deep data and several parts are not ours
        return magic == 20000630 and version >> 8 != 0
    rows = height = 0
    while name := _text(stream):
        kind = _text(stream)
        (length,) = struct.unpack("<i", stream.read(4))
        value = stream.read(length)
        if (name, kind) == (b"compression", b"compression"):
            rows = _EXR_ROWS[value[0]]
        elif (name, kind) == (b"dataWindow", b"box2i"):
            _, top, _, bottom = struct.unpack("<4i", value)
            height = bottom - top + 1
    count = -(-height // rows) if rows else 0
    last = max(struct.unpack(f"<{count}Q", stream.read(8 * count)))
    stream.seek(last + 4)
    (length,) = struct.unpack("<i", stream.read(4))
    return last + 8 + length == size


def _text(stream: BinaryIO) -> bytes:
    """A text up to the zero byte that ends it."""
    text = b""
    while (character := stream.read(1)) != b"\0":
        if not character:
            raise EOFError
        text += character
    return text


_JPEG = _framed(b"\xff\xd8", b"\xff\xd9")

_CHECKS: dict[str, Callable[[BinaryIO, int], bool]] = {
    ".png": _framed(SIGNATURE, END),
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".gif": _framed(b"GIF8", b"\x3b"),
    ".webp": _webp,
    ".npy": _npy,
    ".npz": _npz,
    ".mp4": _mp4,
    ".exr": _exr,
}
