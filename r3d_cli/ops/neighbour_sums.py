"""Sums over the neighbours of each vertex: what the uniform Laplacian is made of."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


def neighbour_sums(
    rows: Tensor,  # (V, C)
    first: Tensor,  # (V + 1,) int64
    neighbours: Tensor,  # (2E,) int64
) -> Tensor:  # (V, C)
    """The sum of the rows of each vertex's neighbours, in their order.

    ``neighbours[first[v]:first[v + 1]]`` are those of v. The relation must be symmetric: its transpose, which
    is the gradient, is then the same sum, and neither scatters nor sorts anything.

    Example:
        >>> first, neighbours = torch.tensor([0, 1, 3, 4]), torch.tensor([1, 0, 2, 1])  # 0 - 1 - 2
        >>> neighbour_sums(torch.tensor([[1.0], [10.0], [100.0]]), first, neighbours).flatten()
        tensor([ 10., 101.,  10.])
    """
    if torch.compiler.is_compiling():  # a trace knows no number of neighbours, 0 perhaps
        vertex = torch.arange(len(rows), device=rows.device)
        vertex = vertex.repeat_interleave(first.diff(), output_size=len(neighbours))
        return torch.zeros_like(rows).index_add(0, vertex, rows[neighbours])
    return _NeighbourSums.apply(rows, first, neighbours)


class _NeighbourSums(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, rows: Tensor, first: Tensor, neighbours: Tensor) -> Tensor:
        ctx.save_for_backward(first, neighbours)
        if not len(neighbours):
            return torch.zeros_like(rows)
        return functional.embedding_bag(neighbours, rows, first, mode="sum", include_last_offset=True)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor, None, None]:
        return neighbour_sums(grad_outputs[0].contiguous(), *ctx.saved_tensors), None, None
