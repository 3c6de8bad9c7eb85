"""A run of the kernels of tile_lists."""

from __future__ import annotations

from typing import Any

import numpy as np
from machines import Machine

from r3d_cli.backend.arrays import arrays_like
from r3d_cli.backend.tile_lists import tile_lists


def exercise(on: Machine) -> None:
    """Boxes for a thread and for a block, several blocks; lists that are sorted, in several bands."""
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 90, (600, 2))
    boxes = np.concatenate([corner, np.minimum(corner + rng.integers(0, 9, (600, 2)), 89)], 1)
    boxes[::40] = (0, 0, 89, 89)
    given = boxes.astype(np.int16), np.array([0, 350, 350, 600]), (90, 90), 16, rng.uniform(1, 2, 600)
    for budget in (1 << 20, 4 * 600):
        for got, want in zip(
            on(copied, *given, workspace_budget=budget), copied(*given, workspace_budget=budget), strict=True
        ):
            np.testing.assert_array_equal(got, want)


def copied(*arguments: Any, **options: Any) -> list[np.ndarray]:
    """The lists of each band: those of the next overwrite them."""
    found = []
    for band in tile_lists(*arguments, **options):
        offsets, lists = (arrays_like(array).numpy(array) for array in (band.offsets, band.lists))
        held = offsets[band.last_tile] - offsets[band.first_tile]
        found += [offsets.copy(), lists[:held].copy()]
    return found
