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

from r3d_cli.checks import check_dtype, check_shape
from r3d_cli.transforms.math import matmul, safe_atan2, sine_quotient, versine_quotient

FLOATS = ("float32", "float64", "float16", "bfloat16")
AXES = "XYZ"


def check_floats(where: str, name: str, value: Tensor, shape: str) -> None:
    """Hold floats against the trailing dimensions ``shape``."""
    check_shape(where, name, value, f"... {shape}")
    check_dtype(where, name, value, *FLOATS)


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
    check_floats("quaternion_to_matrix", "quaternions", quaternions, "4")
    w, x, y, z = _normalized(quaternions)[0].unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    xy, xz, yz, wx, wy, wz = x * y, x * z, y * z, w * x, w * y, w * z
    return _matrix(
        1 - 2 * (yy + zz), 2 * (xy - wz), 2 * (xz + wy),
        2 * (xy + wz), 1 - 2 * (xx + zz), 2 * (yz - wx),
        2 * (xz - wy), 2 * (yz + wx), 1 - 2 * (xx + yy),
    )  # fmt: skip


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
    check_floats("matrix_to_quaternion", "matrix", matrix, "3 3")
    m00, m01, m02, m10, m11, m12, m20, m21, m22 = matrix.flatten(-2).unbind(-1)
    ww, xx, yy, zz = 1 + m00 + m11 + m22, 1 + m00 - m11 - m22, 1 - m00 + m11 - m22, 1 - m00 - m11 + m22
    wx, wy, wz = m21 - m12, m02 - m20, m10 - m01
    xy, xz, yz = m01 + m10, m02 + m20, m12 + m21
    rows = torch.stack([ww, wx, wy, wz, wx, xx, xy, xz, wy, xy, yy, yz, wz, xz, yz, zz], -1)
    rows = rows.unflatten(-1, (4, 4))  # 4 q qᵀ
    largest = torch.stack([ww, xx, yy, zz], -1).argmax(-1)[..., None, None]
    row = rows.take_along_dim(largest, -2)[..., 0, :]
    component = row.take_along_dim(largest[..., 0], -1).sqrt()  # 2 q_k >= 1
    return standardize_quaternion(row / (2 * component))


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
    check_floats("standardize_quaternion", "quaternions", quaternions, "4")
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
    check_floats("quaternion_raw_multiply", "a", a, "4")
    check_floats("quaternion_raw_multiply", "b", b, "4")
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
    return standardize_quaternion(quaternion_raw_multiply(a, b))


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
    check_floats("quaternion_invert", "quaternion", quaternion, "4")
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
    check_floats("quaternion_apply", "quaternion", quaternion, "4")
    check_floats("quaternion_apply", "point", point, "3")
    w, v = quaternion[..., :1], quaternion[..., 1:]
    v, point = torch.broadcast_tensors(v, point)
    return (
        (w * w - (v * v).sum(-1, keepdim=True)) * point
        + 2 * (v * point).sum(-1, keepdim=True) * v
        + 2 * w * torch.linalg.cross(v, point)
    )


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
    check_floats("quaternion_to_axis_angle", "quaternions", quaternions, "4")
    w, v = quaternions[..., :1], quaternions[..., 1:]
    length = torch.linalg.vector_norm(v, dim=-1, keepdim=True)  # |q| sin θ/2
    turned = length > 0
    angle = 2 * torch.atan2(length, torch.where(turned, w, 1.0))
    at_zero = torch.where(w == 0, 0.0, 2 / torch.where(w == 0, 1.0, w))
    return v * torch.where(turned, angle / torch.where(turned, length, 1.0), at_zero)


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
    check_floats("axis_angle_to_quaternion", "axis_angle", axis_angle, "3")
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
    check_floats("axis_angle_to_matrix", "axis_angle", axis_angle, "3")
    x, y, z = axis_angle.unbind(-1)
    xx, yy, zz = x * x, y * y, z * z
    square = xx + yy + zz
    sine, versine = sine_quotient(square), versine_quotient(square)
    sx, sy, sz = sine * x, sine * y, sine * z
    vxy, vxz, vyz = versine * x * y, versine * x * z, versine * y * z
    return _matrix(
        1 - versine * (yy + zz), vxy - sz, vxz + sy,
        vxy + sz, 1 - versine * (xx + zz), vyz - sx,
        vxz - sy, vyz + sx, 1 - versine * (xx + yy),
    )  # fmt: skip


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
    check_floats("matrix_to_axis_angle", "matrix", matrix, "3 3")
    return quaternion_to_axis_angle(matrix_to_quaternion(matrix))


