"""Rotations as matrices, quaternions, rotation vectors, Euler angles and 6D vectors.

Matrices rotate column vectors, R @ x (a `Transform3d` holds their transposes). Quaternions have the real part
first, (w, x, y, z) = (cos θ/2, sin θ/2 · axis); q and -q are the same rotation. All functions take any number
of leading dimensions, none or empty ones included, and float16 to float64.

Values and derivatives are finite everywhere. Where a derivative does not exist, each function says what it
returns; elsewhere it is exact to rounding, also beside identity, rotations by π and gimbal lock.
"""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.transforms.axis_angle import (
    axis_angle_to_matrix,
    axis_angle_to_quaternion,
    matrix_to_axis_angle,
    quaternion_to_axis_angle,
)
from r3d_cli.transforms.euler_angles import euler_angles_to_matrix, matrix_to_euler_angles
from r3d_cli.transforms.quaternions import (
    matrix_to_quaternion,
    quaternion_apply,
    quaternion_invert,
    quaternion_multiply,
    quaternion_raw_multiply,
    quaternion_to_matrix,
    random_quaternions,
    standardize_quaternion,
)
from r3d_cli.transforms.rotation_6d import matrix_to_rotation_6d, rotation_6d_to_matrix
from r3d_cli.transforms.scripting import check_count

__all__ = [
    "axis_angle_to_matrix",
    "axis_angle_to_quaternion",
    "euler_angles_to_matrix",
    "matrix_to_axis_angle",
    "matrix_to_euler_angles",
    "matrix_to_quaternion",
    "matrix_to_rotation_6d",
    "quaternion_apply",
    "quaternion_invert",
    "quaternion_multiply",
    "quaternion_raw_multiply",
    "quaternion_to_axis_angle",
    "quaternion_to_matrix",
    "random_quaternions",
    "random_rotation",
    "random_rotations",
    "rotation_6d_to_matrix",
    "standardize_quaternion",
]


def random_rotations(
    n: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """Rotations drawn uniformly from SO(3), from torch's random numbers.

    Args:
        n: How many.
        dtype: None is torch's default.
        device: None is torch's default.

    Returns:
        (n, 3, 3).

    Example:
        >>> random_rotations(5).shape
        torch.Size([5, 3, 3])
    """
    if not torch.jit.is_scripting():
        check_count("random_rotations", "n", n)
    return quaternion_to_matrix(random_quaternions(n, dtype, device))


def random_rotation(dtype: torch.dtype | None = None, device: torch.device | str | None = None) -> Tensor:
    """One rotation drawn uniformly from SO(3); see `random_rotations`.

    Args:
        dtype: None is torch's default.
        device: None is torch's default.

    Returns:
        (3, 3).

    Example:
        >>> random_rotation().shape
        torch.Size([3, 3])
    """
    return random_rotations(1, dtype, device)[0]
