"""Weighted sums of a few rows: barycentric interpolation takes three, bilinear filtering four."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def weighted_rows(
    rows: Tensor,  # (T, C)
    ids: Tensor,  # (P, J) int64
    weights: Tensor,  # (P, J)
) -> Tensor:  # (P, C)
    """``sum_j weights[p, j] * rows[ids[p, j]]``, with gradients to the rows and the weights.

    The rows gathered are never stored: memory beyond the result does not depend on J.

    Example:
        >>> rows = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
        >>> weighted_rows(rows, torch.tensor([[0, 1]]), torch.tensor([[0.5, 0.5]]))
        tensor([[1., 2.]])
    """
    dtype = torch.promote_types(rows.dtype, weights.dtype)
    return _WeightedRows.apply(rows.to(dtype), ids, weights.to(dtype))


class _WeightedRows(torch.autograd.Function):
    """The forward is an embedding bag; PyTorch's backward of one sorts the ids, which takes ten times as long
    as adding up the rows."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor, ids: Tensor, weights: Tensor) -> Tensor:
        ctx.save_for_backward(rows, ids, weights)
        return functional.embedding_bag(ids, rows, per_sample_weights=weights, mode="sum")

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, None, Tensor | None]:
        (grad,) = grad_outputs
        rows, ids, weights = ctx.saved_tensors
        grad_rows = grad_weights = None
        if ctx.needs_input_grad[0]:
            grad_rows = torch.zeros_like(rows)
            for id_j, weight_j in zip(ids.unbind(1), weights.unbind(1), strict=True):
                grad_rows.index_add_(0, id_j, weight_j[:, None] * grad)
        if ctx.needs_input_grad[2]:
            grad_weights = torch.stack([(rows[id_j] * grad).sum(1) for id_j in ids.unbind(1)], dim=1)
        return grad_rows, None, grad_weights
