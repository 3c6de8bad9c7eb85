"""Scalar functions that stay exact where the textbook form divides by zero, and a matrix product that keeps
its precision under autocast.

The quotients below are the coefficients of the exponential and logarithm maps of SO(3) and SE(3) (Eade,
"Lie Groups for 2D and 3D Transformations", 2013). They take the squared angle: that is a smooth function of
the rotation vector where its length is not, so derivatives at angle zero come out right.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from r3d_cli.transforms.scripting import check, eps


def acos_linear_extrapolation(x: Tensor, bounds: tuple[float, float] = (-0.9999, 0.9999)) -> Tensor:
    """arccos inside the bounds, continued as its tangent outside: finite with finite derivatives everywhere.

    Args:
        x: (...) cosines, of any size.
        bounds: (lower, upper) with -1 < lower <= upper < 1.

    Returns:
        (...) radians; below 0 or above π for an x far outside [-1, 1].

    Raises:
        ValueError: The bounds are not as above.

    Example:
        >>> acos_linear_extrapolation(torch.tensor([0.0, 1.0]))
        tensor([1.5708, 0.0071])
    """
    check("acos_linear_extrapolation", "x", x, "...")
    lower, upper = bounds
    if not -1.0 < lower <= upper < 1.0:
        raise ValueError(
            f"acos_linear_extrapolation: bounds must be -1 < lower <= upper < 1, got ({lower}, {upper})"
        )
    inside = x.clamp(lower, upper)
    outside = x - inside
    below, above = outside.clamp(max=0), outside.clamp(min=0)
    return torch.acos(inside) + _acos_slope(lower) * below + _acos_slope(upper) * above


def _acos_slope(x: float) -> float:
    return -1.0 / math.sqrt(1.0 - x * x)


def sine_quotient(square: Tensor) -> Tensor:
    """sin θ / θ of θ²."""
    small, angle = _angle(square, 3)
    return torch.where(small, _power_series(square, [1.0, -1 / 6, 1 / 120]), angle.sin() / angle)


def versine_quotient(square: Tensor) -> Tensor:
    """(1 - cos θ) / θ² of θ², without cancellation."""
    return 0.5 * sine_quotient(0.25 * square) ** 2


def sine_defect_quotient(square: Tensor) -> Tensor:
    """(θ - sin θ) / θ³ of θ²."""
    small, angle = _angle(square, 4)
    near = _power_series(square, [1 / 6, -1 / 120, 1 / 5040, -1 / 362880])
    return torch.where(small, near, (angle - angle.sin()) / angle**3)


def cotangent_defect_quotient(square: Tensor) -> Tensor:
    """(1 - θ/2 · cot(θ/2)) / θ² of θ², for θ < 2π."""
    small, angle = _angle(square, 4)
    near = _power_series(square, [1 / 12, 1 / 720, 1 / 30240, 1 / 1209600])
    return torch.where(small, near, (1 - 0.5 * angle / (0.5 * angle).tan()) / angle**2)


def _angle(square: Tensor, terms: int) -> tuple[Tensor, Tensor]:
    """Of θ²: where a power series of so many terms is exact, as the next one rounds away, and θ. That is 1
    there: the branch not taken never sees a value at which its derivative is infinite."""
    small = square < eps(square) ** (1 / terms)
    return small, square.masked_fill(small, 1.0).sqrt()


def _power_series(x: Tensor, coefficients: list[float]) -> Tensor:
    total = torch.full_like(x, coefficients[-1])
    for index in range(len(coefficients) - 2, -1, -1):
        total = total * x + coefficients[index]
    return total


def safe_atan2(y: Tensor, x: Tensor, least: float = 0.0) -> Tensor:
    """atan2(y, x), and 0 with zero derivative where neither |x| nor |y| is above ``least``."""
    undefined = (x.abs() <= least) & (y.abs() <= least)
    return torch.atan2(y.masked_fill(undefined, 0.0), x.masked_fill(undefined, 1.0))


def matmul(a: Tensor, b: Tensor, plus: Tensor | None = None) -> Tensor:
    """a @ b in the tensors' own precision: autocast's half precision would move points by pixels.

    ``plus`` (N, 1, K) is added on the way, for a (N, P, J) and b (N, J, K).
    """
    if torch.jit.is_scripting():
        return a @ b if plus is None else torch.baddbmm(plus, a, b)
    if torch.is_autocast_enabled(a.device.type):
        return _MatmulWithoutAutocast.apply(a, b, plus)
    return a @ b if plus is None else torch.baddbmm(plus, a, b)


class _MatmulWithoutAutocast(torch.autograd.Function):
    """`matmul` under autocast, which may also be on when the backward runs."""

    @staticmethod
    def forward(ctx: Any, a: Tensor, b: Tensor, plus: Tensor | None) -> Tensor:
        ctx.save_for_backward(a, b, plus)
        with torch.autocast(a.device.type, enabled=False):
            return matmul(a, b, plus)

    @staticmethod
    def backward(ctx: Any, *grad_outputs: Tensor) -> tuple[Tensor | None, ...]:
        (grad,) = grad_outputs
        a, b, plus = ctx.saved_tensors
        grad_a = matmul(grad, b.mT).sum_to_size(a.shape) if ctx.needs_input_grad[0] else None
        grad_b = matmul(a.mT, grad).sum_to_size(b.shape) if ctx.needs_input_grad[1] else None
        return grad_a, grad_b, grad.sum_to_size(plus.shape) if ctx.needs_input_grad[2] else None


def normalized(vectors: Tensor) -> tuple[Tensor, Tensor]:
    """(..., D) vectors over their lengths, and (..., 1) whether they have one: zeros with zero derivative if
    not. Squares of vectors that count as zero (below 4e-16 in float32) would underflow."""
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    wide = vectors.dtype == torch.float64  # halves are summed as floats
    zero = length <= (2.0**-485 if wide else 2.0**-51.5)  # (tiny / eps) ** 0.5
    return (vectors / length.masked_fill(zero, 1.0)).masked_fill(zero, 0.0), ~zero


def matrix_of(entries: list[Tensor]) -> Tensor:
    """(..., 3, 3) of nine (...), row by row."""
    return torch.stack(entries, -1).unflatten(-1, (3, 3))
