"""Sorts the runs of packed values on a device: the launcher of ``sort_runs.cu``."""

from __future__ import annotations

from typing import Any

from r3d_cli.backend.arrays import Arrays
from r3d_cli.backend.launch import Kernels, blocks_for

LARGE_GRID = 256  # blocks that share the long runs


def sort_runs(ends: Any, values: Any, num_runs: int, kernels: Kernels, arrays: Arrays) -> Any:
    """Sort each run of values (int32) in place, ascending.

    Args:
        ends: (R,) int64, where each run ends and the next begins; the first begins at 0.
        values: (ends[-1],) int32.
        num_runs: R.
        kernels: Of ``sort_runs.cu``.
        arrays: The library of the arrays.

    Returns:
        (R + 1,) int32, where each run begins, and where the last ends.
    """
    first = arrays.full((num_runs + 1,), 0, "int32")
    long_runs = arrays.empty((num_runs,), "int32")
    num_long = arrays.full((1,), 0, "int32")
    kernels.launch(
        "sort_runs_short", blocks_for(num_runs), ends, num_runs, values, first, long_runs, num_long,
        stream=arrays.stream,
    )  # fmt: skip
    if num_runs:
        kernels.launch("sort_runs_long", LARGE_GRID, first, long_runs, num_long, values, stream=arrays.stream)
    return first
