"""Conversions between representations of rotations: values against SciPy and closed forms."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from r3d_cli.transforms import (
    axis_angle_to_matrix,
    axis_angle_to_quaternion,
    euler_angles_to_matrix,
    matrix_to_axis_angle,
    matrix_to_euler_angles,
    matrix_to_quaternion,
    matrix_to_rotation_6d,
    quaternion_apply,
    quaternion_invert,
    quaternion_multiply,
    quaternion_raw_multiply,
    quaternion_to_axis_angle,
    quaternion_to_matrix,
    random_quaternions,
    random_rotation,
    random_rotations,
    rotation_6d_to_matrix,
    standardize_quaternion,
)

CONVENTIONS = ["".join(axes) for axes in product("XYZ", repeat=3) if axes[1] not in (axes[0], axes[2])]
LOCKED = [
    (name, angle)
    for name in CONVENTIONS
    for angle in ((0.0, np.pi) if name[0] == name[2] else (np.pi / 2, -np.pi / 2))
]
TOLERANCE = {torch.float32: 2e-6, torch.float64: 5e-15}
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])

rotations = arrays(np.float64, (4,), elements=st.floats(-1, 1)).filter(lambda q: np.linalg.norm(q) > 1e-3)
numbers = st.floats(-10, 10)


def close(answer, expected, factor: float = 1.0) -> None:
    expected = torch.as_tensor(expected, dtype=answer.dtype)
    torch.testing.assert_close(answer, expected, atol=factor * TOLERANCE[answer.dtype], rtol=0)


def scipy_quaternion(rotation: Rotation) -> np.ndarray:
    """Real part first and not negative."""
    return np.roll(rotation.as_quat(canonical=True), 1, axis=-1)


def the_same_rotation(a, b, factor: float = 1.0) -> None:
    """Quaternions of one rotation, whichever of the two."""
    b = torch.as_tensor(b, dtype=a.dtype)
    close(a * (a * b).sum(-1, keepdim=True).sign(), b, factor)


@DTYPES
def test_rotation_vectors_near_zero_and_pi(hard_rotation_vectors, dtype) -> None:
    vectors = hard_rotation_vectors.to(dtype)
    scipy = Rotation.from_rotvec(vectors.double().numpy())
    close(axis_angle_to_matrix(vectors), scipy.as_matrix())
    close(axis_angle_to_matrix(vectors, fast=True), scipy.as_matrix())
    close(axis_angle_to_quaternion(vectors), scipy_quaternion(scipy))
    close(quaternion_to_axis_angle(axis_angle_to_quaternion(vectors)), vectors)
    below_pi = vectors[vectors.norm(dim=-1) < 3.1]
    for fast in (False, True):
        close(matrix_to_axis_angle(axis_angle_to_matrix(below_pi), fast=fast), below_pi)


@DTYPES
def test_small_angles_keep_their_digits(dtype) -> None:
    """The relative error is rounding, however small the angle."""
    angles = torch.logspace(-12, -1, 56, dtype=dtype)
    vectors = angles[:, None] * torch.tensor([0.6, -0.48, 0.64], dtype=dtype)
    back = quaternion_to_axis_angle(axis_angle_to_quaternion(vectors))
    torch.testing.assert_close(back, vectors, atol=0, rtol=8 * torch.finfo(dtype).eps)
    through_matrix = matrix_to_axis_angle(axis_angle_to_matrix(vectors))
    torch.testing.assert_close(through_matrix, vectors, atol=0, rtol=8 * torch.finfo(dtype).eps)


@DTYPES
def test_large_angles(dtype) -> None:
    vectors = torch.tensor([[4.0, 0.0, 0.0], [3.0, -5.0, 20.0], [0.0, 1000.0, 1.0]], dtype=dtype)
    scipy = Rotation.from_rotvec(vectors.double().numpy())
    close(axis_angle_to_matrix(vectors), scipy.as_matrix(), factor=100)
    the_same_rotation(axis_angle_to_quaternion(vectors), scipy_quaternion(scipy), factor=100)


@DTYPES
def test_matrix_to_quaternion_in_all_four_branches(dtype) -> None:
    """Each component in turn the largest, with all signs, and ties between them."""
    grid = torch.tensor(list(product([-1.0, -0.3, 0.0, 0.3, 1.0], repeat=4)), dtype=torch.float64)
    quaternions = grid[grid.norm(dim=-1) > 0]
    scipy = Rotation.from_quat(quaternions.roll(-1, -1).numpy())
    matrices = torch.from_numpy(scipy.as_matrix()).to(dtype)
    answer = matrix_to_quaternion(matrices)
    assert bool((answer[:, 0] >= 0).all())
    the_same_rotation(answer, scipy_quaternion(scipy))
    close(quaternion_to_matrix(answer), matrices)


@DTYPES
def test_rotations_by_pi(dtype) -> None:
    axes = torch.tensor(
        [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0.8, 0], [0, -0.6, 0.8], [-0.6, 0, 0.8]], dtype=dtype
    )
    matrices = 2 * axes[:, :, None] * axes[:, None] - torch.eye(3, dtype=dtype)
    vectors = matrix_to_axis_angle(matrices)
    close(vectors.norm(dim=-1), torch.full((6,), torch.pi, dtype=dtype), factor=4)
    close(axis_angle_to_matrix(vectors), matrices, factor=4)


def test_matrix_to_quaternion_is_finite_for_any_matrix() -> None:
    anything = torch.cat([torch.randn(100, 3, 3), torch.zeros(1, 3, 3), -torch.eye(3)[None]])
    assert bool(matrix_to_quaternion(anything).isfinite().all())


@DTYPES
@pytest.mark.parametrize("convention", CONVENTIONS)
def test_euler_angles_as_scipy(convention: str, dtype) -> None:
    angles = np.random.default_rng(0).uniform(-np.pi, np.pi, (200, 3))
    scipy = Rotation.from_euler(convention, angles)
    close(euler_angles_to_matrix(torch.from_numpy(angles).to(dtype), convention), scipy.as_matrix())
    matrices = torch.from_numpy(scipy.as_matrix()).to(dtype)
    close(matrix_to_euler_angles(matrices, convention), scipy.as_euler(convention), factor=50)


@DTYPES
@pytest.mark.parametrize(("convention", "middle"), LOCKED)
def test_gimbal_lock_gives_the_matrix_back(convention: str, middle: float, dtype) -> None:
    outer = torch.linspace(-3, 3, 7, dtype=torch.float64)
    for beside in (0.0, 1e-9, 1e-7, 1e-6, 1e-5, 1e-3):
        angles = torch.cartesian_prod(outer, torch.tensor([middle - beside], dtype=torch.float64), outer)
        matrices = euler_angles_to_matrix(angles.to(dtype), convention)
        found = matrix_to_euler_angles(matrices, convention)
        close(euler_angles_to_matrix(found, convention), matrices, factor=4)
        if beside == 0.0:
            close(found[:, 2], torch.zeros(49))


@DTYPES
def test_rotation_6d(dtype) -> None:
    matrices = random_rotations(20, dtype=dtype)
    six = matrix_to_rotation_6d(matrices)
    assert six.shape == (20, 6)
    close(rotation_6d_to_matrix(six), matrices)
    stretched = six * torch.tensor([3.0, 3, 3, 0.5, 0.5, 0.5], dtype=dtype)
    stretched[:, 3:] += 0.7 * stretched[:, :3]
    close(rotation_6d_to_matrix(stretched), matrices, factor=4)


def test_matrix_to_rotation_6d_does_not_share_memory() -> None:
    matrix = torch.eye(3)
    matrix_to_rotation_6d(matrix).zero_()
    assert matrix.equal(torch.eye(3))


@DTYPES
@pytest.mark.parametrize(
    "d6",
    [
        [0.0, 0, 0, 0, 0, 0],
        [0.0, 0, 0, 0, 1, 0],
        [0.0, 0, 0, 2, 0, 0],
        [1.0, 2, 3, 0, 0, 0],
        [1.0, 2, 3, 2, 4, 6],
        [1.0, 2, 3, -0.1, -0.2, -0.3],
        [1e-3, 2e-3, 3e-3, 1e3, 2e3, 3e3],
        [0.0, 0, 5, 0, 0, 1e-12],
        [1e-30, 0, 0, 0, 1e-30, 0],
    ],
)
def test_rotation_6d_of_degenerate_vectors_is_a_rotation(d6, dtype) -> None:
    d6 = torch.tensor(d6, dtype=dtype, requires_grad=True)
    matrix = rotation_6d_to_matrix(d6)
    close(matrix @ matrix.mT, torch.eye(3), factor=4)
    close(torch.linalg.det(matrix), torch.tensor(1.0), factor=4)
    (gradient,) = torch.autograd.grad(matrix.square().sum() + matrix[0, 0] + matrix[2, 1], d6)
    assert bool(gradient.isfinite().all())


@DTYPES
def test_quaternion_algebra_as_scipy(dtype) -> None:
    random = np.random.default_rng(1)
    a, b = Rotation.random(30, random_state=1), Rotation.random(30, random_state=2)
    points = random.normal(size=(30, 3))
    qa, qb = (torch.from_numpy(scipy_quaternion(r)).to(dtype) for r in (a, b))
    close(quaternion_multiply(qa, qb), scipy_quaternion(a * b))
    the_same_rotation(quaternion_raw_multiply(qa, qb), scipy_quaternion(a * b))
    close(quaternion_invert(qa), scipy_quaternion(a.inv()))
    close(quaternion_apply(qa, torch.from_numpy(points).to(dtype)), a.apply(points), factor=4)
    close(quaternion_to_matrix(qa), a.as_matrix())


def test_quaternion_apply_is_the_sandwich_product_for_any_length() -> None:
    quaternion, point = torch.randn(5, 4, dtype=torch.float64), torch.randn(7, 1, 3, dtype=torch.float64)
    pure = torch.nn.functional.pad(point, (1, 0))
    sandwich = quaternion_raw_multiply(
        quaternion_raw_multiply(quaternion, pure), quaternion_invert(quaternion)
    )
    answer = quaternion_apply(quaternion, point)
    assert answer.shape == (7, 5, 3)
    close(answer, sandwich[..., 1:], factor=10)


def test_quaternions_keep_the_range_of_angles_up_to_two_pi() -> None:
    quaternion = torch.tensor([-0.8, 0.6, 0.0, 0.0], dtype=torch.float64)
    angle = 2 * np.arctan2(0.6, -0.8)
    close(quaternion_to_axis_angle(quaternion), [angle, 0, 0])
    close(quaternion_to_axis_angle(standardize_quaternion(quaternion)), [angle - 2 * np.pi, 0, 0])


@DTYPES
@pytest.mark.parametrize("scale", [1e-15, 1e-3, 1.0, 1e3, 1e15])
def test_length_of_a_quaternion_does_not_matter(scale: float, dtype) -> None:
    unit = random_quaternions(10, dtype=dtype)
    close(quaternion_to_matrix(scale * unit), quaternion_to_matrix(unit))
    close(quaternion_to_axis_angle(scale * unit), quaternion_to_axis_angle(unit), factor=2)


@DTYPES
def test_zero_quaternion_is_the_identity(dtype) -> None:
    zero = torch.zeros(4, dtype=dtype)
    assert quaternion_to_matrix(zero).equal(torch.eye(3, dtype=dtype))
    assert quaternion_to_axis_angle(zero).equal(torch.zeros(3, dtype=dtype))
    assert quaternion_to_axis_angle(torch.tensor([-1.0, 0, 0, 0], dtype=dtype)).norm() == 0


def test_standardize_quaternion() -> None:
    quaternions = torch.tensor([[-1.0, 2, 3, 4], [1, -2, 3, 4], [0, -1, 0, 0]])
    expected = torch.tensor([[1.0, -2, -3, -4], [1, -2, 3, 4], [0, -1, 0, 0]])
    assert standardize_quaternion(quaternions).equal(expected)


@example(np.array([-1.0, 3.6e-158, 3.6e-158, 3.6e-158]), "XYX")
@settings(deadline=None)
@given(rotations, st.sampled_from(CONVENTIONS))
def test_round_trips(quaternion: np.ndarray, convention: str) -> None:
    scipy = Rotation.from_quat(np.roll(quaternion, -1))
    matrix = quaternion_to_matrix(torch.from_numpy(quaternion))
    close(matrix, scipy.as_matrix(), factor=4)
    close(quaternion_to_matrix(matrix_to_quaternion(matrix)), matrix, factor=4)
    close(axis_angle_to_matrix(matrix_to_axis_angle(matrix)), matrix, factor=4)
    close(rotation_6d_to_matrix(matrix_to_rotation_6d(matrix)), matrix, factor=4)
    angles = matrix_to_euler_angles(matrix, convention)
    close(euler_angles_to_matrix(angles, convention), matrix, factor=4)
    vector = quaternion_to_axis_angle(torch.from_numpy(quaternion))
    assert 0 <= vector.norm() <= 2 * np.pi * (1 + 1e-15)  # the norm is rounded
    close(axis_angle_to_matrix(vector), matrix, factor=10)


@settings(deadline=None)
@given(arrays(np.float64, (3,), elements=numbers), rotations)
def test_applying_a_quaternion_is_applying_its_matrix(point: np.ndarray, quaternion: np.ndarray) -> None:
    unit = torch.from_numpy(quaternion / np.linalg.norm(quaternion))
    close(
        quaternion_apply(unit, torch.from_numpy(point)),
        quaternion_to_matrix(unit) @ torch.from_numpy(point),
        factor=20,
    )


@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (2, 3)])
def test_leading_dimensions(shape: tuple[int, ...]) -> None:
    quaternions = torch.randn(*shape, 4)
    matrices = quaternion_to_matrix(quaternions)
    assert matrices.shape == (*shape, 3, 3)
    assert matrix_to_quaternion(matrices).shape == (*shape, 4)
    assert matrix_to_axis_angle(matrices).shape == (*shape, 3)
    assert axis_angle_to_matrix(quaternions[..., 1:]).shape == (*shape, 3, 3)
    assert axis_angle_to_quaternion(quaternions[..., 1:]).shape == (*shape, 4)
    assert matrix_to_euler_angles(matrices, "ZYX").shape == (*shape, 3)
    assert euler_angles_to_matrix(quaternions[..., 1:], "ZYZ").shape == (*shape, 3, 3)
    assert matrix_to_rotation_6d(matrices).shape == (*shape, 6)
    assert rotation_6d_to_matrix(torch.randn(*shape, 6)).shape == (*shape, 3, 3)
    assert quaternion_apply(quaternions, torch.randn(3)).shape == (*shape, 3)
    assert quaternion_multiply(quaternions, torch.randn(4)).shape == (*shape, 4)


@pytest.mark.parametrize("half", [torch.float16, torch.bfloat16])
def test_half_precision(half) -> None:
    """Each conversion is as good as its input: the same as in float32, to a few roundings."""
    vectors = torch.tensor(
        [[0.3, -0.5, 0.8], [0.0, 0.0, 0.0], [1e-3, 0.0, 0.0], [2.0, 1.0, -1.0]], dtype=half
    )
    quaternions = 0.1 * torch.tensor([[1.0, 2, -3, 4], [0, 0, 0, 0], [1, 0, 0, 0], [-2, 1, 1, 1]]).to(half)
    matrices = quaternion_to_matrix(quaternions)
    for function, value in (
        (axis_angle_to_matrix, vectors),
        (axis_angle_to_quaternion, vectors),
        (quaternion_to_matrix, quaternions),
        (quaternion_to_axis_angle, quaternions),
        (matrix_to_quaternion, matrices),
        (matrix_to_axis_angle, matrices),
        (lambda x: matrix_to_euler_angles(x, "XYZ"), matrices),
        (lambda x: euler_angles_to_matrix(x, "XYZ"), vectors),
        (lambda x: rotation_6d_to_matrix(torch.cat([x, x.roll(1, -1)], -1)), vectors),
        (lambda x: quaternion_apply(x, vectors.to(x.dtype)), quaternions),
    ):
        answer = function(value)
        assert answer.dtype == half
        tolerance = 8 * torch.finfo(half).eps
        torch.testing.assert_close(answer.float(), function(value.float()), atol=tolerance, rtol=tolerance)


def test_random_rotations_are_uniform() -> None:
    """The Haar measure: the angle's density is (1 - cos θ)/π, a turned vector is uniform on the sphere and
    each of its coordinates in [-1, 1]."""
    torch.manual_seed(0)
    count = 20000
    matrices = random_rotations(count, dtype=torch.float64)
    close(matrices @ matrices.mT, torch.eye(3).expand(count, 3, 3))
    limit = 1.95 / count**0.5  # Kolmogorov-Smirnov, p = 0.001
    empirical = torch.arange(1, count + 1, dtype=torch.float64) / count
    angles = matrix_to_axis_angle(matrices).norm(dim=-1).sort()[0]
    assert ((angles - angles.sin()) / torch.pi - empirical).abs().max() < limit
    for entry in matrices.reshape(count, 9).unbind(-1):
        assert ((entry.sort()[0] + 1) / 2 - empirical).abs().max() < limit


def test_random_rotations_repeat_with_the_seed() -> None:
    torch.manual_seed(7)
    first, one = random_rotations(3), random_rotation()
    torch.manual_seed(7)
    assert first.equal(random_rotations(3))
    assert one.equal(random_rotation())
    assert one.shape == (3, 3)
    quaternions = random_quaternions(100, dtype=torch.float64)
    assert quaternions.dtype == torch.float64
    assert bool((quaternions[:, 0] >= 0).all())
    close(quaternions.norm(dim=-1), torch.ones(100))
    assert random_quaternions(0).shape == (0, 4)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: quaternion_to_matrix(torch.zeros(2, 3)),
         "quaternion_to_matrix: quaternions must have shape (..., 4), got (2, 3)"),
        (lambda: matrix_to_quaternion(torch.zeros(3)),
         "matrix_to_quaternion: matrix must have shape (..., 3, 3), got (3,)"),
        (lambda: quaternion_apply(torch.zeros(4), torch.zeros(4)),
         "quaternion_apply: point must have shape (..., 3), got (4,)"),
        (lambda: quaternion_multiply(torch.zeros(4), torch.zeros(3)),
         "quaternion_multiply: b must have shape (..., 4), got (3,)"),
        (lambda: axis_angle_to_matrix(torch.zeros(3, dtype=torch.int64)),
         "axis_angle_to_matrix: axis_angle must be float32 or float64 or float16 or bfloat16, got int64"),
        (lambda: rotation_6d_to_matrix(torch.zeros(5)),
         "rotation_6d_to_matrix: d6 must have shape (..., 6), got (5,)"),
        (lambda: euler_angles_to_matrix(torch.zeros(4), "XYZ"),
         "euler_angles_to_matrix: euler_angles must have shape (..., 3), got (4,)"),
        (lambda: euler_angles_to_matrix(torch.zeros(3), "XXY"),
         "euler_angles_to_matrix: convention must be three of the letters X, Y and Z with "
         "neighbours different, got 'XXY'"),
        (lambda: matrix_to_euler_angles(torch.eye(3), "xyz"),
         "matrix_to_euler_angles: convention must be three of the letters X, Y and Z with "
         "neighbours different, got 'xyz'"),
        (lambda: matrix_to_quaternion([1.0]),
         "matrix_to_quaternion: matrix must be a tensor of shape (..., 3, 3), got list; "
         "torch.as_tensor makes one"),
    ],
)  # fmt: skip
def test_bad_input(call, text: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared whole
        call()
    assert str(error.value) == text
