"""Exclusive prefix sums on a device: the launcher of ``scan.cu``."""

from __future__ import annotations

from typing import Any

from r3d_cli.backend.launch import Device, blocks_for
from r3d_cli.backend.run import Run

CHUNK = 1024  # values a block scans: kThreads * kItems of scan.cu


def exclusive_scan(
    values: Any,  # (S,) int64
    *,
    device: Device | None = None,
) -> None:
    """Replace each value by the sum of those before it."""
    run = Run("scan", values, device, "float32")
    size = values.shape[0]
    chunks = blocks_for(size, CHUNK)
    totals = run.empty(chunks, dtype="int64")
    run.launch("scan_chunks", (chunks,), values, size, totals)
    if chunks > 1:
        exclusive_scan(totals, device=run.device)
        run.launch("scan_add", (chunks,), values, size, totals)
