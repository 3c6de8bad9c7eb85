"""Sorts the runs of packed values on a device: the launcher of ``sort_runs.cu``."""

from __future__ import annotations

from typing import Any

from r3d_cli.backend.launch import Device
from r3d_cli.backend.run import Run

LARGE_GRID = 256  # blocks that share the long runs


def sort_runs(
    ends: Any,  # (R,) int64
    values: Any,  # (ends[-1],) int32
    *,
    device: Device | None = None,
) -> Any:  # (R + 1,) int32
    """Sort each run of values in place, ascending.

    Args:
        ends: Where each run ends and the next begins; the first begins at 0.
        values: Those of all runs.
        device: Where to run; by default where the arrays are.

    Returns:
        Where each run begins, and where the last ends.
    """
    run = Run("sort_runs", values, device, "float32")
    num_runs = ends.shape[0]
    first = run.full(0, num_runs + 1, dtype="int32")
    long_runs, num_long = run.empty(num_runs, dtype="int32"), run.full(0, 1, dtype="int32")
    run.launch("sort_runs_short", num_runs, ends, num_runs, values, first, long_runs, num_long)
    if num_runs:
        run.launch("sort_runs_long", (LARGE_GRID,), first, long_runs, num_long, values)
    return first
