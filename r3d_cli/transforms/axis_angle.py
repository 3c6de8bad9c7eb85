"""Rotation vectors: along the axis, as long as the angle in radians."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.transforms.math import matrix_of, normalized, sine_quotient, versine_quotient
from r3d_cli.transforms.quaternions import matrix_to_quaternion
from r3d_cli.transforms.scripting import check, largest_exponent


def quaternion_to_axis_angle(quaternions: Tensor) -> Tensor:
    """The rotation vector of q / |q|: along the axis, as long as the angle in [0, 2π).

    A negative real part means an angle above π; use `standardize_quaternion` before to get the shorter way
    round. A zero quaternion gives zeros with zero derivative, (-w, 0, 0, 0) zeros with the derivative of
    (w, 0, 0, 0).

    Args:
        quaternions: (..., 4) of any length, real part first.

    Returns:
        (..., 3) radians.

    Raises:
        ValueError: The last dimension is not 4.

    Example:
        >>> quaternion_to_axis_angle(torch.tensor([0.0, 0.0, 2.0, 0.0]))
        tensor([0.0000, 3.1416, 0.0000])
    """
    check("quaternion_to_axis_angle", "quaternions", quaternions, "... 4")
    unit, _ = normalized(quaternions)
    w, v = unit[..., :1], unit[..., 1:]
    # Squares of the smallest would lose digits; times a power of two, those of 1 still do not overflow.
    scale = 2.0 ** (largest_exponent(v) // 2 - 4)
    length = torch.linalg.vector_norm(scale * v, dim=-1, keepdim=True) / scale  # sin θ/2
    still = length == 0
    angle = 2 * torch.atan2(length, w.masked_fill(still, 1.0))
    # θ / sin θ/2 at zero; a zero quaternion has no real part either.
    limit = (2 / w.masked_fill(w == 0, 1.0)).masked_fill(w == 0, 0.0)
    return v * torch.where(still, limit, angle / length.masked_fill(still, 1.0))


def axis_angle_to_quaternion(axis_angle: Tensor) -> Tensor:
    """The unit quaternion of a rotation vector.

    Args:
        axis_angle: (..., 3) along the axis, as long as the angle in radians.

    Returns:
        (..., 4), real part first; negative for angles from π to 3π.

    Raises:
        ValueError: The last dimension is not 3.

    Example:
        >>> axis_angle_to_quaternion(torch.zeros(3))
        tensor([1., 0., 0., 0.])
    """
    check("axis_angle_to_quaternion", "axis_angle", axis_angle, "... 3")
    half = 0.5 * axis_angle
    square = (half * half).sum(-1, keepdim=True)
    return torch.cat([1 - square * versine_quotient(square), sine_quotient(square) * half], -1)


def axis_angle_to_matrix(axis_angle: Tensor, fast: bool = False) -> Tensor:
    """The rotation matrix of a rotation vector, by Rodrigues' formula.

    Args:
        axis_angle: (..., 3) along the axis, as long as the angle in radians.
        fast: PyTorch3D's choice between two ways; both are this one here.

    Returns:
        (..., 3, 3).

    Raises:
        ValueError: The last dimension is not 3.

    Example:
        >>> axis_angle_to_matrix(torch.zeros(3))
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 1.]])
    """
    check("axis_angle_to_matrix", "axis_angle", axis_angle, "... 3")
    x, y, z = axis_angle.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    square = xx + yy + zz
    sine, versine = sine_quotient(square), versine_quotient(square)
    sx, sy, sz = sine * x, sine * y, sine * z
    vxy, vxz, vyz = versine * x * y, versine * x * z, versine * y * z
    return matrix_of([
        1 - versine * (yy + zz), vxy - sz, vxz + sy,
        vxy + sz, 1 - versine * (xx + zz), vyz - sx,
        vxz - sy, vyz + sx, 1 - versine * (xx + yy),
    ])  # fmt: skip


def matrix_to_axis_angle(matrix: Tensor, fast: bool = False) -> Tensor:
    """The rotation vector of a rotation matrix, of an angle in [0, π].

    A rotation by π has two; the derivative is that of the one returned.

    Args:
        matrix: (..., 3, 3) rotations.
        fast: PyTorch3D's choice between two ways; both are one here, through the quaternion, which is
            accurate for every angle.

    Returns:
        (..., 3) radians.

    Raises:
        ValueError: The last dimensions are not 3, 3.

    Example:
        >>> matrix_to_axis_angle(torch.diag(torch.tensor([-1.0, 1.0, -1.0])))
        tensor([0.0000, 3.1416, 0.0000])
    """
    check("matrix_to_axis_angle", "matrix", matrix, "... 3 3")
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))
