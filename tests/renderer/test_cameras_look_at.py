"""Poses: look_at, its poles, its gradients; and the renderer-free cameras of r3d_cli.scene."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from r3d_cli.renderer import (
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    camera_position_from_spherical_angles,
    get_world_to_view_transform,
    look_at_rotation,
    look_at_view_transform,
    rotate_on_spot,
)
from r3d_cli.scene import camera as scene
from r3d_cli.transforms import RotateAxisAngle, random_rotations

angles = st.floats(-180.0, 180.0, width=32)


def double(*values: float) -> list[Tensor]:
    return [torch.tensor([value], dtype=torch.float64) for value in values]


def assert_rotation(R: Tensor) -> None:
    torch.testing.assert_close(R @ R.mT, torch.eye(3).expand_as(R).to(R), atol=1e-5, rtol=0)
    torch.testing.assert_close(torch.linalg.det(R), torch.ones(len(R)).to(R), atol=1e-5, rtol=0)


@settings(deadline=None)
@given(elevation=st.one_of(angles, st.sampled_from([90.0, -90.0, 0.0])), azimuth=angles)
def test_agrees_with_the_scene(elevation: float, azimuth: float) -> None:
    at = (0.3, -0.2, 0.5)
    R, T = look_at_view_transform(
        *double(2.5, elevation, azimuth), at=torch.tensor([at], dtype=torch.float64)
    )
    expected_R, expected_T = scene.look_at(2.5, elevation, azimuth, at)
    np.testing.assert_allclose(R[0], expected_R, atol=1e-12)
    np.testing.assert_allclose(T[0], expected_T, atol=1e-12)


@pytest.mark.parametrize("half_extent", [None, 1.7])
def test_projects_as_the_scene(half_extent: float | None) -> None:
    R, T = scene.look_at(3.0, 25.0, -40.0)
    points = np.random.default_rng(0).uniform(-1, 1, (100, 3))
    expected = scene.Camera(R, T, fov=35.0, half_extent=half_extent).project(points)
    pose = {"R": torch.from_numpy(R[None]), "T": torch.from_numpy(T[None])}
    if half_extent is None:
        cameras = FoVPerspectiveCameras(fov=35.0, **pose)
    else:
        sides = {"max_x": half_extent, "max_y": half_extent, "min_x": -half_extent, "min_y": -half_extent}
        cameras = FoVOrthographicCameras(**sides, **pose)
    xy = cameras.transform_points_ndc(torch.from_numpy(points))[:, :2]
    np.testing.assert_allclose(xy, expected[:, :2], rtol=1e-6, atol=1e-7)  # fov is a float32 number here
    depth = cameras.get_world_to_view_transform().transform_points(torch.from_numpy(points))[:, 2]
    np.testing.assert_allclose(depth, expected[:, 2])


@pytest.mark.parametrize("elevation", [90.0, -90.0])
@pytest.mark.parametrize("azimuth", [0.0, 45.0, 200.0])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_poles(elevation: float, azimuth: float, dtype: torch.dtype) -> None:
    dist, elev, azim = (torch.tensor([x], dtype=dtype, requires_grad=True) for x in (2.0, elevation, azimuth))
    R, T = look_at_view_transform(dist, elev, azim)
    assert_rotation(R)
    # The limit from past the pole.
    before, _ = look_at_view_transform(2.0, elevation + math.copysign(0.01, elevation), azimuth)
    torch.testing.assert_close(R, before.to(dtype), atol=1e-3, rtol=0)
    (R.square().sum() + (R * torch.arange(9.0).reshape(3, 3)).sum() + T.sum()).backward()
    torch.testing.assert_close(dist.grad, torch.ones(1, dtype=dtype))  # T is (0, 0, distance)
    for angle in (elev, azim):
        assert angle.grad is not None
        assert angle.grad.abs().max() < 1.0  # a degree turns R by less than 0.02 in each entry


def test_gradients_of_angles() -> None:
    def pose(*arguments: Tensor) -> tuple[Tensor, Tensor]:
        return look_at_view_transform(*arguments, at=torch.tensor([[0.1, 0.2, 0.3]], dtype=torch.float64))

    for elevation in (30.0, 90.0, -90.0):
        distance, elev, azim = double(2.0, elevation, 130.0)
        # At a pole the picture turns over: a difference quotient across it means nothing.
        elev.requires_grad_(abs(elevation) < 90.0)
        assert torch.autograd.gradcheck(pose, (distance.requires_grad_(), elev, azim.requires_grad_()))


def test_gradients_of_positions() -> None:
    eye = torch.randn(3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)).requires_grad_()
    at = torch.zeros(3, 3, dtype=torch.float64).requires_grad_()
    up = torch.tensor([[0.0, 2.0, 0.3]], dtype=torch.float64).requires_grad_()
    assert torch.autograd.gradcheck(
        lambda *x: look_at_view_transform(eye=x[0], at=x[1], up=x[2]), (eye, at, up)
    )


@pytest.mark.parametrize("up", [(0.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, -3.0), (1.0, 1.0, 1.0)])
@pytest.mark.parametrize("side", [1.0, -1.0])
def test_looking_along_the_up_axis(up: tuple[float, ...], side: float) -> None:
    axis = torch.tensor([up], requires_grad=True)
    eye = (side * axis.detach() * 2).requires_grad_()
    R = look_at_rotation(eye, up=axis)
    assert_rotation(R.detach())
    torch.testing.assert_close(R[:, :, 2], -eye / eye.norm())
    (R * torch.arange(9.0).reshape(3, 3)).sum().backward()
    assert eye.grad is not None
    assert torch.isfinite(eye.grad).all()


def test_looking_down_at_a_point_is_not_left_to_rounding() -> None:
    at = torch.tensor([[0.1, 0.2, 0.3]])
    straight = look_at_rotation(at + torch.tensor([[0.0, 5.0, 0.0]]), at)
    nearly = look_at_rotation(torch.nextafter(at, at + 1) + torch.tensor([[0.0, 5.0, 0.0]]), at)
    torch.testing.assert_close(straight[0, :, 0], torch.tensor([1.0, 0.0, 0.0]))
    torch.testing.assert_close(nearly, straight, atol=1e-6, rtol=0)


def test_eye_replaces_distance_and_angles() -> None:
    eye = camera_position_from_spherical_angles((2.0, 3.0), 20.0, (50.0, 60.0))
    for mine, theirs in zip(
        look_at_view_transform(eye=eye), look_at_view_transform((2.0, 3.0), 20.0, (50.0, 60.0)), strict=True
    ):
        torch.testing.assert_close(mine, theirs)
    R, T = look_at_view_transform(eye=(0, 0, 3), at=(0, 0, 1))
    torch.testing.assert_close(
        get_world_to_view_transform(R, T).transform_points(torch.tensor([[0, 0, 1.0]])),
        torch.tensor([[0, 0, 2.0]]),
    )


def test_radians() -> None:
    for mine, theirs in zip(
        look_at_view_transform(2.0, math.radians(30), math.radians(50), degrees=False),
        look_at_view_transform(2.0, 30.0, 50.0),
        strict=True,
    ):
        torch.testing.assert_close(mine, theirs)


def test_empty_batch() -> None:
    R, T = look_at_view_transform(torch.zeros(0), 0.0, 0.0)
    assert R.shape == (0, 3, 3)
    assert T.shape == (0, 3)
    assert look_at_rotation(torch.zeros(0, 3)).shape == (0, 3, 3)


def test_no_distance_keeps_the_direction_of_the_angles() -> None:
    R, T = look_at_view_transform(0.0, 20.0, 30.0)
    torch.testing.assert_close(R, look_at_view_transform(5.0, 20.0, 30.0)[0])
    torch.testing.assert_close(T, torch.zeros(1, 3))


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="look_at_rotation: a camera stands at the point that it looks at"):
        look_at_rotation(((1, 2, 3),), ((1, 2, 3),))
    with pytest.raises(ValueError, match="look_at_view_transform: an up axis has length zero"):
        look_at_view_transform(eye=((1, 2, 3),), up=((0, 0, 0),))
    with pytest.raises(
        ValueError, match=r"look_at_view_transform: at must have shape \(N, 3\), got \(1, 2\)"
    ):
        look_at_view_transform(at=((0, 0),))
    with pytest.raises(ValueError, match="the first sizes must be equal or 1"):
        look_at_view_transform((1.0, 2.0), (1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match=r"R has shape \(2, 3, 3\) and T \(3, 3\)"):
        get_world_to_view_transform(torch.eye(3).expand(2, 3, 3), torch.zeros(3, 3))


def test_world_to_view_inverts_what_is_no_rotation() -> None:
    R = torch.randn(4, 3, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    T = torch.randn(4, 3, dtype=torch.float64)
    transform = get_world_to_view_transform(R, T)
    torch.testing.assert_close(transform.inverse().get_matrix(), torch.linalg.inv(transform.get_matrix()))
    inputs = (R.requires_grad_(), T.requires_grad_())
    assert torch.autograd.gradcheck(
        lambda R, T: get_world_to_view_transform(R, T).inverse().get_matrix(), inputs
    )


def test_rotate_on_spot() -> None:
    R, T = look_at_view_transform((2.0, 3.0), 30.0, (40.0, -50.0))
    turn = RotateAxisAngle(20.0, "Y").get_matrix()[0, :3, :3]
    turned_R, turned_T = rotate_on_spot(R, T, turn)
    before, after = get_world_to_view_transform(R, T), get_world_to_view_transform(turned_R, turned_T)
    center = before.inverse().transform_points(torch.zeros(1, 3))
    torch.testing.assert_close(after.inverse().transform_points(torch.zeros(1, 3)), center)
    # What the camera saw straight ahead it now sees where the inverse rotation takes it.
    ahead = before.inverse().transform_points(torch.tensor([[0.0, 0.0, 1.0]]))
    expected = (torch.tensor([[0.0, 0.0, 1.0]]) @ turn.mT).expand(2, 1, 3)
    torch.testing.assert_close(after.transform_points(ahead), expected, atol=1e-5, rtol=1e-5)

    single = rotate_on_spot(R[0], T[0], random_rotations(5))
    assert [x.shape for x in single] == [(5, 3, 3), (5, 3)]
    with pytest.raises(
        ValueError, match=r"rotate_on_spot: rotation must have shape \(N, 3, 3\), got \(1, 1, 3\)"
    ):
        rotate_on_spot(R, T, torch.zeros(1, 3))
