"""Exclusive prefix sums on a device: the launcher of ``scan.cu``."""

from __future__ import annotations

from typing import Any

from r3d_cli.backend.arrays import Arrays
from r3d_cli.backend.launch import Kernels, blocks_for

CHUNK = 1024  # values a block scans: kThreads * kItems of scan.cu


def exclusive_scan(values: Any, size: int, kernels: Kernels, arrays: Arrays) -> None:
    """Replace each of the first ``size`` values (int64) by the sum of those before it."""
    chunks = blocks_for(size, CHUNK)
    totals = arrays.empty((chunks,), "int64")
    kernels.launch("scan_chunks", chunks, values, size, totals, stream=arrays.stream)
    if chunks > 1:
        exclusive_scan(totals, chunks, kernels, arrays)
        kernels.launch("scan_add", chunks, values, size, totals, stream=arrays.stream)
