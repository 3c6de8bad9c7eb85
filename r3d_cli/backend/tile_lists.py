"""The coarse stage of a rasterizer on raw arrays: which elements may touch each tile of a picture.

Elements (faces, points, splats) are boxes of pixels; their lists are exact, and made band by band (a band is
a run of tiles) within a budget of memory. NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA
kernels there. No PyTorch here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from r3d_cli.backend.arrays import Arrays, NumpyArrays, arrays_like
from r3d_cli.backend.cpu import native
from r3d_cli.backend.launch import Device, blocks_for, device_of
from r3d_cli.backend.scan import exclusive_scan
from r3d_cli.checks import check_dtype, check_shape, dtype_name
from r3d_cli.constants import LONG_LIST, MAX_IMAGE_SIDE, MAX_PACKED, WORKSPACE_BUDGET

TILE = 16  # pixels a side: kTile of gpu/tile_faces.h
BLOCKS_THAT_SHARE = 16  # a tile whose list is long: kShares of gpu/tile_walk.h
MOST_BANDS = 1024  # that one copy to the host tells
_BYTES = 4  # of an entry of a list
_WHERE = "tile_lists"

#: Where the numbers stand of which the host is told: Number of tile_lists.cu.
_TOTAL, _LONGEST, _LARGEST_BAND, _BAND_ENDS = 1, 2, 3, 4


class Band(NamedTuple):
    """The lists of a run of tiles. Tiles count row by row from the top left, one image after another."""

    first_tile: int
    last_tile: int  # not included
    offsets: Any  # (tiles + 1,) int64 where each tile's list begins in the row of all lists
    lists: Any  # (largest band,) int32 ids; the band's lists begin at 0
    blocks: int  # that go together over a tile, where a list among all is long, else 1


def tile_lists(
    boxes: Any,  # (E, 4) int16
    first: Any,  # (N + 1,) int64
    image_size: tuple[int, int],
    tile: int = TILE,
    depths: Any = None,  # (E,) float32 or float64
    *,
    workspace_budget: int = WORKSPACE_BUDGET,
    device: Device | None = None,
) -> Iterator[Band]:
    """List the elements over each tile, band by band.

    A GPU is waited for once (for how long the lists are), and once more for every 1,024 bands.

    Args:
        boxes: Of the elements, in pixels: first and last column and row (x0, y0, x1, y1), both included,
            within the image; x1 < x0: it touches nothing.
        first: Image n has the elements [first[n], first[n + 1]).
        image_size: (H, W), pixels.
        tile: Side of a tile, pixels.
        depths: The order of a list: by depth, then id; not NaN. None: by id on the CPU, none on a GPU.
        workspace_budget: Bytes of lists that are held at once; at least one tile's are.
        device: Where to run; by default where the arrays are. NumPy arrays run on the CPU schedule.

    Returns:
        An iterator of `Band`. The next band overwrites the lists of the one before.

    Raises:
        ValueError: An argument of a wrong dtype, shape or range.

    Example:
        >>> boxes = np.array([[0, 0, 7, 0], [5, 0, 5, 1]], np.int16)  # a row, and two pixels of a column
        >>> (band,) = tile_lists(boxes, np.array([0, 2]), (2, 8), tile=4)
        >>> band.offsets.tolist(), band.lists.tolist()
        ([0, 1, 3], [0, 0, 1])
    """
    sizes = check_shape(_WHERE, "boxes", boxes, "E 4")
    check_dtype(_WHERE, "boxes", boxes, "int16")
    check_shape(_WHERE, "first", first, "N+1")
    check_dtype(_WHERE, "first", first, "int64")
    if depths is not None:
        check_shape(_WHERE, "depths", depths, "E", **sizes)
        check_dtype(_WHERE, "depths", depths, "float32", "float64")
    if sizes["E"] > MAX_PACKED:
        raise ValueError(f"{_WHERE}: boxes has {sizes['E']} rows, at most {MAX_PACKED} are taken")
    if not all(0 < side <= MAX_IMAGE_SIDE for side in image_size):
        raise ValueError(f"{_WHERE}: image_size must lie in 1..{MAX_IMAGE_SIDE} pixels, got {image_size}")
    if not 0 < tile <= MAX_IMAGE_SIDE:
        raise ValueError(f"{_WHERE}: tile must lie in 1..{MAX_IMAGE_SIDE} pixels, got {tile}")
    arrays = arrays_like(boxes)
    if device is None and isinstance(arrays, NumpyArrays):
        return _on_cpu(boxes, first, image_size, tile, depths, workspace_budget, arrays)
    lists = TileLists(arrays, device or device_of(arrays), sizes["E"], first, image_size, tile, boxes=boxes)
    return lists.bands(workspace_budget, in_order=depths is not None, depths=depths)


class TileLists:
    """The lists of a GPU's rasterizer, whose kernel fills in the boxes.

    Attributes:
        boxes: (E, 4) int16, for the kernel to write.
        mark: (1,) int64, zero: what the kernel writes here comes to the host with the lists' lengths, for the
            same wait.
    """

    def __init__(
        self, arrays: Arrays, device: Device, elements: int, first: Any, image_size: tuple[int, int],
        tile: int = TILE, *, boxes: Any = None,
    ) -> None:  # fmt: skip
        self.boxes = arrays.empty((elements, 4), "int16") if boxes is None else boxes
        self.mark_value = 0
        self._first, self._image_size, self._tile = first, image_size, tile
        self._images = len(first) - 1
        self._down, self._across = (blocks_for(side, tile) for side in image_size)
        self._tiles = self._images * self._down * self._across
        self._arrays, self._device = arrays, device
        self._numbers = arrays.full((_BAND_ENDS + MOST_BANDS,), 0, "int64")
        self.mark = self._numbers[:1]

    def bands(self, budget: int, *, in_order: bool = False, depths: Any = None) -> Iterator[Band]:
        """Make the lists; see `tile_lists`. Nothing is yielded where the kernel has left a mark, which is
        then in ``mark_value``.

        Args:
            budget: Bytes of lists that are held at once.
            in_order: Sort the lists; else they are in the order in which atomics ran.
            depths: (E,) sort by depth first, then by id.
        """
        arrays, tiles, num_elements = self._arrays, self._tiles, len(self.boxes)
        real = "float32" if depths is None else dtype_name(depths)
        kernels = self._device.kernels(_WHERE, real)

        def launch(name: str, grid: int, *arguments: Any) -> None:
            kernels.launch(f"tile_lists_{name}", grid, *arguments, stream=arrays.stream)

        elements = self.boxes, self._first, num_elements, self._images, *self._image_size, self._tile
        offsets = arrays.full((tiles + 1,), 0, "int64")  # elements a tile, then where their lists begin
        launch("count", blocks_for(num_elements), *elements, offsets)
        rows, lines = self._images * self._down, self._images * self._across
        launch("sum_rows", blocks_for(rows), offsets, rows, self._across)
        launch(
            "sum_columns", blocks_for(lines), offsets, self._images, self._down, self._across, self._numbers
        )
        exclusive_scan(offsets, tiles + 1, self._device.kernels("scan", "float32"), arrays)
        cursors = arrays.full((tiles,), 0, "int32")
        begin, longest, numbers = 0, 0, self._numbers
        while True:
            launch("bands", 1, offsets, tiles, begin, budget // _BYTES, MOST_BANDS, numbers)
            # The one wait: the lists' memory depends on it.
            told = arrays.numpy(numbers).tolist()
            if begin == 0:
                self.mark_value, longest = told[0], told[_LONGEST]
                if self.mark_value:
                    return
            lists = arrays.empty((told[_LARGEST_BAND],), "int32")
            for end in filter(None, told[_BAND_ENDS:]):
                if told[_LARGEST_BAND]:
                    launch("fill", blocks_for(num_elements), *elements, begin, end, offsets, cursors, lists)
                if in_order and longest:
                    launch("sort", end - begin, offsets, begin, depths, lists)
                yield Band(begin, end, offsets, lists, BLOCKS_THAT_SHARE if longest > LONG_LIST else 1)
                begin = end
            if begin == tiles:
                return
            numbers = arrays.full((_BAND_ENDS + MOST_BANDS,), 0, "int64")


def _on_cpu(
    boxes: np.ndarray, first: np.ndarray, image_size: tuple[int, int], tile: int, depths: Any, budget: int,
    arrays: Arrays,
) -> Iterator[Band]:  # fmt: skip
    if len(first) == 0 or first[0] != 0 or first[-1] != len(boxes) or (first[1:] < first[:-1]).any():
        raise ValueError(f"{_WHERE}: first must rise from 0 to the number of boxes, {len(boxes)}")
    if len(boxes) and (boxes[:, :2].min() < 0 or (boxes[:, 2:].max(0) >= image_size[::-1]).any()):
        raise ValueError(f"{_WHERE}: boxes must lie within the image of {image_size} pixels")
    tiles = (len(first) - 1) * blocks_for(image_size[0], tile) * blocks_for(image_size[1], tile)
    offsets = arrays.empty((tiles + 1,), "int64")
    make, elements = native().tile_lists_fwd, (boxes, first, image_size, tile, depths, budget)
    make(*elements, 0, tiles, offsets, None)
    bands, begin = [], 0
    while begin < tiles:
        end = int(np.searchsorted(offsets, offsets[begin] + budget // _BYTES, side="right")) - 1
        bands.append((begin, min(max(end, begin + 1), tiles)))
        begin = bands[-1][1]
    largest = max((int(offsets[end] - offsets[begin]) for begin, end in bands), default=0)
    lists = arrays.empty((largest,), "int32")
    for begin, end in bands:
        make(*elements, begin, end, offsets, lists)
        yield Band(begin, end, offsets, lists, 1)
