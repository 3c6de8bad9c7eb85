"""Rotations as two vectors that are made orthonormal."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.transforms.math import normalized
from r3d_cli.transforms.scripting import check, eps


def rotation_6d_to_matrix(d6: Tensor) -> Tensor:
    """The rotation whose first two rows are two vectors made orthonormal (Zhou et al., "On the Continuity of
    Rotation Representations in Neural Networks", 2019).

    The result is a rotation for every input: zero for the first vector counts as the x axis; a second one
    that is zero or parallel to the first, as the coordinate axis that is farthest from the first. These
    substitutes have zero derivative.

    Args:
        d6: (..., 6) the two vectors.

    Returns:
        (..., 3, 3).

    Raises:
        ValueError: The last dimension is not 6.

    Example:
        >>> rotation_6d_to_matrix(torch.tensor([2.0, 0.0, 0.0, 1.0, 1.0, 0.0]))
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 1.]])
    """
    check("rotation_6d_to_matrix", "d6", d6, "... 6")
    first, nonzero = normalized(d6[..., :3])
    first = torch.where(nonzero, first, torch.eye(3, dtype=d6.dtype, device=d6.device)[0])
    second, nonzero = normalized(d6[..., 3:])
    smallest = first.detach().abs().argmin(-1, keepdim=True)
    farthest = (torch.arange(3, device=d6.device) == smallest).to(d6.dtype)
    rest = second - (first * second).sum(-1, keepdim=True) * first
    apart = torch.linalg.vector_norm(rest.detach(), dim=-1, keepdim=True) > 8 * eps(d6)
    second = torch.where(apart & nonzero, second, farthest)
    rest = second - (first * second).sum(-1, keepdim=True) * first
    second, _ = normalized(rest)
    return torch.stack([first, second, torch.linalg.cross(first, second)], -2)


def matrix_to_rotation_6d(matrix: Tensor) -> Tensor:
    """The first two rows of a matrix.

    Args:
        matrix: (..., 3, 3) rotations.

    Returns:
        (..., 6).

    Raises:
        ValueError: The last dimensions are not 3, 3.

    Example:
        >>> matrix_to_rotation_6d(torch.eye(3))
        tensor([1., 0., 0., 0., 1., 0.])
    """
    check("matrix_to_rotation_6d", "matrix", matrix, "... 3 3")
    return matrix[..., :2, :].clone().flatten(-2)
