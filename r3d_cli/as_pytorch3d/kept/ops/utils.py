"""Gathering with padding."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.checks import check_shape

__all__ = ["masked_gather"]


def masked_gather(points: Tensor, idx: Tensor) -> Tensor:
    """Rows of each cloud by their ids, zeros where an id is -1.

    Args:
        points: (N, P, D).
        idx: (N, K) or (N, P', K) int64 ids into P; -1: none.

    Returns:
        (N, K, D) or (N, P', K, D).

    Example:
        >>> masked_gather(torch.ones(1, 2, 3), torch.tensor([[1, -1]])).tolist()
        [[[1.0, 1.0, 1.0], [0.0, 0.0, 0.0]]]
    """
    sizes = check_shape("masked_gather", "points", points, "N P D")
    if idx.dim() not in (2, 3) or len(idx) != len(points):
        raise ValueError(
            f"masked_gather: idx must have shape (N, K) or (N, P', K) with N = {sizes['N']}, "
            f"got {tuple(idx.shape)}"
        )
    ids = idx.clamp(min=0).flatten(1)[..., None].expand(-1, -1, points.shape[2])
    rows = points.gather(1, ids).reshape(*idx.shape, points.shape[2])
    return torch.where((idx < 0)[..., None], rows.new_zeros(()), rows)
