"""The coarse stage of a rasterizer on raw arrays: which elements may touch each tile of a picture.

Elements (faces, points, splats) are boxes of pixels; their lists are exact, and made band by band (a band is
a run of tiles) within a budget of memory. NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA
kernels there. No PyTorch here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from r3d_cli.backend.launch import Device, blocks_for
from r3d_cli.backend.run import Run
from r3d_cli.backend.scan import exclusive_scan
from r3d_cli.checks import check_dtype, check_shape, dtype_name
from r3d_cli.constants import LONG_LIST, MAX_IMAGE_SIDE, MAX_PACKED, WORKSPACE_BUDGET

TILE = 16  # pixels a side: kTile of gpu/tile_faces.h
BLOCKS_THAT_SHARE = 16  # a tile whose list is long: kShares of gpu/tile_walk.h
MOST_BANDS = 1024  # that one copy to the host tells
_BYTES = 4  # of an entry of a list
_WHERE = "tile_lists"

#: Where the numbers stand of which the host is told: Number of tile_lists.h.
_LONGEST, _LARGEST_BAND, _BAND_ENDS = 2, 3, 4
#: Fields of the record that only some kernels look at.
_NO_BAND = {"first_tile": 0, "last_tile": 0, "capacity": 0}


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
    if device is None and isinstance(boxes, np.ndarray):
        given = {
            "boxes": boxes,
            "depths": depths,
            "height": image_size[0],
            "width": image_size[1],
            "tile": tile,
            **_NO_BAND,
        }
        real = "float32" if depths is None else dtype_name(depths)
        return _on_cpu(Run(_WHERE, boxes, real=real), first, workspace_budget, given)
    lists = TileLists(boxes, sizes["E"], first, image_size, tile, device=device, boxes=boxes, depths=depths)
    return lists.bands(workspace_budget, in_order=depths is not None)


class TileLists:
    """The lists of a GPU's rasterizer, whose kernel fills in the boxes.

    Attributes:
        boxes: (E, 4) int16, for the kernel to write.
        mark: (1,) int64, zero: what the kernel writes here comes to the host with the lists' lengths, for the
            same wait, and is then in ``mark_value``.
    """

    def __init__(
        self,
        like: Any,
        elements: int,
        first: Any,
        image_size: tuple[int, int],
        tile: int = TILE,
        *,
        device: Device | None = None,
        boxes: Any = None,
        depths: Any = None,
    ) -> None:
        """``like``: an array of the library and the place that lists are for."""
        self._run = Run(_WHERE, like, device, "float32" if depths is None else dtype_name(depths))
        self.boxes = self._run.empty(elements, 4, dtype="int16") if boxes is None else boxes
        self._numbers = self._run.full(0, _BAND_ENDS + MOST_BANDS, dtype="int64")
        self.mark, self.mark_value = self._numbers[:1], 0
        self._images = len(first) - 1
        self._down, self._across = (blocks_for(side, tile) for side in image_size)
        self._tiles = self._images * self._down * self._across
        self._given = {
            "boxes": self.boxes,
            "first": first,
            "depths": depths,
            "height": image_size[0],
            "width": image_size[1],
            "tile": tile,
            **_NO_BAND,
        }

    def bands(self, budget: int, *, in_order: bool = False) -> Iterator[Band]:
        """Make the lists; see `tile_lists`. Nothing is yielded where the kernel has left a mark.

        Args:
            budget: Bytes of lists that are held at once.
            in_order: Sort the lists; else they are in the order in which atomics ran.
        """
        run, tiles, elements = self._run, self._tiles, len(self.boxes)
        given = {**self._given, "offsets": run.full(0, tiles + 1, dtype="int64"), "numbers": self._numbers}
        run.launch("tile_lists_count", elements, given)
        run.launch("tile_lists_sum_rows", self._images * self._down, given)
        run.launch("tile_lists_sum_columns", self._images * self._across, given)
        exclusive_scan(given["offsets"], device=run.device)
        given["cursors"] = run.full(0, tiles, dtype="int32")
        begin, longest = 0, 0
        while True:
            run.launch("tile_lists_bands", 1, {**given, "first_tile": begin, "capacity": budget // _BYTES})
            # The one wait: how much memory the lists take depends on it.
            told = run.arrays.numpy(given["numbers"]).tolist()
            if begin == 0:
                self.mark_value, longest = told[0], told[_LONGEST]
                if self.mark_value:
                    return
            given["list"] = run.empty(told[_LARGEST_BAND], dtype="int32")
            for end in filter(None, told[_BAND_ENDS:]):
                band = {**given, "first_tile": begin, "last_tile": end}
                if told[_LARGEST_BAND]:
                    run.launch("tile_lists_fill", elements, band)
                if in_order and longest:
                    run.launch("tile_lists_sort", (end - begin,), band)
                blocks = BLOCKS_THAT_SHARE if longest > LONG_LIST else 1
                yield Band(begin, end, given["offsets"], given["list"], blocks)
                begin = end
            if begin == tiles:
                return
            given["numbers"] = run.full(0, _BAND_ENDS + MOST_BANDS, dtype="int64")


def _on_cpu(run: Run, first: np.ndarray, budget: int, given: dict[str, Any]) -> Iterator[Band]:
    boxes, image_size, tile = given["boxes"], (given["height"], given["width"]), given["tile"]
    if len(first) == 0 or first[0] != 0 or first[-1] != len(boxes) or (first[1:] < first[:-1]).any():
        raise ValueError(f"{_WHERE}: first must rise from 0 to the number of boxes, {len(boxes)}")
    if len(boxes) and (boxes[:, :2].min() < 0 or (boxes[:, 2:].max(0) >= image_size[::-1]).any()):
        raise ValueError(f"{_WHERE}: boxes must lie within the image of {image_size} pixels")
    tiles = (len(first) - 1) * blocks_for(image_size[0], tile) * blocks_for(image_size[1], tile)
    offsets, capacity = run.empty(tiles + 1, dtype="int64"), budget // _BYTES
    given = {**given, "first": first, "offsets": offsets, "capacity": capacity, "num_numbers": 0}
    run.schedule("tile_lists_fwd", **given)
    bands, begin = [], 0
    while begin < tiles:
        end = int(np.searchsorted(offsets, offsets[begin] + capacity, side="right")) - 1
        bands.append((begin, min(max(end, begin + 1), tiles)))
        begin = bands[-1][1]
    largest = max((int(offsets[end] - offsets[begin]) for begin, end in bands), default=0)
    lists = run.empty(largest, dtype="int32")
    for begin, end in bands:
        run.schedule("tile_lists_fwd", **{**given, "list": lists, "first_tile": begin, "last_tile": end})
        yield Band(begin, end, offsets, lists, 1)
