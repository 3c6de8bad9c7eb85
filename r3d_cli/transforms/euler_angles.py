"""Euler angles in all twelve conventions: three rotations about axes that move along (intrinsic)."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.transforms.math import matmul, matrix_of, safe_atan2
from r3d_cli.transforms.scripting import check, eps

AXES = "XYZ"


def axis_rotation(axis: str, angle: Tensor) -> Tensor:
    """(..., 3, 3) rotations by (...) radians about one of the axes "X", "Y" and "Z"."""
    cosine, sine = angle.cos(), angle.sin()
    one, zero = torch.ones_like(angle), torch.zeros_like(angle)
    if axis == "X":
        return matrix_of([one, zero, zero, zero, cosine, -sine, zero, sine, cosine])
    if axis == "Y":
        return matrix_of([cosine, zero, sine, zero, one, zero, -sine, zero, cosine])
    return matrix_of([cosine, -sine, zero, sine, cosine, zero, zero, zero, one])


def euler_angles_to_matrix(euler_angles: Tensor, convention: str) -> Tensor:
    """The product of rotations about three axes, R_1 R_2 R_3: intrinsic, as SciPy's upper-case sequences.

    Args:
        euler_angles: (..., 3) radians.
        convention: Three of the letters "X", "Y" and "Z", neighbours different: "XYZ", "ZXZ".

    Returns:
        (..., 3, 3).

    Raises:
        ValueError: The last dimension is not 3, or there is no such convention.

    Example:
        >>> euler_angles_to_matrix(torch.zeros(3), "XYZ")
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 1.]])
    """
    check("euler_angles_to_matrix", "euler_angles", euler_angles, "... 3")
    check_convention("euler_angles_to_matrix", convention)
    first = axis_rotation(convention[0], euler_angles[..., 0])
    second = axis_rotation(convention[1], euler_angles[..., 1])
    third = axis_rotation(convention[2], euler_angles[..., 2])
    return matmul(matmul(first, second), third)


def matrix_to_euler_angles(matrix: Tensor, convention: str) -> Tensor:
    """The angles of rotations about three axes whose product R_1 R_2 R_3 is the matrix.

    The third angle is found first, and the first one from what is left when it is undone (after Shoemake,
    "Euler Angle Conversion", 1994), so that the angles give the matrix back in gimbal lock too. There, only
    the sum or difference of the outer angles is determined: the third is 0 with zero derivative.

    Args:
        matrix: (..., 3, 3) rotations.
        convention: Three of the letters "X", "Y" and "Z", neighbours different: "XYZ", "ZXZ".

    Returns:
        (..., 3) radians: the outer angles in [-π, π]; the middle one in [-π/2, π/2] if the axes are three, in
        [0, π] if the outer ones are the same.

    Raises:
        ValueError: The last dimensions are not 3, 3, or there is no such convention.

    Example:
        >>> locked = euler_angles_to_matrix(torch.tensor([0.5, torch.pi / 2, 0.25]), "XYZ")
        >>> matrix_to_euler_angles(locked, "XYZ")
        tensor([0.7500, 1.5708, 0.0000])
    """
    check("matrix_to_euler_angles", "matrix", matrix, "... 3 3")
    check_convention("matrix_to_euler_angles", convention)
    i, j, k = "XYZ".find(convention[0]), "XYZ".find(convention[1]), "XYZ".find(convention[2])
    other = 3 - i - j  # the axis that is neither the first nor the second
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    row = matrix[..., i, :].unbind(-1)
    if i == k:
        sine, cosine, partner, turn = row[j], sign * row[other], other, -sign
    else:
        sine, cosine, partner, turn = -sign * row[j], row[i], i, sign
    # Nearer to the pole than this, rounding alone decides the direction.
    third = safe_atan2(sine, cosine, least=8 * eps(matrix))
    radius = torch.linalg.vector_norm(torch.stack([sine, cosine]), dim=0)
    second = safe_atan2(radius, row[i]) if i == k else safe_atan2(sign * row[k], radius)
    c, s = third.cos(), turn * third.sin()
    left = [c * matrix[..., axis, j] + s * matrix[..., axis, partner] for axis in (j, other)]
    first = safe_atan2(sign * left[1], left[0])
    return torch.stack([first, second, third], -1)


def check_convention(where: str, convention: str) -> None:
    """Raise a ValueError unless these are three axes, neighbours different."""
    letters = convention if isinstance(convention, str) else ""
    known = len(letters) == 3 and letters[0] in "XYZ" and letters[1] in "XYZ" and letters[2] in "XYZ"
    if not known or letters[1] == letters[0] or letters[1] == letters[2]:
        raise ValueError(
            f"{where}: convention must be three of the letters X, Y and Z with neighbours different, "
            f"got '{convention}'"
        )
