"""tile_lists on the CPU and emulated, against every tile asking every box."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch

from r3d_cli.backend.counts import COUNTS
from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.tile_lists import tile_lists
from r3d_cli.reference import tile_lists as reference

IMAGE = (37, 50)


def random_boxes(*counts: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Of several images: small ones, some over the whole image, some that touch nothing."""
    rng = np.random.default_rng(seed)
    last = np.array(IMAGE[::-1]) - 1
    corner = rng.integers(0, last + 1, (sum(counts), 2))
    boxes = np.concatenate([corner, np.minimum(corner + rng.integers(0, 12, corner.shape), last)], 1)
    boxes[::17] = (0, 0, *last)
    boxes[5::11] = (0, 0, -1, -1)
    return boxes.astype(np.int16), np.cumsum([0, *counts])


def wanted(boxes: np.ndarray, first: np.ndarray, tile: int, depths: np.ndarray | None) -> list[list[int]]:
    given = [None if array is None else torch.from_numpy(array) for array in (boxes, first, depths)]
    return reference.tile_lists(*given[:2], IMAGE, tile, given[2])


def found(*arguments: Any, **options: Any) -> list[list[int]]:
    lists: list[list[int]] = []
    for band in tile_lists(*arguments, **options):
        assert band.first_tile == len(lists)
        begins = band.offsets[band.first_tile : band.last_tile + 1] - band.offsets[band.first_tile]
        lists += [band.lists[begin:end].tolist() for begin, end in pairwise(begins.tolist())]
        assert len(lists) == band.last_tile
    return lists


@pytest.mark.parametrize("budget", [0, 400, 2**20])
@pytest.mark.parametrize("tile", [16, 5])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_the_reference_by_depth(dtype: type, tile: int, budget: int, emulation: Emulation) -> None:
    boxes, first = random_boxes(70, 0, 90)
    depths = np.random.default_rng(1).integers(1, 20, len(boxes)).astype(dtype)  # so that many tie
    want = wanted(boxes, first, tile, depths)
    assert max(map(len, want)) > 8
    for device in (None, emulation):
        options = {"workspace_budget": budget, "device": device}
        assert found(boxes, first, IMAGE, tile, depths, **options) == want


def test_without_depths_a_list_is_a_set_on_a_gpu_and_in_order_on_the_cpu(emulation: Emulation) -> None:
    boxes, first = random_boxes(300)
    want = wanted(boxes, first, 16, None)
    assert found(boxes, first, IMAGE) == want
    assert list(map(sorted, found(boxes, first, IMAGE, device=emulation))) == want


@pytest.mark.parametrize("device", [None, Emulation()], ids=["cpu", "emulated"])
def test_nothing_to_list(device: Emulation | None) -> None:
    none = np.zeros((0, 4), np.int16)
    assert found(none, np.array([0]), IMAGE, device=device) == []
    assert found(none, np.array([0, 0, 0]), IMAGE, device=device) == [[]] * 24


def test_a_gpu_is_waited_for_once_whatever_the_number_of_bands() -> None:
    boxes, first = random_boxes(200)
    for budget, bands in ((2**20, 1), (0, 12)):
        before = COUNTS.copies
        assert (
            len(list(tile_lists(boxes, first, IMAGE, workspace_budget=budget, device=Emulation()))) == bands
        )
        assert COUNTS.copies == before + 1


def test_more_bands_than_one_copy_tells(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("r3d_cli.backend.tile_lists.MOST_BANDS", 5)
    boxes, first = random_boxes(200)
    depths = np.arange(200.0)[::-1].copy()
    before = COUNTS.copies
    assert found(boxes, first, IMAGE, 16, depths, workspace_budget=0, device=Emulation()) == wanted(
        boxes, first, 16, depths
    )
    assert COUNTS.copies == before + 3  # twelve bands


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"boxes": np.zeros((3, 4), np.int32)}, "boxes must be int16"),
        ({"first": np.array([0, 2])}, "first must rise from 0 to the number of boxes, 3"),
        ({"boxes": np.full((3, 4), 60, np.int16)}, "boxes must lie within the image"),
        ({"tile": 0}, "tile must lie in"),
        ({"depths": np.zeros(2)}, "depths must have shape"),
        ({"image_size": (0, 4)}, "image_size must lie in"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    given = {"boxes": np.zeros((3, 4), np.int16), "first": np.array([0, 3]), "image_size": IMAGE}
    with pytest.raises(ValueError, match=message):
        list(tile_lists(**{**given, **change}))
