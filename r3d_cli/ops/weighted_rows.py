"""Weighted sums of a few rows: barycentric interpolation takes three, bilinear filtering four."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import pad

from r3d_cli.backend import weighted_rows as backend
from r3d_cli.checks import check_dtype, check_floats, check_shape
from r3d_cli.ops.bridge import prepare
from r3d_cli.ops.declare import Op, declare
from r3d_cli.ops.vertex_corners import vertex_corners

_REALS = (torch.float32, torch.float64)


def weighted_rows(
    rows: Tensor,  # (T, C)
    ids: Tensor,  # (P, J) int64
    weights: Tensor,  # (P, J)
) -> Tensor:  # (P, C)
    """``sum_j weights[p, j] * rows[ids[p, j]]``, with gradients to the rows and the weights, of any order.

    The rows gathered are never stored: memory beyond the result does not depend on J. The gradient of a row
    adds what its sums give it in their order, so it repeats bit by bit: always on the CPU, whatever the
    number of threads, on a GPU under ``torch.use_deterministic_algorithms(True)``.

    Args:
        rows: (T, C), floating point.
        ids: (P, J) int64, which rows; one may stand there often.
        weights: (P, J); integers are taken as floats.

    Returns:
        (P, C) in the wider of the two dtypes.

    Raises:
        ValueError: A wrong shape, dtype or device.
        IndexError: An id of no row. On a GPU, which would have to be waited for, the sum is NaN instead.

    Example:
        >>> import torch
        >>> rows = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
        >>> weighted_rows(rows, torch.tensor([[0, 1]]), torch.tensor([[0.5, 0.5]]))
        tensor([[1., 2.]])
    """
    where = "weighted_rows"
    rows, ids, weights = prepare(where, rows=rows, ids=ids, weights=weights)
    check_floats(where, "rows", rows, "T C")
    sizes = check_shape(where, "ids", ids, "P J")
    check_dtype(where, "ids", ids, "int64")
    check_shape(where, "weights", weights, "P J", **sizes)
    dtype = torch.promote_types(rows.dtype, weights.dtype)
    real = dtype if dtype in _REALS else torch.float32  # halves are computed with as floats
    return _fwd(rows.to(real), ids, weights.to(real)).to(dtype)


# -- Each of the three is linear in its real arguments, and its gradients are the other two.


def _grad_rows(ids: Tensor, weights: Tensor, grad: Tensor, rows: Tensor) -> Tensor:
    first = terms = None
    if grad.is_cuda and torch.are_deterministic_algorithms_enabled():
        # As corners of faces, the terms come sorted by row; what fills the last face up names a row too many.
        flat = pad(ids.flatten(), (0, -ids.numel() % 3), value=len(rows))
        first, terms = vertex_corners(flat.reshape(-1, 3), len(rows) + 1)
    return _rows_bwd(ids, weights, grad, rows.shape[0], first, terms)


_fwd: Op = declare(
    "weighted_rows_fwd(rows: real (T, C), ids: int64 (P, J), weights: real (P, J)) -> sums: real (P, C)",
    backend.weighted_rows_fwd,
    {
        "rows": lambda ids, weights, grad_sums, rows: _grad_rows(ids, weights, grad_sums, rows),
        "weights": lambda rows, ids, grad_sums: _weights_bwd(rows, ids, grad_sums),
    },
)
_rows_bwd: Op = declare(
    "weighted_rows_rows_bwd(ids: int64 (P, J), weights: real (P, J), grad: real (P, C), num_rows: int T,"
    " first: int32? (A,), terms: int32? (B,)) -> out: real (T, C)",
    backend.weighted_rows_rows_bwd,
    {
        "weights": lambda ids, grad, grad_out: _weights_bwd(grad_out, ids, grad),
        "grad": lambda ids, weights, grad_out: _fwd(grad_out, ids, weights),
    },
)
_weights_bwd: Op = declare(
    "weighted_rows_weights_bwd(rows: real (T, C), ids: int64 (P, J), grad: real (P, C)) -> out: real (P, J)",
    backend.weighted_rows_weights_bwd,
    {
        "rows": lambda ids, grad, grad_out, rows: _grad_rows(ids, grad_out, grad, rows),
        "grad": lambda rows, ids, grad_out: _fwd(rows, ids, grad_out),
    },
)
