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

from r3d_cli.errors import R3dError
from r3d_cli.scene.files import replacing
from r3d_cli.scene.films import delays

#: The palette is chosen from as many frames as fit here, 4 bytes a pixel: 256 of 512 x 512. Those that follow
#: are written as they come.
HELD_BYTES = 256 * 2**20

COLORS = 256

#: Alpha from here on is opaque: GIF has no more than on and off.
_OPAQUE = 128

#: Colours that are weighed to choose the palette; more would take longer and change little.
_SAMPLES = 2**18

#: Steps of k-means from the median cut's palette: the error falls by half, later steps change little.
_STEPS = 6

_MAX_SIDE = 2**16 - 1

#: What transparent pixels are packed to, behind all colours.
CLEAR = 1 << 24


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


def pack(frame: NDArray[np.uint8]) -> NDArray[np.uint32]:  # (H, W, 3 or 4) -> (H, W)
    """A pixel's colour as one number, red in the lowest byte; transparent pixels are CLEAR."""
    if frame.shape[2] == 3:
        with_alpha = np.empty((*frame.shape[:2], 4), np.uint8)
        with_alpha[..., :3] = frame
        with_alpha[..., 3] = 0
        return with_alpha.view(np.uint32)[..., 0]
    code = np.ascontiguousarray(frame).view(np.uint32)[..., 0] & np.uint32(0xFFFFFF)
    code[frame[..., 3] < _OPAQUE] = CLEAR
    return code


def _unpack(codes: NDArray[np.integer]) -> NDArray[np.float32]:  # (N,) -> (N, 3)
    return np.stack([codes & 255, codes >> 8 & 255, codes >> 16 & 255], axis=1).astype(np.float32)


class Palette:
    """256 colours for all frames, and the nearest of them for every colour."""

    def __init__(self, held: list[NDArray[np.uint32]], *, transparency: bool) -> None:
        """Choose the colours for packed frames: theirs if they are few, else those of least squared error."""
        self.transparent = COLORS - 1 if transparency else None  # the last one, if any
        self._nearest = np.zeros(CLEAR + 1, np.uint16)  # of a colour, its id + 1; 0 where not yet known
        for code in held:
            self._nearest[code] = 1
        used = np.flatnonzero(self._nearest[:CLEAR])
        room = COLORS if self.transparent is None else COLORS - 1
        if not len(used):
            used = np.zeros(1, np.int64)
        self.colors = _unpack(used) if len(used) <= room else _choose(held, room)  # (<= 256, 3)
        self._nearest[CLEAR] = COLORS
        self._learn(used)

    def ids(self, code: NDArray[np.uint32]) -> NDArray[np.uint8]:  # (H, W) -> (H, W)
        """Of each pixel the nearest colour of the palette."""
        found = np.take(self._nearest, code)
        if not found.all():
            self._learn(np.unique(code[found == 0]))
            found = np.take(self._nearest, code)
        return (found - 1).astype(np.uint8)

    def _learn(self, codes: NDArray[np.integer]) -> None:
        for some in np.array_split(codes, 1 + len(codes) // 2**16):
            self._nearest[some] = _nearest(_unpack(some), self.colors) + 1


def _choose(held: list[NDArray[np.uint32]], count: int) -> NDArray[np.float32]:  # (count, 3)
    """A palette of the least squared error: the median cut of the colours, then k-means (Lloyd).

    The cut counts each colour once, however many pixels have it: a background is one colour, and the frames'
    rare colours (lamps, eyes) get their share. The steps of k-means weigh them by their pixels.
    """
    from PIL import Image

    step = max(1, round((len(held) * held[0].size / _SAMPLES) ** 0.5))
    sample = np.concatenate([code[::step, ::step].ravel() for code in held])
    codes, weights = np.unique(sample[sample != CLEAR], return_counts=True)
    if len(codes) <= count:
        return _unpack(codes)
    colors = _unpack(codes)
    cut = Image.fromarray(colors.astype(np.uint8)[None]).quantize(count, Image.Quantize.MEDIANCUT)
    palette = np.array(cut.getpalette(), np.float32).reshape(-1, 3)[:count]
    for _ in range(_STEPS):
        ids = _nearest(colors, palette)
        total = np.bincount(ids, weights, len(palette))
        means = [np.bincount(ids, weights * column, len(palette)) for column in colors.T]
        filled = total > 0
        palette[filled] = np.stack(means, axis=1)[filled] / total[filled, None]
    palette = np.rint(palette)
    most = colors[np.argmax(weights)]  # the background: exact, as large areas show the slightest tint
    palette[_nearest(most[None], palette)[0]] = most
    return palette


def _nearest(
    colors: NDArray[np.float32],  # (N, 3)
    palette: NDArray[np.float32],  # (P, 3)
) -> NDArray[np.int64]:  # (N,)
    # |c - p|^2 without |c|^2, which is the same for every p. Exact in float32: all terms are small integers,
    # but for the means between the steps.
    return np.argmin((palette * palette).sum(axis=1) - 2 * (colors @ palette.T), axis=1)


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
    """Each box and its compressed pixels, in order, by as many threads as there are CPUs."""
    workers = len(os.sched_getaffinity(0))
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
