"""Points and vectors with a row for each coordinate.

Sums over three columns are several times slower in PyTorch than sums over three rows, and so is the gradient
of rows that are gathered.
"""

from __future__ import annotations

import torch
from torch import Tensor


def by_coordinate(points: Tensor) -> Tensor:  # (P, 3) -> (3, P)
    """The same points, a row for each coordinate."""
    return points.T.contiguous()


def corners_of(
    points: Tensor,  # (3, V)
    ids: Tensor,  # (P, J)
) -> tuple[Tensor, ...]:  # J of (3, P)
    """The J points of each element, such as both ends of edges."""
    return tuple(points.index_select(1, column) for column in ids.unbind(1))


def dot(a: Tensor, b: Tensor) -> Tensor:  # (3, P), (3, P) -> (P,)
    return (a * b).sum(0)


def lengths(vectors: Tensor) -> Tensor:  # (3, P) -> (P,)
    """Their lengths; the gradient of a vector of length zero is zero."""
    return dot(vectors, vectors).clamp(min=torch.finfo(vectors.dtype).tiny).sqrt()
