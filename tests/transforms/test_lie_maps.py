"""Exponential and logarithm maps of SO(3) and SE(3), angles of rotations, and arccos beyond its bounds."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.linalg import expm, logm
from torch import Tensor

from r3d_cli.transforms import (
    acos_linear_extrapolation,
    axis_angle_to_matrix,
    se3_exp_map,
    se3_log_map,
    so3_exp_map,
    so3_exponential_map,
    so3_log_map,
    so3_relative_angle,
    so3_rotation_angle,
)
from r3d_cli.transforms.math import cotangent_defect_quotient, sine_defect_quotient
from r3d_cli.transforms.so3 import hat, hat_inv

TOLERANCE = {torch.float32: 4e-6, torch.float64: 1e-14}
DTYPES = pytest.mark.parametrize("dtype", [torch.float32, torch.float64])


def close(answer: Tensor, expected, factor: float = 1.0) -> None:
    expected = torch.as_tensor(expected, dtype=answer.dtype)
    torch.testing.assert_close(answer, expected, atol=factor * TOLERANCE[answer.dtype], rtol=0)


def twist_matrix(twist: np.ndarray) -> np.ndarray:
    """The 4x4 matrix of a twist (u, ω), for column vectors."""
    matrix = np.zeros((4, 4))
    matrix[:3, :3] = hat(torch.from_numpy(twist[3:])).numpy()
    matrix[:3, 3] = twist[:3]
    return matrix


@pytest.fixture
def twists(hard_rotation_vectors: Tensor) -> Tensor:  # (70, 6) float64
    generator = torch.Generator().manual_seed(0)
    translations = torch.randn(hard_rotation_vectors.shape, dtype=torch.float64, generator=generator)
    return torch.cat([translations, hard_rotation_vectors], -1)


@DTYPES
def test_rigid_exponential_is_the_matrix_exponential(twists, dtype) -> None:
    twists = twists.to(dtype)
    expected = np.stack([expm(twist_matrix(twist)).T for twist in twists.double().numpy()])
    close(se3_exp_map(twists), expected)


@DTYPES
def test_rigid_logarithm_undoes_the_exponential(twists, dtype) -> None:
    twists = twists[twists[:, 3:].norm(dim=-1) < 3.0].to(dtype)
    close(se3_log_map(se3_exp_map(twists)), twists, factor=4)


def test_rigid_logarithm_is_the_matrix_logarithm() -> None:
    twists = 0.7 * torch.randn(20, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    transforms = se3_exp_map(twists)
    for transform, logarithm in zip(transforms, se3_log_map(transforms), strict=True):
        close(torch.from_numpy(logm(transform.numpy().T).real), twist_matrix(logarithm.numpy()), factor=10)


@DTYPES
def test_rigid_maps_near_pi(dtype) -> None:
    """Exact in relation to the matrix given, though the axis may come out reversed."""
    for angle in (math.pi, math.pi - 1e-7, math.pi - 1e-4):
        twist = torch.tensor([[1.0, -2.0, 0.5, 0.6 * angle, 0.0, -0.8 * angle]], dtype=dtype)
        transform = se3_exp_map(twist)
        close(se3_exp_map(se3_log_map(transform)), transform, factor=4)


@pytest.mark.parametrize("angle", [0.0, 1e-9, 1e-5, 1e-4, 2e-3, 6e-3, 0.02, 0.5, math.pi / 2, 3.0])
def test_rigid_maps_have_the_derivatives_of_finite_differences(
    angle: float, jacobian, finite_differences
) -> None:
    twist = torch.tensor([0.5, -1.0, 2.0, 0.6 * angle, -0.48 * angle, 0.64 * angle], dtype=torch.float64)

    def exponential(twist: Tensor) -> Tensor:
        return se3_exp_map(twist[None])[0]

    def logarithm(nudge: Tensor) -> Tensor:
        return se3_log_map((exponential(nudge) @ exponential(twist))[None])[0]

    zero = torch.zeros(6, dtype=torch.float64)
    for function, at in ((exponential, twist), (logarithm, zero)):
        torch.testing.assert_close(
            jacobian(function, at), finite_differences(function, at), atol=2e-8, rtol=0
        )


def test_rigid_maps_at_the_identity_are_tangent_to_it(jacobian) -> None:
    round_trip = jacobian(
        lambda twist: se3_log_map(se3_exp_map(twist[None])), torch.zeros(6, dtype=torch.float64)
    )
    assert round_trip.equal(torch.eye(6, dtype=torch.float64))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("quotient", "direct"),
    [
        (sine_defect_quotient, lambda x: (1 - np.sin(x) / x) / x**2),
        (cotangent_defect_quotient, lambda x: (1 - x / 2 / np.tan(x / 2)) / x**2),
    ],
)
def test_series_and_closed_form_agree_where_they_meet(quotient, direct, dtype) -> None:
    """Wide angles against longdouble, where the closed form is accurate; the joint by its small slope."""
    angles = np.linspace(0.5, 3.0, 20, dtype=np.longdouble)
    answer = quotient(torch.tensor((angles**2).astype(np.float64), dtype=dtype))
    np.testing.assert_allclose(
        answer.double().numpy(), direct(angles).astype(np.float64), rtol=100 * torch.finfo(dtype).eps
    )
    joint = torch.finfo(dtype).eps ** 0.25
    beside = torch.tensor([0.0, joint * 0.999, joint * 1.001], dtype=dtype)
    at_zero, below, above = quotient(beside).tolist()
    assert below == pytest.approx(above, rel=20 * torch.finfo(dtype).eps / joint + 0.001 * joint)
    assert at_zero == pytest.approx(above, rel=joint)


@settings(deadline=None)
@given(arrays(np.float64, (6,), elements=st.floats(-1.7, 1.7)))
def test_round_trips(twist: np.ndarray) -> None:
    """Angles stay below 1.7·√3 < π."""
    twists = torch.from_numpy(twist)[None]
    close(se3_log_map(se3_exp_map(twists)), twists, factor=20)
    close(so3_log_map(so3_exp_map(twists[:, 3:])), twists[:, 3:], factor=20)


@DTYPES
def test_angles_are_exact_at_zero_and_pi(hard_rotation_vectors, dtype) -> None:
    vectors = hard_rotation_vectors.to(dtype)
    rotations = so3_exp_map(vectors)
    close(so3_rotation_angle(rotations), vectors.norm(dim=-1))
    close(so3_rotation_angle(rotations, cos_angle=True), vectors.norm(dim=-1).cos())
    base = so3_exp_map(torch.tensor([[0.3, -1.0, 2.0]], dtype=dtype)).expand_as(rotations)
    close(so3_relative_angle(rotations @ base, base), vectors.norm(dim=-1))
    close(so3_relative_angle(rotations @ base, base, cos_angle=True), vectors.norm(dim=-1).cos())


def test_descending_on_the_relative_angle_arrives(jacobian) -> None:
    """The direction of the angle's gradient is the axis, of unit length, down to the smallest angles."""
    for angle in (1e-10, 1e-6, 1e-3, 1.0, 3.0):
        vector = angle * torch.tensor([0.6, 0.0, -0.8], dtype=torch.float64)
        gradient = jacobian(lambda v: so3_rotation_angle(axis_angle_to_matrix(v)[None]), vector)[0]
        torch.testing.assert_close(gradient, vector / angle, atol=1e-9, rtol=0)


