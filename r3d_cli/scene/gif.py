"""Films as GIF: one palette for all frames, of each frame only the box that changes, packed by Pillow."""

from __future__ import annotations

import os
import struct
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from r3d_cli.backend.cpu import num_threads
from r3d_cli.errors import R3dError
from r3d_cli.scene.files import replacing
from r3d_cli.scene.films import delays
from r3d_cli.scene.palette import COLORS, Palette, pack

#: The palette is chosen from as many frames as fit here, 4 bytes a pixel: 256 of 512 x 512. Those that follow
#: are written as they come.
HELD_BYTES = 256 * 2**20

_MAX_SIDE = 2**16 - 1


class _Box(NamedTuple):
    left: int
    top: int
    colors: NDArray[np.uint8]  # (H, W) ids in the palette


def write_gif(path: str | os.PathLike[str], frames: Iterable[NDArray[np.uint8]], fps: float) -> None:
    """Write frames of one shape as a GIF that repeats for ever; see ``films.write_film``."""
    coming = iter(frames)
    first = next(coming)
    height, width, channels = first.shape
    if max(height, width) > _MAX_SIDE:
        raise R3dError(
            f"{os.fspath(path)}: GIF has sides of at most {_MAX_SIDE} pixels; choose a smaller size"
        )
    codes = map(pack, chain([first], coming))
    held = list(islice(codes, max(1, HELD_BYTES // (4 * height * width))))
    palette = Palette(held, transparency=channels == 4)
    durations = delays(fps, 1e-2)
    with replacing(path) as file, open(file, "wb") as stream:
        stream.write(_header(width, height, palette.colors))
        for box, packed in _packed(_boxes(chain(_emptied(held), codes), palette)):
            stream.write(_frame_header(box, next(durations), palette.transparent) + packed)
        stream.write(b";")


def _boxes(codes: Iterable[NDArray[np.uint32]], palette: Palette) -> Iterator[_Box]:
    """Of each frame what has to be drawn: the box that differs from the one before.

    With transparency every frame is cleared before the next: all that is not transparent.
    """
    before = None
    for code in codes:
        ids = palette.ids(code)
        if palette.transparent is not None:
            yield _cut(ids, ids != palette.transparent)
        elif before is None:
            yield _Box(0, 0, ids)
        else:
            yield _cut(ids, ids != before)
        before = ids


def _cut(ids: NDArray[np.uint8], needed: NDArray[np.bool_]) -> _Box:
    """The smallest box of what is needed, or of one pixel."""
    rows, columns = (np.flatnonzero(needed.any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        return _Box(0, 0, ids[:1, :1])
    left, top = int(columns[0]), int(rows[0])
    return _Box(left, top, ids[top : rows[-1] + 1, left : columns[-1] + 1])


def _packed(boxes: Iterable[_Box]) -> Iterator[tuple[_Box, bytes]]:
    """Each box and its compressed pixels, in order, by as many threads as kernels use."""
    workers = num_threads()
    waiting: deque[tuple[_Box, Future[bytes]]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        for box in boxes:
            waiting.append((box, pool.submit(_compress, box.colors)))
            if len(waiting) > 2 * workers:
                oldest, packed = waiting.popleft()
                yield oldest, packed.result()
        for oldest, packed in waiting:
            yield oldest, packed.result()


def _compress(colors: NDArray[np.uint8]) -> bytes:
    """A box's LZW data as a GIF holds it: Pillow's, which comes behind a header of its own."""
    from PIL import GifImagePlugin, Image

    _, *data = GifImagePlugin.getdata(Image.fromarray(colors))
    return b"".join(data)


def _emptied(held: list[NDArray[np.uint32]]) -> Iterator[NDArray[np.uint32]]:
    """Hand out the frames and let go of each."""
    while held:
        yield held.pop(0)


def _header(width: int, height: int, palette: NDArray[np.float32]) -> bytes:
    table = np.zeros((COLORS, 3), np.uint8)
    table[: len(palette)] = palette
    screen = struct.pack("<6sHHBBB", b"GIF89a", width, height, 0xF7, 0, 0)  # a palette of 256 colours
    for_ever = b"\x21\xff\x0bNETSCAPE2.0" + struct.pack("<BBHB", 3, 1, 0, 0)
    return screen + table.tobytes() + for_ever


def _frame_header(box: _Box, duration: int, transparent: int | None) -> bytes:
    """How long to show the frame (1/100 s), what to do with it then, and where it lies."""
    clear, keep = 2, 1
    flags = keep << 2 if transparent is None else clear << 2 | 1
    control = struct.pack("<BBBBHBB", 0x21, 0xF9, 4, flags, duration, transparent or 0, 0)
    height, width = box.colors.shape
    return control + struct.pack("<BHHHHB", 0x2C, box.left, box.top, width, height, 0)
