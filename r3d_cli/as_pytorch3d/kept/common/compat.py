"""What PyTorch3D calls under its own name for the sake of old versions of PyTorch and Python."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

__all__ = ["eigh", "lstsq", "meshgrid_ij", "prod", "qr", "solve"]


def solve(A: Tensor, B: Tensor) -> Tensor:
    """The X of A X = B; ``torch.linalg.solve``."""
    return torch.linalg.solve(A, B)


def lstsq(A: Tensor, B: Tensor) -> Tensor:
    """The X that minimises |A X - B|; of ``torch.linalg.lstsq`` the solution alone.

    Example:
        >>> lstsq(torch.tensor([[1.0], [1.0]]), torch.tensor([[1.0], [3.0]]))
        tensor([[2.0000]])
    """
    return torch.linalg.lstsq(A, B).solution


def qr(A: Tensor) -> tuple[Tensor, Tensor]:
    """``torch.linalg.qr``."""
    return torch.linalg.qr(A)


def eigh(A: Tensor) -> tuple[Tensor, Tensor]:
    """``torch.linalg.eigh``: eigenvalues from the smallest, and eigenvectors as columns."""
    return torch.linalg.eigh(A)


def meshgrid_ij(*A: Tensor | Sequence[Tensor]) -> tuple[Tensor, ...]:
    """``torch.meshgrid`` with rows first.

    Example:
        >>> [grid.shape for grid in meshgrid_ij(torch.arange(2), torch.arange(3))]
        [torch.Size([2, 3]), torch.Size([2, 3])]
    """
    return tuple(torch.meshgrid(*A, indexing="ij"))  # type: ignore[arg-type]


def prod(iterable: Iterable[float], *, start: float = 1) -> float:
    """``math.prod``."""
    return math.prod(iterable, start=start)
