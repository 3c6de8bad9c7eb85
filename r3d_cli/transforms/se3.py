"""Exponential and logarithm maps of SE(3): rigid transforms as 6D vectors, translation part first.

Matrices are those of `Transform3d`, for row vectors: the rotation transposed, the translation in the last
row. Formulas: Eade, "Lie Groups for 2D and 3D Transformations", 2013, section 3.
"""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.transforms.axis_angle import axis_angle_to_matrix, matrix_to_axis_angle
from r3d_cli.transforms.math import cotangent_defect_quotient, sine_defect_quotient, versine_quotient
from r3d_cli.transforms.scripting import check, values_are_known


def se3_exp_map(log_transform: Tensor, eps: float = 1e-4) -> Tensor:
    """Rigid transforms of their logarithms; exact at zero, derivatives included.

    Args:
        log_transform: (N, 6) the translation part, then the rotation vector in radians.
        eps: PyTorch3D's floor of the squared angle; nothing needs it here.

    Returns:
        (N, 4, 4) for row vectors: expm([[hat(ω), u], [0, 0]])ᵀ of (u, ω).

    Raises:
        ValueError: ``log_transform`` is not (N, 6).

    Example:
        >>> se3_exp_map(torch.tensor([[1.0, 2.0, 3.0, 0.0, 0.0, 0.0]]))[0, 3]
        tensor([1., 2., 3., 1.])
    """
    check("se3_exp_map", "log_transform", log_transform, "N 6")
    u, omega = log_transform[:, :3], log_transform[:, 3:]
    square = (omega * omega).sum(-1, keepdim=True)
    once = torch.linalg.cross(omega, u)
    twice = torch.linalg.cross(omega, once)
    translation = u + versine_quotient(square) * once + sine_defect_quotient(square) * twice
    rows = torch.cat([axis_angle_to_matrix(omega).mT, translation[:, None]], 1)  # (N, 4, 3)
    last = torch.eye(4, dtype=rows.dtype, device=rows.device)[:, 3:].expand(rows.shape[0], 4, 1)
    return torch.cat([rows, last], 2)


def se3_log_map(transform: Tensor, eps: float = 1e-4, cos_bound: float = 1e-4) -> Tensor:
    """Logarithms of rigid transforms, rotations of up to π; exact at the identity and near π.

    Args:
        transform: (N, 4, 4) for row vectors.
        eps: PyTorch3D's floor of the squared angle; nothing needs it here.
        cos_bound: PyTorch3D's bound on the cosine of the angle; nothing needs it here.

    Returns:
        (N, 6) the translation part, then the rotation vector in radians.

    Raises:
        ValueError: ``transform`` is not (N, 4, 4), or its last column not (0, 0, 0, 1).

    Example:
        >>> se3_log_map(torch.eye(4)[None])
        tensor([[0., 0., 0., 0., 0., 0.]])
    """
    check("se3_log_map", "transform", transform, "N 4 4")
    if values_are_known() and bool((transform[:, :3, 3].abs() > 1e-5).any()):
        raise ValueError("se3_log_map: transform[:, :3, 3] must be 0: rigid transforms for row vectors")
    omega = matrix_to_axis_angle(transform[:, :3, :3].mT)
    translation = transform[:, 3, :3]
    square = (omega * omega).sum(-1, keepdim=True)
    once = torch.linalg.cross(omega, translation)
    twice = torch.linalg.cross(omega, once)
    u = translation - 0.5 * once + cotangent_defect_quotient(square) * twice
    return torch.cat([u, omega], -1)
