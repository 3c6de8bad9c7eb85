"""Weighted sums of a few rows and their gradients, on raw arrays: the launcher below the library's
``weighted_rows``.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here. All take
``device``: where to run; by default where the arrays are.

An id of no row is an IndexError on the CPU. On a GPU, which would have to be waited for, the sum is NaN.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from r3d_cli.backend.arrays import arrays_like
from r3d_cli.backend.cpu import native
from r3d_cli.backend.launch import Device, blocks_for, device_of
from r3d_cli.checks import dtype_name


def weighted_rows_fwd(
    rows: Any,  # (T, C) float32 or float64
    ids: Any,  # (P, J) int64
    weights: Any,  # (P, J)
    *,
    device: Device | None = None,
) -> Any:  # (P, C)
    """``sum_j weights[p, j] * rows[ids[p, j]]``.

    Example:
        >>> rows = np.array([[0.0, 1.0], [2.0, 3.0]])
        >>> weighted_rows_fwd(rows, np.array([[0, 1]]), np.array([[0.5, 0.5]])).tolist()
        [[1.0, 2.0]]
    """
    run = _Run(rows, ids, device)
    num_rows, channels = rows.shape
    out = run.arrays.empty((len(ids), channels), run.real)
    if run.on_host:
        run.check(native().weighted_rows_fwd(rows, ids, weights, out), num_rows)
    elif len(ids) * channels:
        given = rows, ids, weights, num_rows, *ids.shape, channels, out
        run.launch("fwd", len(ids) * channels, *given)
    return out


def weighted_rows_rows_bwd(
    ids: Any,  # (P, J) int64
    weights: Any,  # (P, J)
    grad: Any,  # (P, C)
    num_rows: int,
    first: Any | None = None,  # (T + 1,) int32
    terms: Any | None = None,  # (>= P J,) int32
    *,
    device: Device | None = None,
) -> Any:  # (T, C)
    """The gradient of the rows.

    Args:
        ids: As in the forward.
        weights: As in the forward.
        grad: Of the sums.
        num_rows: T.
        first: With ``terms``, for a GPU to add in one order: where the terms of each row begin in ``terms``.
            The CPU does so without.
        terms: The terms J p + j of each row, ascending.
        device: Where to run.
    """
    run = _Run(grad, ids, device)
    channels = grad.shape[1]
    if run.on_host:
        grad_rows = run.arrays.empty((num_rows, channels), run.real)
        run.check(native().weighted_rows_rows_bwd(ids, weights, grad, grad_rows), num_rows)
    elif terms is not None and num_rows * channels:
        grad_rows = run.arrays.empty((num_rows, channels), run.real)
        given = first, terms, weights, grad, num_rows, ids.shape[1], channels, grad_rows
        run.launch("add_in_order", num_rows * channels, *given)
    else:
        grad_rows = run.arrays.full((num_rows, channels), 0, run.real)
        if weights.shape[0] * weights.shape[1] * channels:
            given = ids, weights, grad, num_rows, *ids.shape, channels, grad_rows
            run.launch("add", ids.shape[0] * ids.shape[1] * channels, *given)
    return grad_rows


def weighted_rows_weights_bwd(
    rows: Any,  # (T, C)
    ids: Any,  # (P, J) int64
    grad: Any,  # (P, C)
    *,
    device: Device | None = None,
) -> Any:  # (P, J)
    """The gradient of the weights."""
    run = _Run(rows, ids, device)
    num_rows, channels = rows.shape
    grad_weights = run.arrays.empty(tuple(ids.shape), run.real)
    if run.on_host:
        run.check(native().weighted_rows_weights_bwd(rows, ids, grad, grad_weights), num_rows)
    elif ids.shape[0] * ids.shape[1]:
        given = rows, ids, grad, num_rows, *ids.shape, channels, grad_weights
        run.launch("weights_bwd", ids.shape[0] * ids.shape[1], *given)
    return grad_weights


class _Run:
    """What the three launches share."""

    def __init__(self, reals: Any, ids: Any, device: Device | None) -> None:
        self.arrays, self.real, self._ids = arrays_like(reals), dtype_name(reals), ids
        self.on_host = device is None and isinstance(reals, np.ndarray)
        self._device = device

    def launch(self, name: str, threads: int, *arguments: Any) -> None:
        device = self._device or device_of(self.arrays)
        device.kernels("weighted_rows", self.real).launch(
            f"weighted_rows_{name}", blocks_for(threads), *arguments, stream=self.arrays.stream
        )

    def check(self, bad_sum: int, num_rows: int) -> None:
        """Raise what the CPU schedule found."""
        if bad_sum >= 0:
            named = self._ids[bad_sum].tolist()
            raise IndexError(f"weighted_rows: ids[{bad_sum}] names a row outside [0, {num_rows}): {named}")
