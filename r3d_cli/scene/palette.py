"""Few colours for many: a palette for the frames of a film or one picture, and the nearest of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

COLORS = 256

#: Alpha from here on is opaque: formats with palettes have no more than on and off.
OPAQUE = 128

#: What transparent pixels are packed to, behind all colours.
CLEAR = 1 << 24

#: Pixels whose colours are weighed to choose the palette, and colours beside theirs; more would take longer
#: and change little.
_SAMPLES, _EXTRA = 2**18, 2**12

#: Steps of k-means from the median cut's palette: the error falls by half, later steps change little.
_STEPS = 6


def pack(frame: NDArray[np.uint8]) -> NDArray[np.uint32]:  # (H, W, 3 or 4) -> (H, W)
    """A pixel's colour as one number, red in the lowest byte; transparent pixels are CLEAR."""
    if frame.shape[2] == 3:
        with_alpha = np.empty((*frame.shape[:2], 4), np.uint8)
        with_alpha[..., :3] = frame
        with_alpha[..., 3] = 0
        return with_alpha.view(np.uint32)[..., 0]
    code = np.ascontiguousarray(frame).view(np.uint32)[..., 0] & np.uint32(0xFFFFFF)
    code[frame[..., 3] < OPAQUE] = CLEAR
    return code


def _unpack(codes: NDArray[np.integer]) -> NDArray[np.float32]:  # (N,) -> (N, 3)
    return np.stack([codes & 255, codes >> 8 & 255, codes >> 16 & 255], axis=1).astype(np.float32)


class Palette:
    """256 colours for all frames, and the nearest of them for every colour.

    Attributes:
        colors: (P, 3) float32 of whole numbers 0 to 255, at most COLORS of them.
        transparent: Id of transparent pixels; None: frames without alpha have none.

    Example:
        >>> frame = pack(np.array([[[255, 0, 0], [0, 0, 9], [255, 0, 0]]], np.uint8))
        >>> palette = Palette([frame], transparency=False)
        >>> palette.colors[palette.ids(frame)].astype(int).tolist()
        [[[255, 0, 0], [0, 0, 9], [255, 0, 0]]]
    """

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
        self.colors = _unpack(used) if len(used) <= room else _choose(held, used, room)  # (<= 256, 3)
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


def _choose(
    held: list[NDArray[np.uint32]], used: NDArray[np.integer], count: int
) -> NDArray[np.float32]:  # (count, 3)
    """A palette of the least squared error: the median cut of the colours, then k-means (Lloyd).

    The cut counts each colour once, however many pixels have it: a background is one colour, and the frames'
    rare colours (lamps, eyes) get their share. The steps of k-means weigh them by their pixels.
    """
    from PIL import Image

    step = max(1, round((len(held) * held[0].size / _SAMPLES) ** 0.5))
    sample = np.concatenate([code[::step, ::step].ravel() for code in held])
    some = used[:: 1 + len(used) // _EXTRA]  # the sample may miss what is small
    codes, weights = np.unique(np.concatenate([sample[sample != CLEAR], some]), return_counts=True)
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
