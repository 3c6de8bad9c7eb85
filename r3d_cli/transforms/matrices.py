"""4x4 matrices for row vectors, as `Transform3d` chains them: made from their parameters, and inverted."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import pad

from r3d_cli.checks import check_shape
from r3d_cli.transforms.math import matmul


def invert(matrix: Tensor) -> Tensor:
    """Of any matrices; torch.linalg.LinAlgError if one is singular."""
    return torch.linalg.inv(matrix)


def translation(xyz: Tensor) -> Tensor:
    """(N, 4, 4) that translate by (N, 3)."""
    return torch.eye(4, dtype=xyz.dtype, device=xyz.device) + pad(xyz[:, None], (0, 1, 3, 0))


def invert_translation(matrix: Tensor) -> Tensor:
    return 2 * torch.eye(4, dtype=matrix.dtype, device=matrix.device) - matrix


def scaling(xyz: Tensor) -> Tensor:
    """(N, 4, 4) that scale by (N, 3)."""
    return torch.diag_embed(pad(xyz, (0, 1), value=1.0))


def invert_scaling(matrix: Tensor) -> Tensor:
    return torch.diag_embed(matrix.diagonal(dim1=-2, dim2=-1).reciprocal())


def rotation(R: Tensor) -> Tensor:
    """(N, 4, 4) that rotate row vectors by (N, 3, 3)."""
    corner = torch.eye(4, dtype=R.dtype, device=R.device)[3].diag()
    return pad(R, (0, 1, 0, 1)) + corner


def invert_rotation(matrix: Tensor) -> Tensor:
    return matrix.mT


def numbers(
    where: str, name: str, value: Any, dtype: torch.dtype | None, device: torch.device | str | None
) -> Tensor:
    """A number, a list or an array as a tensor.

    Raises:
        ValueError: It holds no numbers.
    """
    try:
        return torch.as_tensor(value, dtype=dtype, device=device)
    except (TypeError, ValueError, RuntimeError):
        if isinstance(value, Tensor):  # an unknown device, a lack of memory
            raise
        kind = "None" if value is None else type(value).__name__
        raise ValueError(f"{where}: {name} must be a number or a tensor, got {kind}") from None


def coordinates(
    where: str,
    x: Any,
    y: Any,
    z: Any,
    dtype: torch.dtype,
    device: torch.device | str | None,
    uniform: bool = False,
) -> Tensor:
    """(N, 3) of the forms that `Translate` and `Scale` take; ``uniform``: x alone stands for all three."""
    if device is None:
        device = next((c.device for c in (x, y, z) if isinstance(c, Tensor)), torch.device("cpu"))
    first = numbers(where, "x", x, dtype, device)
    if y is None and z is None and (first.ndim >= 2 or not uniform):
        check_shape(where, "x (without y and z)", first, "N 3")
        return first
    if y is None and z is None:
        y = z = first
    coordinates = []
    for name, value in (("x", first), ("y", y), ("z", z)):
        if value is None:
            raise ValueError(f"{where}: {name} is missing; give x, y and z, or one tensor (N, 3)")
        value = numbers(where, name, value, dtype, device)
        if value.ndim > 0:
            check_shape(where, name, value, "N")
        coordinates.append(value.reshape(-1))
    count = broadcast_size(where, *(len(value) for value in coordinates))
    return torch.stack([value.expand(count) for value in coordinates], dim=-1)


def batch_shape(value: Any, shape: str) -> str:
    """``shape`` for `check_shape`, with a batch dimension unless the value is a single one without it."""
    return shape if getattr(value, "ndim", None) == len(shape.split()) else f"N {shape}"


def broadcast_size(where: str, *sizes: int) -> int:
    """What batches of these sizes broadcast to."""
    wide = [size for size in sizes if size != 1]
    if any(size != wide[0] for size in wide):
        got = " and ".join(str(size) for size in sizes)
        raise ValueError(f"{where}: batch sizes must be equal or 1, got {got}")
    return wide[0] if wide else 1


def warn_unless_rotation(where: str, R: Tensor, tolerance: float) -> None:
    """Warn when R R^T or the determinant of one of (N, 3, 3) is off by more than the tolerance."""
    identity = torch.eye(3, dtype=R.dtype, device=R.device)
    determinant = (torch.linalg.cross(R[:, 0], R[:, 1]) * R[:, 2]).sum(-1)
    off = torch.maximum((matmul(R, R.mT) - identity).abs().amax((-2, -1)), (determinant - 1).abs())
    worst = float(off.max()) if len(off) else 0.0
    if not worst <= tolerance:
        warnings.warn(
            f"{where}: R is no rotation matrix: off by {worst:.3g}, more than orthogonal_tol = {tolerance:g}",
            stacklevel=3,
        )
