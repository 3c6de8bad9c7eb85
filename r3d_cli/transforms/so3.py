"""Exponential and logarithm maps of SO(3), and angles of rotations."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.transforms.axis_angle import axis_angle_to_matrix, matrix_to_axis_angle
from r3d_cli.transforms.math import matmul
from r3d_cli.transforms.scripting import check, values_are_known, written


def so3_exp_map(log_rot: Tensor, eps: float = 1e-4) -> Tensor:
    """The rotations of rotation vectors; exact at zero, derivatives included.

    Args:
        log_rot: (N, 3) along the axis, as long as the angle in radians.
        eps: PyTorch3D's floor of the squared angle; nothing needs it here.

    Returns:
        (N, 3, 3) for column vectors.

    Raises:
        ValueError: ``log_rot`` is not (N, 3).

    Example:
        >>> so3_exp_map(torch.zeros(1, 3))
        tensor([[[1., 0., 0.],
                 [0., 1., 0.],
                 [0., 0., 1.]]])
    """
    check("so3_exp_map", "log_rot", log_rot, "N 3")
    return axis_angle_to_matrix(log_rot)


#: The name of `so3_exp_map` in older code.
so3_exponential_map = so3_exp_map


def so3_log_map(R: Tensor, eps: float = 1e-4, cos_bound: float = 1e-4) -> Tensor:
    """The rotation vectors of rotations, with angles in [0, π]; exact at the identity and near π.

    Args:
        R: (N, 3, 3).
        eps: PyTorch3D's floor of the sine of the angle; nothing needs it here.
        cos_bound: PyTorch3D's bound on the cosine of the angle; nothing needs it here.

    Returns:
        (N, 3) radians.

    Raises:
        ValueError: ``R`` is not (N, 3, 3).

    Example:
        >>> so3_log_map(torch.eye(3)[None])
        tensor([[0., 0., 0.]])
    """
    check("so3_log_map", "R", R, "N 3 3")
    return matrix_to_axis_angle(R)


def so3_rotation_angle(
    R: Tensor, eps: float = 1e-4, cos_angle: bool = False, cos_bound: float = 1e-4
) -> Tensor:
    """The angles of rotations.

    From sine and cosine together, so that the angle is exact at 0 and π as well, where arccos has lost half
    its digits. Its derivative does not exist there: it is returned as zero.

    Args:
        R: (N, 3, 3).
        eps: How far the trace may lie outside [-1, 3].
        cos_angle: Return the cosines instead.
        cos_bound: PyTorch3D's bound on the cosine, within which it extrapolates arccos; nothing needs it
            here.

    Returns:
        (N,) radians in [0, π], or cosines.

    Raises:
        ValueError: ``R`` is not (N, 3, 3), or a trace is none of a rotation.

    Example:
        >>> so3_rotation_angle(torch.eye(3)[None])
        tensor([0.])
    """
    check("so3_rotation_angle", "R", R, "N 3 3")
    trace = R.diagonal(dim1=-2, dim2=-1).sum(-1)
    if values_are_known() and bool(((trace < -1 - eps) | (trace > 3 + eps)).any()):
        raise ValueError(
            "so3_rotation_angle: R must hold rotations, whose traces are in [-1, 3]; got one of "
            f"{written(float(trace[(trace - 1).abs().argmax()]))}"
        )
    cosine = 0.5 * (trace - 1)
    if cos_angle:
        return cosine
    return torch.atan2(torch.linalg.vector_norm(0.5 * hat_inv(R - R.mT), dim=-1), cosine)


def so3_relative_angle(
    R1: Tensor, R2: Tensor, cos_angle: bool = False, cos_bound: float = 1e-4, eps: float = 1e-4
) -> Tensor:
    """The angles between rotations: those of R1 R2ᵀ. See `so3_rotation_angle`.

    Args:
        R1: (N, 3, 3).
        R2: (N, 3, 3).
        cos_angle: Return the cosines instead.
        cos_bound: As in `so3_rotation_angle`.
        eps: How far the trace of R1 R2ᵀ may lie outside [-1, 3].

    Returns:
        (N,) radians in [0, π], or cosines.

    Raises:
        ValueError: The shapes are not as above, or a trace is none of a rotation.

    Example:
        >>> so3_relative_angle(torch.eye(3)[None], torch.eye(3)[None])
        tensor([0.])
    """
    check("so3_relative_angle", "R1", R1, "N 3 3")
    check("so3_relative_angle", "R2", R2, "N 3 3")
    return so3_rotation_angle(matmul(R1, R2.mT), cos_angle=cos_angle, cos_bound=cos_bound, eps=eps)


def hat(v: Tensor) -> Tensor:
    """(..., 3, 3) skew-symmetric matrices of (..., 3) vectors: hat(v) @ x = v × x."""
    x, y, z = v.unbind(-1)
    zero = torch.zeros_like(x)
    return torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], -1).unflatten(-1, (3, 3))


def hat_inv(h: Tensor) -> Tensor:
    """(..., 3) vectors of (..., 3, 3) skew-symmetric matrices: the inverse of `hat`."""
    return torch.stack([h[..., 2, 1], h[..., 0, 2], h[..., 1, 0]], -1)
