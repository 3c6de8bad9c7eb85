"""The slow and obvious weighted sums of rows."""

from __future__ import annotations

from torch import Tensor


def weighted_rows(
    rows: Tensor,  # (T, C)
    ids: Tensor,  # (P, J)
    weights: Tensor,  # (P, J)
) -> Tensor:  # (P, C)
    return (weights[..., None] * rows[ids]).sum(1)
