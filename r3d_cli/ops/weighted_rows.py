"""Weighted sums of a few rows: barycentric interpolation takes three, bilinear filtering four."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from r3d_cli.backend import weighted_rows as backend
from r3d_cli.checks import check_dtype, check_floats, check_shape
from r3d_cli.ops.bridge import differentiate, prepare, register
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


def _grad_rows(ids: Tensor, weights: Tensor, grad: Tensor, num_rows: int) -> Tensor:
    first = terms = None
    if grad.is_cuda and torch.are_deterministic_algorithms_enabled():
        # As corners of faces, the terms come sorted by row; what fills the last face up names a row too many.
        flat = pad(ids.flatten(), (0, -ids.numel() % 3), value=num_rows)
        first, terms = vertex_corners(flat.reshape(-1, 3), num_rows + 1)
    return _rows_bwd(ids, weights, grad, num_rows, first, terms)


# -- The ops. Each of the three is linear in its real arguments, and its gradients are the other two.


def _save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    ctx.save_for_backward(*inputs[:3])
    if len(inputs) > 3:
        ctx.num_rows = inputs[3]


def _backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    rows, ids, weights = ctx.saved_tensors
    needs = ctx.needs_input_grad
    grad_rows = _grad_rows(ids, weights, grad, rows.shape[0]) if needs[0] else None
    return grad_rows, None, _weights_bwd(rows, ids, grad) if needs[2] else None


def _backward_rows(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # grad: (T, C)
    ids, weights, grad_sums = ctx.saved_tensors
    needs = ctx.needs_input_grad
    grad_weights = _weights_bwd(grad, ids, grad_sums) if needs[1] else None
    return None, grad_weights, _fwd(grad, ids, weights) if needs[2] else None, None, None, None


def _backward_weights(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # grad: (P, J)
    rows, ids, grad_sums = ctx.saved_tensors
    needs = ctx.needs_input_grad
    grad_rows = _grad_rows(ids, grad, grad_sums, rows.shape[0]) if needs[0] else None
    return grad_rows, None, _fwd(rows, ids, grad) if needs[2] else None


_fwd = register(
    "weighted_rows_fwd(Tensor rows, Tensor ids, Tensor weights) -> Tensor",
    backend.weighted_rows_fwd,
    lambda rows, ids, weights: rows.new_empty((ids.shape[0], rows.shape[1])),
)
_rows_bwd = register(
    "weighted_rows_rows_bwd(Tensor ids, Tensor weights, Tensor grad, SymInt num_rows, Tensor? first,"
    " Tensor? terms) -> Tensor",
    backend.weighted_rows_rows_bwd,
    lambda ids, weights, grad, num_rows, first, terms: grad.new_empty((num_rows, grad.shape[1])),
)
_weights_bwd = register(
    "weighted_rows_weights_bwd(Tensor rows, Tensor ids, Tensor grad) -> Tensor",
    backend.weighted_rows_weights_bwd,
    lambda rows, ids, grad: rows.new_empty(ids.shape),
)
differentiate(_fwd, _save, _backward)
differentiate(_rows_bwd, _save, _backward_rows)
differentiate(_weights_bwd, _save, _backward_weights)
