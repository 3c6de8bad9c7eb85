"""Steps of the conversions between representations of rotations."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["_axis_angle_rotation", "_copysign", "_index_from_letter", "_sqrt_positive_part"]


def _axis_angle_rotation(axis: str, angle: Tensor) -> Tensor:  # (...) -> (..., 3, 3)
    """Rotations about a coordinate axis, for column vectors, by angles in radians.

    Example:
        >>> _axis_angle_rotation("Z", torch.tensor(torch.pi / 2)) @ torch.tensor([1.0, 0.0, 0.0])
        tensor([-4.3711e-08,  1.0000e+00,  0.0000e+00])
    """
    first = _index_from_letter(axis)
    second, third = (first + 1) % 3, (first + 2) % 3
    matrix = torch.zeros(*angle.shape, 3, 3, dtype=angle.dtype, device=angle.device)
    matrix[..., first, first] = 1
    matrix[..., second, second] = matrix[..., third, third] = angle.cos()
    matrix[..., third, second] = angle.sin()
    matrix[..., second, third] = -angle.sin()
    return matrix


def _index_from_letter(letter: str) -> int:
    """0, 1 or 2 of "X", "Y" or "Z".

    Raises:
        ValueError: It is another.
    """
    if letter not in ("X", "Y", "Z"):
        raise ValueError(f"an axis must be 'X', 'Y' or 'Z', got {letter!r}")
    return "XYZ".index(letter)


def _sqrt_positive_part(x: Tensor) -> Tensor:
    """Roots, 0 of what is not positive, with the gradient 0 there.

    Example:
        >>> _sqrt_positive_part(torch.tensor([4.0, 0.0, -1.0]))
        tensor([2., 0., 0.])
    """
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, 1).sqrt(), 0)


def _copysign(a: Tensor, b: Tensor) -> Tensor:
    """The sizes of ``a`` with the signs of ``b``, where -0 counts as positive.

    Example:
        >>> _copysign(torch.tensor([1.0, -2.0]), torch.tensor([-3.0, 0.0]))
        tensor([-1.,  2.])
    """
    return torch.where(b < 0, -a.abs(), a.abs())
