"""Quaternions, real part first: (w, x, y, z) = (cos θ/2, sin θ/2 · axis); q and -q are one rotation."""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.transforms.math import matrix_of, normalized
from r3d_cli.transforms.scripting import check, check_count


def quaternion_to_matrix(quaternions: Tensor) -> Tensor:
    """The rotation of q / |q|. A zero quaternion gives the identity with zero derivative.

    Args:
        quaternions: (..., 4) of any length, real part first.

    Returns:
        (..., 3, 3).

    Raises:
        ValueError: The last dimension is not 4.

    Example:
        >>> quaternion_to_matrix(torch.tensor([2.0, 0.0, 0.0, 0.0]))
        tensor([[1., 0., 0.],
                [0., 1., 0.],
                [0., 0., 1.]])
    """
    check("quaternion_to_matrix", "quaternions", quaternions, "... 4")
    w, x, y, z = normalized(quaternions)[0].unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    xy, xz, yz, wx, wy, wz = x * y, x * z, y * z, w * x, w * y, w * z
    return matrix_of([
        1 - 2 * (yy + zz), 2 * (xy - wz), 2 * (xz + wy),
        2 * (xy + wz), 1 - 2 * (xx + zz), 2 * (yz - wx),
        2 * (xz - wy), 2 * (yz + wx), 1 - 2 * (xx + yy),
    ])  # fmt: skip


def matrix_to_quaternion(matrix: Tensor) -> Tensor:
    """The unit quaternion of a rotation, real part not negative.

    The candidate with the largest component is taken (Shepperd, "Quaternion from Rotation Matrix", 1978): the
    square root is then of a number of at least 1, whatever the matrix. A rotation by π has two quaternions;
    the derivative is that of the one returned.

    Args:
        matrix: (..., 3, 3) rotations.

    Returns:
        (..., 4), real part first.

    Raises:
        ValueError: The last dimensions are not 3, 3.

    Example:
        >>> matrix_to_quaternion(torch.diag(torch.tensor([1.0, -1.0, -1.0])))
        tensor([0., 1., 0., 0.])
    """
    check("matrix_to_quaternion", "matrix", matrix, "... 3 3")
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = matrix.flatten(-2).unbind(-1)
    ww, xx, yy, zz = 1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22
    wx, wy, wz = m21 - m12, m02 - m20, m10 - m01
    xy, xz, yz = m01 + m10, m02 + m20, m12 + m21
    # The rows of 4 q qᵀ with their diagonals: the larger of each two, then of these.
    by_w = ww, torch.stack([ww, wx, wy, wz], -1)
    by_x = xx, torch.stack([wx, xx, xy, xz], -1)
    by_y = yy, torch.stack([wy, xy, yy, yz], -1)
    by_z = zz, torch.stack([wz, xz, yz, zz], -1)
    square, row = _larger(_larger(by_w, by_x), _larger(by_y, by_z))  # 4 q_k² >= 1, 4 q_k q
    return standardize_quaternion(0.5 * square.rsqrt()[..., None] * row)


