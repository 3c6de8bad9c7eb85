"""Lists of the boxes over each tile of a picture: a rasterizer's coarse stage alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from r3d_cli.backend.tile_lists import TILE, tile_lists
from r3d_cli.bench.arrays import as_numpy, as_torch, to_device
from r3d_cli.bench.suite import Case, Place, Selection, Suite

_BOXES = {"quick": (10_000,), "default": (10_000, 1_000_000), "full": (10_000, 100_000, 1_000_000)}
_SIZE = 1024


@dataclass(frozen=True)
class Inputs:
    """Arrays are on the device."""

    boxes: Any  # (E, 4) int16
    first: Any  # (2,) int64
    depths: Any  # (E,) float32
    size: int


def cases(selection: Selection) -> Iterator[Case]:
    for boxes in selection.sizes or _BOXES[selection.level]:
        yield {"boxes": boxes, "image": _SIZE}


def make_inputs(case: Case, place: Place) -> Inputs:
    """Boxes of one to 24 pixels a side, anywhere; lists by depth, as splats need them."""
    rng = np.random.default_rng(0)
    count, size = int(case["boxes"] or 0), int(case["image"] or 0)
    corner, extent = rng.integers(0, size, (count, 2)), rng.integers(0, 24, (count, 2))
    boxes = np.concatenate([corner, np.minimum(corner + extent, size - 1)], 1).astype(np.int16)
    put = to_device(place.device)
    depths = put(rng.uniform(1, 2, count).astype(np.float32))
    return Inputs(put(boxes), put(np.array([0, count])), depths, size)


def ours(inputs: Inputs) -> Callable[[], Any]:
    def call() -> Any:
        (band,) = tile_lists(inputs.boxes, inputs.first, (inputs.size, inputs.size), TILE, inputs.depths)
        return band

    return call


def outcome(inputs: Inputs, result: Any) -> dict[str, Any]:
    return {"offsets": as_numpy(result.offsets), "lists": as_numpy(result.lists)}


def reference(inputs: Inputs) -> dict[str, Any]:
    from r3d_cli.reference.tile_lists import tile_lists

    given = (as_torch(as_numpy(array)) for array in (inputs.boxes, inputs.first, inputs.depths))
    boxes, first, depths = given
    lists = tile_lists(boxes, first, (inputs.size, inputs.size), TILE, depths)
    return {
        "offsets": np.cumsum([0, *map(len, lists)]),
        "lists": np.array([i for one in lists for i in one], np.int32),
    }


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    wrong = [name for name, array in expected.items() if not np.array_equal(outcome[name], array)]
    return f"{' and '.join(wrong)} differ" if wrong else ""


def work(inputs: Inputs) -> dict[str, float]:
    """Boxes and depths are read, an id for each tile of a box is written."""
    boxes = as_numpy(inputs.boxes).astype(np.int64) // TILE
    entries = ((boxes[:, 2] - boxes[:, 0] + 1) * (boxes[:, 3] - boxes[:, 1] + 1)).sum()
    return {"bytes": float(12 * len(boxes) + 4 * entries)}


suite = Suite(
    name="tile-lists",
    about="which boxes lie over each tile of a picture",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=(),
    tiny={"boxes": 60, "image": 40},
    work=work,
)
