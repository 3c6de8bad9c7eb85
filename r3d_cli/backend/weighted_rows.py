"""Weighted sums of a few rows and their gradients, on raw arrays: the launcher below the library's
``weighted_rows``.

NumPy arrays run on the CPU schedule; arrays of a GPU run the CUDA kernels there. No PyTorch here. All take
``device``: where to run; by default where the arrays are.

An id of no row is an IndexError on the CPU. On a GPU, which would have to be waited for, the sum is NaN.
"""

from __future__ import annotations

from typing import Any

from r3d_cli.backend.launch import Device
from r3d_cli.backend.run import Run


def weighted_rows_fwd(
    rows: Any,  # (T, C) float32 or float64
    ids: Any,  # (P, J) int64
    weights: Any,  # (P, J)
    *,
    device: Device | None = None,
) -> Any:  # (P, C)
    """``sum_j weights[p, j] * rows[ids[p, j]]``.

    Example:
        >>> import numpy as np
        >>> rows = np.array([[0.0, 1.0], [2.0, 3.0]])
        >>> weighted_rows_fwd(rows, np.array([[0, 1]]), np.array([[0.5, 0.5]])).tolist()
        [[1.0, 2.0]]
    """
    run = Run("weighted_rows", rows, device)
    sums = run.empty(len(ids), rows.shape[1])
    given = {"rows": rows, "ids": ids, "weights": weights, "sums": sums}
    _check(run.start("weighted_rows_fwd", len(ids) * rows.shape[1], **given), ids, len(rows))
    return sums


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
    run = Run("weighted_rows", grad, device)
    channels = grad.shape[1]
    in_order = terms is not None
    zeroed = not run.on_cpu and not in_order
    grad_rows = run.full(0, num_rows, channels) if zeroed else run.empty(num_rows, channels)
    given = {"ids": ids, "weights": weights, "grad": grad, "grad_rows": grad_rows}
    if run.on_cpu:
        _check(run.schedule("weighted_rows_rows_bwd", **given), ids, num_rows)
    elif in_order:
        run.launch(
            "weighted_rows_add_in_order", num_rows * channels, {**given, "first": first, "terms": terms}
        )
    else:
        run.launch("weighted_rows_add", ids.shape[0] * ids.shape[1] * channels, given)
    return grad_rows


def weighted_rows_weights_bwd(
    rows: Any,  # (T, C)
    ids: Any,  # (P, J) int64
    grad: Any,  # (P, C)
    *,
    device: Device | None = None,
) -> Any:  # (P, J)
    """The gradient of the weights."""
    run = Run("weighted_rows", rows, device)
    grad_weights = run.empty(*ids.shape)
    given = {"rows": rows, "ids": ids, "grad": grad, "grad_weights": grad_weights}
    _check(run.start("weighted_rows_weights_bwd", ids.shape[0] * ids.shape[1], **given), ids, len(rows))
    return grad_weights


def _check(bad_sum: int, ids: Any, num_rows: int) -> None:
    if bad_sum >= 0:
        named = ids[bad_sum].tolist()
        raise IndexError(f"weighted_rows: ids[{bad_sum}] names a row outside [0, {num_rows}): {named}")
