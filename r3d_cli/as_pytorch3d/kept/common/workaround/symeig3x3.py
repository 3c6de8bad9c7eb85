"""Eigenvalues of symmetric 3 x 3 matrices."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.checks import check_shape

__all__ = ["symeig3x3"]


def symeig3x3(inputs: Tensor, eigenvectors: bool = True) -> tuple[Tensor, Tensor | None]:
    """Eigenvalues (..., 3) from the smallest and, as columns, eigenvectors (..., 3, 3) of symmetric matrices.

    Example:
        >>> symeig3x3(torch.diag(torch.tensor([3.0, 1.0, 2.0])), eigenvectors=False)[0]
        tensor([1., 2., 3.])
    """
    check_shape("symeig3x3", "inputs", inputs, "... 3 3")
    if eigenvectors:
        return tuple(torch.linalg.eigh(inputs))
    return torch.linalg.eigvalsh(inputs), None
