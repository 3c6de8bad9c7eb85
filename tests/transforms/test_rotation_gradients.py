"""Derivatives of conversions: right where they exist, finite where they do not."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from torch import Tensor

from r3d_cli import transforms
from r3d_cli.transforms import (
    axis_angle_to_matrix,
    axis_angle_to_quaternion,
    euler_angles_to_matrix,
    matrix_to_axis_angle,
    matrix_to_euler_angles,
    matrix_to_quaternion,
    quaternion_to_axis_angle,
    quaternion_to_matrix,
    rotation_6d_to_matrix,
    so3_relative_angle,
    so3_rotation_angle,
)

CONVENTIONS = ["".join(axes) for axes in product("XYZ", repeat=3) if axes[1] not in (axes[0], axes[2])]
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def double(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def turned(base: Tensor):
    """Rotations beside a base as a function of three free parameters: a chart of SO(3) about it."""
    return lambda vector: base @ axis_angle_to_matrix(vector)


@pytest.mark.parametrize(
    ("function", "size"),
    [
        (axis_angle_to_matrix, 3),
        (axis_angle_to_quaternion, 3),
        (quaternion_to_matrix, 4),
        (quaternion_to_axis_angle, 4),
        (rotation_6d_to_matrix, 6),
        (transforms.so3_exp_map, 3),
        (transforms.se3_exp_map, 6),
        (lambda x: euler_angles_to_matrix(x, "ZXY"), 3),
        (lambda x: transforms.quaternion_apply(x[:, :4], x[:, 4:]), 7),
        (lambda x: transforms.quaternion_multiply(x[:, :4], x[:, 4:]), 8),
        (lambda x: matrix_to_quaternion(axis_angle_to_matrix(x)), 3),
        (lambda x: matrix_to_axis_angle(axis_angle_to_matrix(x)), 3),
        (lambda x: transforms.se3_log_map(transforms.se3_exp_map(x)), 6),
        (lambda x: so3_rotation_angle(axis_angle_to_matrix(x)), 3),
        (lambda x: so3_relative_angle(axis_angle_to_matrix(x[:1]), axis_angle_to_matrix(x[1:2])), 3),
    ],
)
def test_gradcheck(function, size: int) -> None:
    generator = torch.Generator().manual_seed(3)
    values = torch.randn(4, size, dtype=torch.float64, generator=generator, requires_grad=True)
    assert torch.autograd.gradcheck(function, values)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_gradcheck_of_euler_angles(convention: str) -> None:
    vectors = torch.tensor([[0.3, -0.5, 0.8], [1.2, 0.4, -0.9]], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(
        lambda x: matrix_to_euler_angles(axis_angle_to_matrix(x), convention), vectors
    )


@pytest.mark.parametrize("function", [axis_angle_to_matrix, axis_angle_to_quaternion])
def test_beside_zero_derivatives_are_those_of_finite_differences(
    function, hard_rotation_vectors, jacobian, finite_differences
) -> None:
    for vector in hard_rotation_vectors:
        torch.testing.assert_close(
            jacobian(function, vector), finite_differences(function, vector), atol=1e-9, rtol=0
        )


def test_at_zero_the_derivatives_are_the_generators(jacobian) -> None:
    expected = torch.stack([transforms.so3.hat(e) for e in torch.eye(3, dtype=torch.float64)], -1)
    assert jacobian(axis_angle_to_matrix, double(0, 0, 0)).reshape(3, 3, 3).equal(expected)
    quaternion = jacobian(axis_angle_to_quaternion, double(0, 0, 0))
    assert quaternion.equal(torch.cat([torch.zeros(1, 3), 0.5 * torch.eye(3)]).double())


def test_gradgradcheck_at_zero() -> None:
    zero = torch.zeros(1, 3, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradgradcheck(axis_angle_to_matrix, zero)


@pytest.mark.parametrize(
    "axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (0.6, 0.8, 0), (0.6, 0.0, 0.8), (0, 0.8, 0.6)]
)
def test_logarithm_at_rotations_by_pi(axis, jacobian, finite_differences) -> None:
    """The quaternion is smooth through π but for its sign, and the rotation vector up to π: one-sided
    differences along the axis there."""
    axis = double(*axis)
    base, zero = axis_angle_to_matrix(axis * torch.pi), double(0, 0, 0)

    def quaternion(vector: Tensor) -> Tensor:
        q = matrix_to_quaternion(turned(base)(vector))
        return q * (q[1:] @ axis).sign()

    torch.testing.assert_close(
        jacobian(quaternion, zero), finite_differences(quaternion, zero), atol=1e-8, rtol=0
    )

    def logarithm(vector: Tensor) -> Tensor:
        return matrix_to_axis_angle(turned(base)(vector))

    inward = -1e-6 * (logarithm(zero) @ axis).sign()
    difference = (logarithm(inward * axis) - logarithm(zero)) / inward
    torch.testing.assert_close(jacobian(logarithm, zero) @ axis, difference, atol=1e-8, rtol=0)


@pytest.mark.parametrize("quaternion", [(1, 1, 1, 1), (1, 1, 0, 0), (1, 0, -1, 1), (0.2, 1, 1, 0.1)])
def test_quaternions_with_equal_components_have_their_derivative(
    quaternion, jacobian, finite_differences
) -> None:
    """Where the choice of the largest component changes."""
    base, zero = quaternion_to_matrix(double(*quaternion)), double(0, 0, 0)

    def function(vector: Tensor) -> Tensor:
        return matrix_to_quaternion(turned(base)(vector))

    torch.testing.assert_close(
        jacobian(function, zero), finite_differences(function, zero), atol=1e-9, rtol=0
    )


def test_logarithm_at_the_identity(jacobian) -> None:
    """d log exp = identity at zero."""
    for function in (
        lambda v: matrix_to_axis_angle(axis_angle_to_matrix(v)),
        lambda v: quaternion_to_axis_angle(axis_angle_to_quaternion(v)),
        lambda v: transforms.so3_log_map(transforms.so3_exp_map(v[None])),
    ):
        assert jacobian(function, double(0, 0, 0)).equal(torch.eye(3, dtype=torch.float64))
        close_by = double(1e-9, -2e-9, 0)
        torch.testing.assert_close(
            jacobian(function, close_by), torch.eye(3, dtype=torch.float64), atol=1e-8, rtol=0
        )


@DTYPES
def test_float32_derivatives_are_as_good_as_its_rounding(hard_rotation_vectors, dtype, jacobian) -> None:
    for function in (
        axis_angle_to_matrix,
        axis_angle_to_quaternion,
        lambda v: quaternion_to_axis_angle(axis_angle_to_quaternion(v)),
    ):
        for vector in hard_rotation_vectors.to(dtype):
            torch.testing.assert_close(
                jacobian(function, vector).double(),
                jacobian(function, vector.double()),
                atol=20 * torch.finfo(dtype).eps,
                rtol=0,
            )


@DTYPES
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_gimbal_lock_has_finite_derivatives(convention: str, dtype, jacobian) -> None:
    middle = (0.0, torch.pi) if convention[0] == convention[2] else (torch.pi / 2, -torch.pi / 2)
    for locked, first, third in product(middle, (0.0, 0.7), (0.0, -2.0)):
        matrix = euler_angles_to_matrix(torch.tensor([first, locked, third], dtype=dtype), convention)
        for candidate in (matrix, matrix.round() if first == third == 0.0 else matrix):
            derivative = jacobian(lambda m: matrix_to_euler_angles(m, convention), candidate)
            assert bool(derivative.isfinite().all())
            assert derivative.abs().max() < 4


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_in_gimbal_lock_the_angle_that_is_determined_has_its_derivative(
    convention: str, jacobian, finite_differences
) -> None:
    """Turning about the first axis moves the first angle, one to one."""
    letters = "XYZ"
    axis = torch.eye(3, dtype=torch.float64)[letters.index(convention[0])]
    middle = 0.0 if convention[0] == convention[2] else torch.pi / 2
    base = euler_angles_to_matrix(double(0.4, middle, 0.3), convention)

    def angles(turn: Tensor) -> Tensor:
        return matrix_to_euler_angles(axis_angle_to_matrix(turn * axis) @ base, convention)

    at = double(0.1)
    torch.testing.assert_close(jacobian(angles, at)[:1], double(1.0)[None], atol=1e-9, rtol=0)
    torch.testing.assert_close(jacobian(angles, at), finite_differences(angles, at), atol=1e-8, rtol=0)


@pytest.mark.parametrize("convention", CONVENTIONS)
def test_beside_gimbal_lock_derivatives_are_right(convention: str, jacobian, finite_differences) -> None:
    middle = 0.0 if convention[0] == convention[2] else torch.pi / 2
    base = euler_angles_to_matrix(double(0.4, middle + 1e-2, 0.3), convention)

    def angles(vector: Tensor) -> Tensor:
        return matrix_to_euler_angles(turned(base)(vector), convention)

    at = double(0, 0, 0)
    torch.testing.assert_close(jacobian(angles, at), finite_differences(angles, at), atol=1e-4, rtol=1e-6)


@DTYPES
@pytest.mark.parametrize(
    ("function", "value"),
    [
        (quaternion_to_matrix, [0.0, 0, 0, 0]),
        (quaternion_to_axis_angle, [0.0, 0, 0, 0]),
        (matrix_to_quaternion, [[0.0] * 3] * 3),
        (matrix_to_axis_angle, [[0.0] * 3] * 3),
        (lambda m: matrix_to_euler_angles(m, "XYZ"), [[0.0] * 3] * 3),
        (lambda m: matrix_to_euler_angles(m, "ZXZ"), [[0.0] * 3] * 3),
        (lambda m: so3_rotation_angle(m[None]), [[1.0, 0, 0], [0, 1, 0], [0, 0, 1]]),
        (lambda m: so3_rotation_angle(m[None]), [[1.0, 0, 0], [0, -1, 0], [0, 0, -1]]),
        (lambda m: so3_rotation_angle(m[None]), [[0.0] * 3] * 3),
    ],
)
def test_where_no_derivative_exists_it_is_finite(function, value, dtype, jacobian) -> None:
    value = torch.tensor(value, dtype=dtype)
    assert bool(function(value).isfinite().all())
    assert bool(jacobian(function, value).isfinite().all())


@DTYPES
@pytest.mark.parametrize("size", [0.0, 1e-38, 1e-30, 1e-22, 1e-19, 1e-16, 1e-12, 1e-6])
def test_tiny_quaternions(size: float, dtype, jacobian) -> None:
    for direction in ([1.0, 0, 0, 0], [0.0, 1, 0, 0], [-0.5, 0.5, -0.5, 0.5]):
        quaternion = size * torch.tensor(direction, dtype=dtype)
        for function in (quaternion_to_matrix, quaternion_to_axis_angle):
            assert bool(function(quaternion).isfinite().all())
            assert bool(jacobian(function, quaternion).isfinite().all())


def test_minus_one_is_the_identity_with_its_derivative(jacobian) -> None:
    derivative = jacobian(quaternion_to_axis_angle, double(-1, 0, 0, 0))
    assert derivative.equal(torch.cat([torch.zeros(3, 1), -2 * torch.eye(3)], 1).double())


@pytest.mark.parametrize(
    "function",
    [
        lambda x: transforms.se3_exp_map(torch.cat([x, x])[None]),
        lambda x: matrix_to_axis_angle(axis_angle_to_matrix(x)),
        lambda x: matrix_to_euler_angles(axis_angle_to_matrix(x), "XYX"),
        lambda x: rotation_6d_to_matrix(torch.cat([x, x.flip(0)])),
        lambda x: transforms.Translate(x[None]).scale(2.0).transform_points(x[None]),
    ],
)
def test_functional_derivatives(function) -> None:
    """torch.func: forward and reverse mode agree, batched, at and away from zero."""
    points = torch.stack([torch.zeros(3), torch.tensor([0.3, -0.5, 0.8])])
    reverse = torch.func.vmap(torch.func.jacrev(function))(points)
    assert bool(reverse.isfinite().all())
    forward = torch.func.vmap(torch.func.jacfwd(function))(points)
    # Forward mode of torch itself widens a number times a tensor without dimensions to float64.
    torch.testing.assert_close(forward, reverse, check_dtype=False)