def _larger(a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Of two (diagonal (...), row (..., 4)) the one with the larger diagonal."""
    first = a[0] >= b[0]
    return torch.where(first, a[0], b[0]), torch.where(first[..., None], a[1], b[1])


def standardize_quaternion(quaternions: Tensor) -> Tensor:
    """q or -q, whichever has a real part that is not negative.

    Args:
        quaternions: (..., 4), real part first.

    Returns:
        (..., 4).

    Raises:
        ValueError: The last dimension is not 4.

    Example:
        >>> standardize_quaternion(torch.tensor([-0.6, 0.8, 0.0, 0.0]))
        tensor([ 0.6000, -0.8000, -0.0000, -0.0000])
    """
    check("standardize_quaternion", "quaternions", quaternions, "... 4")
    return torch.where(quaternions[..., :1] < 0, -quaternions, quaternions)


def quaternion_raw_multiply(a: Tensor, b: Tensor) -> Tensor:
    """The Hamilton product a b: first b rotates, then a.

    Args:
        a: (..., 4), real part first.
        b: (..., 4), broadcast against ``a``.

    Returns:
        (..., 4).

    Raises:
        ValueError: A last dimension is not 4.

    Example:
        >>> i, j = torch.tensor([0.0, 1.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 1.0, 0.0])
        >>> quaternion_raw_multiply(i, j)
        tensor([0., 0., 0., 1.])
    """
    return _product("quaternion_raw_multiply", a, b)


def _product(where: str, a: Tensor, b: Tensor) -> Tensor:
    check(where, "a", a, "... 4")
    check(where, "b", b, "... 4")
    aw, ax, ay, az = a.unbind(-1)
    bw, bx, by, bz = b.unbind(-1)
    return torch.stack(
        [
            aw * bw - ax * bx - ay * by - az * bz,
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
        ],
        -1,
    )


def quaternion_multiply(a: Tensor, b: Tensor) -> Tensor:
    """The Hamilton product a b with a real part that is not negative.

    Args:
        a: (..., 4), real part first.
        b: (..., 4), broadcast against ``a``.

    Returns:
        (..., 4).

    Raises:
        ValueError: A last dimension is not 4.

    Example:
        >>> i = torch.tensor([0.0, 1.0, 0.0, 0.0])
        >>> quaternion_multiply(i, i)
        tensor([1., -0., -0., -0.])
    """
    return standardize_quaternion(_product("quaternion_multiply", a, b))


def quaternion_invert(quaternion: Tensor) -> Tensor:
    """The conjugate: the inverse rotation of a unit quaternion.

    Args:
        quaternion: (..., 4), real part first.

    Returns:
        (..., 4).

    Raises:
        ValueError: The last dimension is not 4.

    Example:
        >>> quaternion_invert(torch.tensor([0.5, 0.5, 0.5, 0.5]))
        tensor([ 0.5000, -0.5000, -0.5000, -0.5000])
    """
    check("quaternion_invert", "quaternion", quaternion, "... 4")
    return torch.cat([quaternion[..., :1], -quaternion[..., 1:]], -1)


def quaternion_apply(quaternion: Tensor, point: Tensor) -> Tensor:
    """Rotate points: the vector part of q p q̄. A quaternion that is not of unit length scales by |q|².

    Args:
        quaternion: (..., 4), real part first.
        point: (..., 3), broadcast against ``quaternion``.

    Returns:
        (..., 3).

    Raises:
        ValueError: The last dimensions are not 4 and 3.

    Example:
        >>> quaternion_apply(torch.tensor([0.0, 0.0, 0.0, 1.0]), torch.tensor([1.0, 2.0, 3.0]))
        tensor([-1., -2.,  3.])
    """
    check("quaternion_apply", "quaternion", quaternion, "... 4")
    check("quaternion_apply", "point", point, "... 3")
    w, v = quaternion[..., :1], quaternion[..., 1:]
    v, point = torch.broadcast_tensors(v, point)
    if v.dtype != point.dtype:  # of which the cross product takes one
        wider = torch.promote_types(v.dtype, point.dtype)
        v, point = v.to(wider), point.to(wider)
    return (
        (w * w - (v * v).sum(-1, keepdim=True)) * point
        + 2 * (v * point).sum(-1, keepdim=True) * v
        + 2 * w * torch.linalg.cross(v, point)
    )


def random_quaternions(
    n: int, dtype: torch.dtype | None = None, device: torch.device | str | None = None
) -> Tensor:
    """Unit quaternions of rotations drawn uniformly, from torch's random numbers.

    Args:
        n: How many.
        dtype: None is torch's default.
        device: None is torch's default.

    Returns:
        (n, 4), real part first and not negative.

    Example:
        >>> _ = torch.manual_seed(0)
        >>> random_quaternions(2).norm(dim=-1)
        tensor([1., 1.])
    """
    if not torch.jit.is_scripting():
        check_count("random_quaternions", "n", n)
    if isinstance(device, str):  # torch.jit.script takes no union here
        device = torch.device(device)
    normal = torch.randn((n, 4), dtype=dtype, device=device)
    length = torch.linalg.vector_norm(normal, dim=-1, keepdim=True)
    return normal / torch.copysign(length, normal[:, :1])