def test_old_name() -> None:
    assert so3_exponential_map is so3_exp_map


def test_hat_is_the_cross_product() -> None:
    a, b = torch.randn(2, 5, 3, dtype=torch.float64)
    close((hat(a) @ b[..., None])[..., 0], torch.linalg.cross(a, b))
    assert hat_inv(hat(a)).equal(a)


def test_empty_batches() -> None:
    assert so3_exp_map(torch.zeros(0, 3)).shape == (0, 3, 3)
    assert so3_log_map(torch.zeros(0, 3, 3)).shape == (0, 3)
    assert se3_exp_map(torch.zeros(0, 6)).shape == (0, 4, 4)
    assert se3_log_map(torch.zeros(0, 4, 4)).shape == (0, 6)
    assert so3_rotation_angle(torch.zeros(0, 3, 3)).shape == (0,)
    assert so3_relative_angle(torch.zeros(0, 3, 3), torch.zeros(0, 3, 3)).shape == (0,)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: so3_exp_map(torch.zeros(3)), "so3_exp_map: log_rot must have shape (N, 3), got (3,)"),
        (lambda: so3_log_map(torch.eye(3)), "so3_log_map: R must have shape (N, 3, 3), got (3, 3)"),
        (lambda: so3_rotation_angle(2 * torch.eye(3)[None]),
         "so3_rotation_angle: R must hold rotations, whose traces are in [-1, 3]; got one of 6"),
        (lambda: so3_relative_angle(torch.eye(3)[None], torch.eye(3)),
         "so3_relative_angle: R2 must have shape (N, 3, 3), got (3, 3)"),
        (lambda: se3_exp_map(torch.zeros(2, 3)),
         "se3_exp_map: log_transform must have shape (N, 6), got (2, 3)"),
        (lambda: se3_log_map(torch.eye(4)), "se3_log_map: transform must have shape (N, 4, 4), got (4, 4)"),
        (lambda: se3_log_map(torch.ones(1, 4, 4)),
         "se3_log_map: transform[:, :3, 3] must be 0: rigid transforms for row vectors"),
        (lambda: acos_linear_extrapolation(torch.zeros(1), (-1.0, 0.5)),
         "acos_linear_extrapolation: bounds must be -1 < lower <= upper < 1, got (-1.0, 0.5)"),
    ],
)  # fmt: skip
def test_bad_input(call, text: str) -> None:
    with pytest.raises(ValueError) as error:  # noqa: PT011 - the text is compared whole
        call()
    assert str(error.value) == text


@DTYPES
def test_acos_continues_as_its_tangent(dtype) -> None:
    x = torch.tensor([-3.0, -1.0, -0.9, -0.5, 0.0, 0.3, 0.8, 0.9, 1.0, 5.0], dtype=dtype, requires_grad=True)
    answer = acos_linear_extrapolation(x, (-0.9, 0.8))
    nearest = [min(max(value, -0.9), 0.8) for value in x.tolist()]
    slopes = [-1 / math.sqrt(1 - value**2) for value in nearest]
    parts = zip(x.tolist(), nearest, slopes, strict=True)
    close(
        answer.detach(), [math.acos(near) + slope * (value - near) for value, near, slope in parts], factor=4
    )
    close(torch.autograd.grad(answer.sum(), x)[0], slopes, factor=4)


def test_acos_gradcheck() -> None:
    x = torch.tensor([-1.5, -1.0, -0.3, 0.4, 1.0, 2.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(acos_linear_extrapolation, x)
