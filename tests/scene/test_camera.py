"""The camera against recorded answers and closed forms."""

from __future__ import annotations

import doctest
from dataclasses import replace

import numpy as np
import pytest

from r3d_cli.scene import camera as camera_module
from r3d_cli.scene.camera import Camera, Window, look_at, roll_by
from r3d_cli.scene.draw import draw
from r3d_cli.scene.model import RawMesh


def test_look_at_equals_the_recorded_poses(shared_data):
    recorded = np.load(shared_data / "pytorch3d_cases" / "look_at.npz")
    for i, (distance, elevation, azimuth) in enumerate([(1, 0, 0), (2, 90, 45), (3, -30, 200)]):
        R, T = look_at(distance, elevation, azimuth)
        np.testing.assert_allclose(R, recorded["R"][i], atol=2e-7)
        np.testing.assert_allclose(T, recorded["T"][i], atol=2e-7)


def test_project_equals_the_recorded_camera(shared_data):
    recorded = np.load(shared_data / "pytorch3d_cases" / "camera_fov_perspective.npz")
    # The recorded camera divides x by its aspect ratio; here the image's shape does that.
    for i, (fov, aspect) in enumerate([(40, 1.0), (70, 1.5)]):
        camera = Camera(recorded["R"][i].astype(float), recorded["T"][i].astype(float), fov=fov)
        ndc = camera.project(recorded["points"][i])
        assert ndc.dtype == np.float32
        np.testing.assert_allclose(ndc[:, :2] / [aspect, 1], recorded["projected"][i][:, :2], atol=1e-6)
        np.testing.assert_allclose(camera.center, recorded["camera_center"][i], atol=1e-6)


@pytest.mark.parametrize("up", ["y", "z"])
@pytest.mark.parametrize("elevation", [-90.0, -89.9999, -35.0, 0.0, 60.0, 89.9999, 90.0, 135.0])
def test_a_pose_is_a_rotation_that_looks_at_its_point(up, elevation):
    at = np.array([3.0, -2.0, 0.5])
    R, T = look_at(4.0, elevation, 25.0, at, up)
    np.testing.assert_allclose(R.T @ R, np.eye(3), atol=1e-12)
    assert np.linalg.det(R) == pytest.approx(1.0)
    np.testing.assert_allclose(at @ R + T, [0, 0, 4.0], atol=1e-12)


@pytest.mark.parametrize("up", ["y", "z"])
def test_the_up_axis_is_up_in_the_picture_and_azimuth_goes_round_it(up):
    axis = {"y": np.array([0.0, 1, 0]), "z": np.array([0.0, 0, 1])}[up]
    for azimuth in (0.0, 90.0, 200.0):
        R, _ = look_at(1.0, 10.0, azimuth, up=up)
        assert (axis @ R)[0] == pytest.approx(0.0, abs=1e-12)
        assert (axis @ R)[1] > 0.9
    front = Camera(*look_at(2.0, 0.0, 0.0, up=up)).center
    right = Camera(*look_at(2.0, 0.0, 90.0, up=up)).center
    np.testing.assert_allclose(front, {"y": [0, 0, 2], "z": [0, -2, 0]}[up], atol=1e-12)
    np.testing.assert_allclose(right, [2, 0, 0], atol=1e-12)


def test_an_unknown_up_axis_is_named():
    with pytest.raises(ValueError, match="up must be one of y, z, got 'x'"):
        look_at(1.0, 0.0, 0.0, up="x")


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_depths_next_to_zero_keep_their_view_coordinates(dtype):
    camera = Camera(*look_at(2.0, 0.0, 0.0), fov=60.0)
    view = np.array(
        [[0.7, -0.3, 0.0], [0.7, -0.3, -0.0], [0.1, 0.2, 1e-30], [-1.5, 2.0, -1e-12], [1, 1, 3]], dtype
    )
    ndc = camera.to_ndc(view)
    assert np.isfinite(ndc).all()
    np.testing.assert_allclose(ndc[:, :2] * ndc[:, 2:] / camera.focal, view[:, :2], rtol=1e-6)
    np.testing.assert_allclose(ndc[:, 2], view[:, 2], atol=4e-6)
    assert (np.signbit(ndc[:, 2]) == np.signbit(view[:, 2])).all()


def test_far_points_lose_nothing():
    near = np.random.default_rng(0).normal(size=(100, 3))
    offset = np.array([5.6e6, -4.1e5, 230.0])
    R, T = look_at(6.0, 20.0, 30.0, up="z")
    here, there = Camera(R, T), Camera(R, T - offset @ R)
    np.testing.assert_allclose(there.project(near + offset), here.project(near), atol=1e-8)


@pytest.mark.parametrize("size", [(48, 48), (90, 40), (30, 100)])
@pytest.mark.parametrize("rows", [(0, 10), (7, 29), (29, 30)])
def test_a_window_has_the_pixels_of_the_whole(size, rows):
    points = np.random.default_rng(1).normal(size=(50, 3)) * 0.3
    camera = Camera(*look_at(3.0, 10.0, 20.0))

    def pixels(ndc, height, width):
        short = min(height, width)
        return np.stack([width / 2 - ndc[:, 0] * short / 2, height / 2 - ndc[:, 1] * short / 2], axis=1)

    view = camera.to_view(points)
    whole = pixels(camera.to_ndc(view), *size)
    first, last = rows
    part = pixels(camera.to_ndc(view, Window(size, first, last).affine()), last - first, size[1])
    np.testing.assert_allclose(part, whole - [0, first], atol=1e-10)


