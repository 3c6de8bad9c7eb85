"""Numbers as text, through `cuda_src/readers/write_rows.cpp`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def format_rows(pattern: str, *columns: NDArray, decimals: int | None = None) -> bytes:
    """A line of text for each row of the columns.

    Args:
        pattern: The line, with its end; each ``%`` stands for a number.
        columns: Tables (N, W) whose numbers fill the pattern, in their order; integers or floating.
        decimals: Digits after the point; by default the fewest that read back the same.

    Example:
        >>> format_rows("v % % %\\n", np.array([[0.1, 2, 3e-7]], np.float32))
        b'v 0.1 2 3e-07\\n'
        >>> format_rows("f % % %\\n", np.array([[1, 2, 3]]))
        b'f 1 2 3\\n'
    """
    from r3d_cli import _native

    tables: list[NDArray] = [np.ascontiguousarray(column, _native_type(column)) for column in columns]
    return _native.format_rows(pattern.encode(), tables, -1 if decimals is None else decimals)


def _native_type(column: NDArray) -> type:
    if column.dtype.kind != "f":
        return np.int64
    return np.float64 if column.dtype == np.float64 else np.float32