def axis_rotation(axis: str, angle: Tensor) -> Tensor:
    """(..., 3, 3) rotations by (...) radians about one of the axes "X", "Y" and "Z"."""
    cosine, sine = angle.cos(), angle.sin()
    one, zero = torch.ones_like(angle), torch.zeros_like(angle)
    if axis == "X":
        return _matrix(one, zero, zero, zero, cosine, -sine, zero, sine, cosine)
    if axis == "Y":
        return _matrix(cosine, zero, sine, zero, one, zero, -sine, zero, cosine)
    return _matrix(cosine, -sine, zero, sine, cosine, zero, zero, zero, one)


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
    check_floats("euler_angles_to_matrix", "euler_angles", euler_angles, "3")
    _axes("euler_angles_to_matrix", convention)
    first, second, third = (
        axis_rotation(axis, angle) for axis, angle in zip(convention, euler_angles.unbind(-1), strict=True)
    )
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
    check_floats("matrix_to_euler_angles", "matrix", matrix, "3 3")
    i, j, k = _axes("matrix_to_euler_angles", convention)
    other = 3 - i - j  # the axis that is neither the first nor the second
    sign = 1.0 if (j - i) % 3 == 1 else -1.0
    row = matrix[..., i, :].unbind(-1)
    if i == k:
        sine, cosine, partner, turn = row[j], sign * row[other], other, -sign
    else:
        sine, cosine, partner, turn = -sign * row[j], row[i], i, sign
    # Nearer to the pole than rounding lets one see, direction is noise.
    third = safe_atan2(sine, cosine, least=8 * torch.finfo(matrix.dtype).eps)
    radius = torch.linalg.vector_norm(torch.stack([sine, cosine]), dim=0)
    second = torch.atan2(radius, row[i]) if i == k else torch.atan2(sign * row[k], radius)
    c, s = third.cos(), turn * third.sin()
    left = [c * matrix[..., axis, j] + s * matrix[..., axis, partner] for axis in (j, other)]
    first = torch.atan2(sign * left[1], left[0])
    return torch.stack([first, second, third], -1)


def _axes(where: str, convention: str) -> tuple[int, int, int]:
    letters = convention if isinstance(convention, str) else ""
    if len(letters) != 3 or not set(letters) <= set(AXES) or letters[1] in (letters[0], letters[2]):
        raise ValueError(
            f"{where}: convention must be three of the letters X, Y and Z with neighbours different, "
            f"got {convention!r}"
        )
    first, second, third = (AXES.index(letter) for letter in letters)
    return first, second, third


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
    check_floats("rotation_6d_to_matrix", "d6", d6, "6")
    first, _ = _normalized(d6[..., :3], fallback=d6.new_tensor([1.0, 0.0, 0.0]))
    second, nonzero = _normalized(d6[..., 3:])
    farthest = torch.nn.functional.one_hot(first.detach().abs().argmin(-1), 3).to(d6.dtype)
    rest = second - (first * second).sum(-1, keepdim=True) * first
    apart = torch.linalg.vector_norm(rest.detach(), dim=-1, keepdim=True) > 8 * torch.finfo(d6.dtype).eps
    second = torch.where(apart & nonzero, second, farthest)
    rest = second - (first * second).sum(-1, keepdim=True) * first
    second, _ = _normalized(rest)
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
    check_floats("matrix_to_rotation_6d", "matrix", matrix, "3 3")
    return matrix[..., :2, :].clone().flatten(-2)


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
    normal = torch.randn((n, 4), dtype=dtype, device=device)
    length = torch.linalg.vector_norm(normal, dim=-1, keepdim=True)
    return normal / torch.copysign(length, normal[:, :1])


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


def _normalized(vectors: Tensor, fallback: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """(..., D) vectors over their lengths, and (..., 1) whether they have one: if not, ``fallback`` stands in
    with zero derivative."""
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    nonzero = length > 0
    return torch.where(nonzero, vectors / torch.where(nonzero, length, 1.0), fallback), nonzero


def _matrix(*entries: Tensor) -> Tensor:
    """(..., 3, 3) of nine (...), row by row."""
    return torch.stack(entries, -1).unflatten(-1, (3, 3))