INTRINSICS = {"fov": 50.0, "principal_point": (0.3, -0.2), "pixel_aspect": 1.25}


@pytest.mark.parametrize("half_extent", [None, 1.5])
def test_intrinsics_project_as_the_librarys_cameras(half_extent):
    torch = pytest.importorskip("torch")
    from r3d_cli.renderer.cameras import OrthographicCameras, PerspectiveCameras

    camera = Camera(*look_at(4.0, 10.0, 20.0), half_extent=half_extent, **INTRINSICS)
    points = np.random.default_rng(0).normal(size=(40, 3))
    kind = PerspectiveCameras if half_extent is None else OrthographicCameras
    focal_length, principal_point, R, T = (
        torch.tensor(np.array(x))[None] for x in (camera.focals, camera.principal_point, camera.R, camera.T)
    )
    theirs = kind(focal_length, principal_point, R, T).transform_points(torch.tensor(points)[None])[0]
    np.testing.assert_allclose(camera.project(points)[:, :2], theirs[:, :2], rtol=1e-5, atol=1e-6)
    assert camera.focal == pytest.approx(np.sqrt(np.prod(camera.focals)))


@pytest.mark.parametrize("orthographic", [False, True])
@pytest.mark.parametrize("size", [(480, 640), (300, 200)])
def test_pixels_go_there_and_back(size, orthographic):
    R, T = look_at(4.0, 10.0, 20.0)
    given = (700.0, 650.0, 301.5, 222.25)
    camera = Camera.from_pixels(R, T, given, size, orthographic=orthographic)
    assert camera.is_perspective != orthographic
    np.testing.assert_allclose(camera.in_pixels(size), given, rtol=1e-13)
    np.testing.assert_allclose(camera.in_pixels((3 * size[0], 3 * size[1])), 3 * np.array(given), rtol=1e-13)


@pytest.mark.parametrize("size", [(90, 40), (30, 100)])
@pytest.mark.parametrize("half_extent", [None, 1.5])
def test_a_window_shifts_the_principal_point_too(size, half_extent):
    camera = Camera(*look_at(4.0, 10.0, 20.0), half_extent=half_extent, **INTRINSICS)
    view = np.random.default_rng(1).normal(size=(50, 3)) + [0, 0, 5]
    ndc, first = camera.to_ndc(view), 7
    part = camera.to_ndc(view, Window(size, first, first + 20).affine())
    short, rows = min(size) / 2, min(20, size[1]) / 2
    np.testing.assert_allclose(size[1] / 2 - part[:, 0] * rows, size[1] / 2 - ndc[:, 0] * short, atol=1e-10)
    np.testing.assert_allclose(10 - part[:, 1] * rows + first, size[0] / 2 - ndc[:, 1] * short, atol=1e-10)


def test_a_principal_point_of_whole_pixels_shifts_the_picture():
    rng = np.random.default_rng(3)
    mesh = RawMesh(rng.normal(size=(30, 3)), np.arange(30).reshape(10, 3))
    camera = Camera(*look_at(6.0, 10.0, 20.0), fov=60.0)
    shifted = replace(camera, principal_point=(4 / 20, -6 / 20))  # 4 pixels to the left, 6 down
    pictures = [draw(mesh, one, size=(40, 60), supersampling=1).image for one in (camera, shifted)]
    assert (pictures[0] < 255).any()
    np.testing.assert_array_equal(pictures[1][6:, :-4], pictures[0][:-6, 4:])


def test_depths_next_to_zero_stay_linear_with_a_principal_point():
    camera = Camera(*look_at(2.0, 0.0, 0.0), **INTRINSICS)
    view = np.array([[0.7, -0.3, 0.0], [0.1, 0.2, 1e-30], [-1.5, 2.0, -1e-12], [1, 1, 3]])
    ndc = camera.to_ndc(view)
    expected = view[:, :2] * camera.focals + ndc[:, 2:] * camera.principal_point
    np.testing.assert_allclose(ndc[:, :2] * ndc[:, 2:], expected, rtol=1e-6)


@pytest.mark.parametrize("roll", [0.0, 30.0, 180.0, -100.0])
def test_roll_leans_the_cameras_top_to_the_right(roll):
    R, T = look_at(3.0, 20.0, 40.0, at=(1.0, 2.0, 3.0))
    rolled, moved = roll_by(R, T, roll)
    angle = np.radians(roll)
    right, up = -R[:, 0], R[:, 1]
    np.testing.assert_allclose(rolled[:, 1], np.cos(angle) * up + np.sin(angle) * right, atol=1e-12)
    np.testing.assert_allclose(rolled[:, 2], R[:, 2], atol=1e-12)
    np.testing.assert_allclose(Camera(rolled, moved).center, Camera(R, T).center, atol=1e-12)
    assert np.linalg.det(rolled) == pytest.approx(1.0)


def test_a_cameras_examples():
    assert doctest.testmod(camera_module, optionflags=doctest.NORMALIZE_WHITESPACE).failed == 0
