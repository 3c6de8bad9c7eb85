"""Cameras of other systems: OpenCV's own projection, and closed forms of OpenGL, Blender and COLMAP."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli.renderer import (
    DistortedCameras,
    FishEyeCameras,
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    OrthographicCameras,
    PerspectiveCameras,
    from_blender,
    from_colmap,
    from_opencv,
    from_opengl,
    look_at_view_transform,
    to_blender,
    to_colmap,
    to_opencv,
    to_opengl,
)
from r3d_cli.transforms import axis_angle_to_matrix, matrix_to_quaternion

cv2 = pytest.importorskip("cv2")

HEIGHT, WIDTH = 480, 640
K = np.array([[500.0, 0.0, 270.0], [0.0, 460.0, 290.0], [0.0, 0.0, 1.0]])
RVEC = np.array([0.4, -0.8, 1.9])
R = cv2.Rodrigues(RVEC)[0]
TVEC = np.array([0.1, -0.2, 3.0])
#: Brown-Conrady: k1 k2 p1 p2 k3 k4 k5 k6 s1 s2 s3 s4.
BROWN = np.array([-0.2, 0.1, 0.01, -0.02, 0.03, 0.1, 0.05, -0.01, 0.01, 0.02, -0.01, 0.005])
FISHEYE = np.array([0.05, -0.02, 0.01, -0.004])


def world_points(spread: float = 1.0) -> np.ndarray:
    """(200, 3) in front of the camera, world."""
    view = np.random.default_rng(0).uniform(-1.0, 1.0, (200, 3)) * [1.2 * spread, 0.9 * spread, 0.5]
    return view @ R  # about the origin of the world: R X + t is around t


def opencv_points(points: np.ndarray, distortion: np.ndarray | None) -> np.ndarray:
    return cv2.projectPoints(points, RVEC, TVEC, K, distortion)[0][:, 0]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("count", [None, 4, 5, 8, 12])
def test_opencv_projects_to_the_same_pixels(count: int | None, dtype: torch.dtype) -> None:
    points = world_points()
    distortion = None if count is None else BROWN[:count]
    arguments = [torch.from_numpy(x).to(dtype) for x in (K, R, TVEC)]
    cameras = from_opencv(*arguments, (HEIGHT, WIDTH), distortion)
    assert isinstance(cameras, PerspectiveCameras if count is None else DistortedCameras)
    screen = cameras.transform_points_screen(torch.from_numpy(points).to(dtype))[:, :2]
    assert np.abs(screen.numpy() - opencv_points(points, distortion)).max() < 1e-3


def test_opencv_fisheye_projects_to_the_same_pixels() -> None:
    points = world_points(spread=4.0)
    cameras = from_opencv(K, R, TVEC, (HEIGHT, WIDTH), FISHEYE, model="fisheye")
    screen = cameras.transform_points_screen(torch.from_numpy(points).float())[:, :2]
    expected = cv2.fisheye.projectPoints(points[:, None], RVEC, TVEC, K, FISHEYE)[0][:, 0]
    assert np.abs(screen.numpy() - expected).max() < 1e-3


@pytest.mark.parametrize("model", ["brown", "fisheye"])
def test_opencv_projects_unprojected_pixels_back(model: str) -> None:
    pixels = torch.from_numpy(np.random.default_rng(1).uniform((0, 0), (WIDTH, HEIGHT), (100, 2)))
    D = BROWN[:5] if model == "brown" else FISHEYE
    cameras = from_opencv(*map(torch.from_numpy, (K, R, TVEC)), (HEIGHT, WIDTH), D, model)
    # In the camera's own plane +X is to the left of the principal point.
    own = 2 * cameras.principal_point - pixels
    depth = torch.linspace(1.0, 5.0, 100, dtype=torch.float64)
    points = cameras.unproject_points(torch.cat((own, depth[:, None]), dim=1)).numpy()
    project = cv2.projectPoints if model == "brown" else cv2.fisheye.projectPoints
    np.testing.assert_allclose(project(points[:, None], RVEC, TVEC, K, D)[0][:, 0], pixels, atol=1e-6)
    np.testing.assert_allclose((points @ R.T + TVEC)[:, 2], depth)


def test_opencv_counts_from_pixel_centres_if_told() -> None:
    half = from_opencv(K, R, TVEC, (HEIGHT, WIDTH))
    integer = from_opencv(K, R, TVEC, (HEIGHT, WIDTH), pixel_centers="integer")
    points = torch.from_numpy(world_points()).float()
    difference = integer.transform_points_screen(points) - half.transform_points_screen(points)
    torch.testing.assert_close(difference[:, :2], torch.full((200, 2), 0.5), atol=1e-3, rtol=0)
    torch.testing.assert_close(to_opencv(integer, pixel_centers="integer").K[0], torch.from_numpy(K).float())


def test_opencv_skew() -> None:
    skewed = K.copy()
    skewed[0, 1] = 40.0
    points = world_points()
    view = points @ R.T + TVEC
    expected = view @ skewed.T / view[:, 2:]
    for distortion in (None, np.zeros(4)):
        cameras = from_opencv(skewed, R, TVEC, (HEIGHT, WIDTH), distortion)
        screen = cameras.transform_points_screen(torch.from_numpy(points).float())
        assert np.abs(screen.numpy()[:, :2] - expected[:, :2]).max() < 1e-3
        torch.testing.assert_close(to_opencv(cameras).K[0], torch.from_numpy(skewed).float())


@pytest.mark.parametrize("model", [None, "brown", "fisheye"])
def test_opencv_there_and_back(model: str | None) -> None:
    distortion = {None: None, "brown": BROWN, "fisheye": FISHEYE}[model]
    batch = (np.stack([K, K]), np.stack([R, R.T]), np.stack([TVEC, 2 * TVEC])[..., None])
    there = from_opencv(*map(torch.from_numpy, batch), (HEIGHT, WIDTH), distortion, model)
    back = to_opencv(there)
    np.testing.assert_allclose(back.K, batch[0])
    np.testing.assert_allclose(back.R, batch[1])
    np.testing.assert_allclose(back.t, batch[2][..., 0])
    assert back.image_size.tolist() == [[HEIGHT, WIDTH]] * 2
    again = from_opencv(*back)
    points = torch.from_numpy(world_points())
    torch.testing.assert_close(again.transform_points_screen(points), there.transform_points_screen(points))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"K": np.eye(2)}, r"from_opencv: K must have shape \(N, 3, 3\), got \(1, 2, 2\)"),
        ({"R": np.zeros((2, 3, 3)), "t": np.zeros((3, 3))}, r"R has shape \(2, 3, 3\) and t \(3, 3\)"),
        ({"model": "radial"}, "from_opencv: model must be one of pinhole, brown, fisheye, got 'radial'"),
        ({"model": "pinhole", "distortion": BROWN}, "a pinhole has no distortion"),
        ({"distortion": BROWN[:3]}, "distortion of brown has 4 or 5 or 8 or 12 coefficients, got 3"),
        ({"distortion": np.ones(14)}, "tilted sensor"),
        ({"pixel_centers": "middle"}, "pixel_centers must be 'half' or 'integer', got 'middle'"),
        ({"image_size": (0, 4)}, "image_size must be at least one pixel"),
    ],
)
def test_opencv_bad_input(change: dict[str, Any], message: str) -> None:
    arguments: dict[str, Any] = {"K": K, "R": R, "t": TVEC, "image_size": (HEIGHT, WIDTH), **change}
    with pytest.raises(ValueError, match=message):
        from_opencv(**arguments)


def test_opencv_has_no_such_cameras() -> None:
    for cameras in (OrthographicCameras(), FishEyeCameras()):
        with pytest.raises(ValueError, match=r"to_opencv: .* is no perspective camera"):
            to_opencv(cameras, (HEIGHT, WIDTH))
    with pytest.raises(ValueError, match="to_opencv: PerspectiveCameras needs image_size"):
        to_opencv(PerspectiveCameras())


def frustum(left: float, right: float, bottom: float, top: float, near: float, far: float) -> Tensor:
    """The matrix of glFrustum, as the OpenGL 2.1 reference pages have it."""
    P = torch.zeros(4, 4, dtype=torch.float64)
    P[0, 0], P[0, 2] = 2 * near / (right - left), (right + left) / (right - left)
    P[1, 1], P[1, 2] = 2 * near / (top - bottom), (top + bottom) / (top - bottom)
    P[2, 2], P[2, 3] = -(far + near) / (far - near), -2 * far * near / (far - near)
    P[3, 2] = -1
    return P


def ortho(left: float, right: float, bottom: float, top: float, near: float, far: float) -> Tensor:
    """The matrix of glOrtho."""
    P = torch.eye(4, dtype=torch.float64)
    for axis, (low, high) in enumerate(((left, right), (bottom, top))):
        P[axis, axis], P[axis, 3] = 2 / (high - low), -(high + low) / (high - low)
    P[2, 2], P[2, 3] = -2 / (far - near), -(far + near) / (far - near)
    return P


def view_matrix() -> Tensor:
    V = torch.eye(4, dtype=torch.float64)
    V[:3, :3] = axis_angle_to_matrix(torch.tensor([0.3, -0.5, 0.2], dtype=torch.float64))
    V[:3, 3] = torch.tensor([0.1, 0.2, -4.0], dtype=torch.float64)
    return V


def viewport(points: Tensor, P: Tensor, V: Tensor) -> Tensor:
    """What OpenGL's fixed functions do: clip space, division, glViewport; rows then count from the top."""
    clip = torch.nn.functional.pad(points, (0, 1), value=1.0) @ (P @ V).mT
    device = clip[:, :3] / clip[:, 3:]
    x, y, z = ((device + 1) / 2).unbind(1)
    return torch.stack((x * WIDTH, (1 - y) * HEIGHT, z), dim=1)


@pytest.mark.parametrize(
    ("make", "kind"), [(frustum, FoVPerspectiveCameras), (ortho, FoVOrthographicCameras)]
)
@pytest.mark.parametrize("size", [(HEIGHT, WIDTH), (WIDTH, HEIGHT)])
def test_opengl(make: Any, kind: type, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(globals(), "HEIGHT", size[0])
    monkeypatch.setitem(globals(), "WIDTH", size[1])
    P, V = make(-0.3, 0.5, -0.2, 0.4, 0.5, 20.0), view_matrix()
    points = torch.randn(100, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    cameras = from_opengl(P, V, size)
    assert isinstance(cameras, kind)
    torch.testing.assert_close(cameras.znear, torch.tensor([0.5], dtype=torch.float64))
    torch.testing.assert_close(cameras.zfar, torch.tensor([20.0], dtype=torch.float64))
    torch.testing.assert_close(cameras.transform_points_screen(points), viewport(points, P, V))
    back = to_opengl(cameras)
    torch.testing.assert_close(back.projection[0], P)
    torch.testing.assert_close(back.view[0], V)


def test_opengl_infinite_far_plane() -> None:
    P = frustum(-1, 1, -1, 1, 0.5, 20.0)
    P[2, 2], P[2, 3] = -1.0, -1.0  # the limit for far -> infinity
    cameras = from_opengl(P, torch.eye(4), (100, 100))
    assert cameras.zfar.tolist() == [math.inf]
    assert torch.isfinite(cameras.transform_points(torch.tensor([[0.0, 0.0, -1e6]]))).all()


@pytest.mark.parametrize("kind", [PerspectiveCameras, OrthographicCameras])
@pytest.mark.parametrize("in_ndc", [True, False])
def test_opengl_of_focal_lengths(kind: Any, in_ndc: bool) -> None:
    R, T = look_at_view_transform(3.0, 20.0, 50.0)
    units = (((2.0, 1.5),), ((0.1, -0.2),)) if in_ndc else (((400.0, 300.0),), ((300.0, 250.0),))
    cameras = kind(*units, R, T, in_ndc=in_ndc, image_size=(HEIGHT, WIDTH))
    points = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)) * 0.5
    P, V, _ = to_opengl(cameras, znear=0.5, zfar=10.0)
    screen = cameras.transform_points_screen(points)[:, :2]
    torch.testing.assert_close(viewport(points, P[0], V[0])[:, :2], screen, atol=1e-3, rtol=0)
    again = from_opengl(P, V, (HEIGHT, WIDTH))
    torch.testing.assert_close(again.transform_points_screen(points)[:, :2], screen, atol=1e-3, rtol=0)


def test_opengl_bad_input() -> None:
    with pytest.raises(ValueError, match="from_opengl: projection must have the last row"):
        from_opengl(torch.ones(4, 4), torch.eye(4), (10, 10))
    with pytest.raises(ValueError, match=r"from_opengl: projection has shape .* and view"):
        from_opengl(torch.eye(4).expand(2, 4, 4), torch.eye(4).expand(3, 4, 4), (10, 10))
    with pytest.raises(ValueError, match="PerspectiveCameras has no znear and zfar; give both"):
        to_opengl(PerspectiveCameras(), (10, 10))
    with pytest.raises(ValueError, match="DistortedCameras has no projection matrix"):
        to_opengl(DistortedCameras(), (10, 10))


def blender_pixels(
    points: Tensor, M: Tensor, size: tuple[int, int], fit: str, shift: tuple[float, float], aspect: float
) -> Tensor:
    """Blender's view plane: its spans at depth 1 from sensor and lens, moved by the shifts."""
    height, width = size
    local = torch.nn.functional.pad(points, (0, 1), value=1.0) @ torch.linalg.inv(M).mT
    x, y = (local[:, :2] / -local[:, 2:3]).unbind(1)
    horizontal = fit == "HORIZONTAL" or (fit == "AUTO" and width >= height * aspect)
    sensor = 24.0 if fit == "VERTICAL" else 36.0
    span = sensor / 35.0  # of the fitted side, at depth 1
    span_x, span_y = (
        (span, span * height * aspect / width) if horizontal else (span * width / (height * aspect), span)
    )
    fitted = span_x if horizontal else span_y
    u = (x - shift[0] * fitted) / span_x + 0.5
    v = 0.5 - (y - shift[1] * fitted) / span_y
    return torch.stack((u * width, v * height), dim=1)


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize("size", [(480, 640), (640, 480)])
@pytest.mark.parametrize("aspect", [1.0, 1.5])
def test_blender(fit: str, size: tuple[int, int], aspect: float) -> None:
    M = torch.eye(4, dtype=torch.float64)
    M[:3, :3] = axis_angle_to_matrix(torch.tensor([0.7, 0.1, -0.3], dtype=torch.float64))
    M[:3, 3] = M[:3, 2] * 4.0
    scaled = M.clone()
    scaled[:3, :3] *= 2.5
    points = torch.rand(100, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0)) - 0.5
    shift = (0.1, -0.25)
    cameras = from_blender(
        scaled, size, 35.0, sensor_fit=fit, shift_x=shift[0], shift_y=shift[1], pixel_aspect_y=aspect
    )
    expected = blender_pixels(points, M, size, fit, shift, aspect)
    screen = cameras.transform_points_screen(points)[:, :2]
    torch.testing.assert_close(screen, expected)
    back = to_blender(cameras)
    torch.testing.assert_close(back.matrix_world[0], M)
    torch.testing.assert_close(from_blender(*back).transform_points_screen(points)[:, :2], expected)


def test_blender_orthographic() -> None:
    M = torch.eye(4, dtype=torch.float64)
    M[2, 3] = 5.0
    cameras = from_blender(M, (100, 200), ortho_scale=4.0)
    # 200 pixels over 4 units: one unit is 50 pixels.
    points = torch.tensor([[0.0, 0.0, 0.0], [1.0, 0.5, 2.0]], dtype=torch.float64)
    expected = torch.tensor([[100.0, 50.0, 5.0], [150.0, 25.0, 3.0]], dtype=torch.float64)
    torch.testing.assert_close(cameras.transform_points_screen(points), expected)
    back = to_blender(cameras)
    assert back.ortho_scale is not None
    assert back.ortho_scale.tolist() == [4.0]
    torch.testing.assert_close(from_blender(*back).transform_points_screen(points), expected)


def test_blender_angle_of_nerf() -> None:
    angle = 0.6911112070083618
    cameras = from_blender(torch.eye(4), (800, 800), 36.0 / 2 / math.tan(angle / 2))
    torch.testing.assert_close(cameras.focal_length, torch.full((1, 2), 0.5 * 800 / math.tan(0.5 * angle)))


def test_blender_bad_input() -> None:
    with pytest.raises(ValueError, match="sensor_fit must be one of AUTO, HORIZONTAL, VERTICAL, got 'auto'"):
        from_blender(torch.eye(4), (10, 10), sensor_fit="auto")
    with pytest.raises(ValueError, match=r"from_blender: matrix_world has shape .* and lens"):
        from_blender(torch.eye(4).expand(2, 4, 4), (10, 10), lens=(10, 20, 30))
    with pytest.raises(ValueError, match="to_blender: FishEyeCameras is no camera of Blender's kinds"):
        to_blender(FishEyeCameras(), (10, 10))


#: Model -> parameters, and OpenCV's K and coefficients of the same camera.
COLMAP: dict[str, tuple[list[float], str, list[float]]] = {
    "SIMPLE_PINHOLE": ([500, 270, 290], "pinhole", []),
    "PINHOLE": ([500, 460, 270, 290], "pinhole", []),
    "SIMPLE_RADIAL": ([500, 270, 290, -0.1], "brown", [-0.1, 0, 0, 0]),
    "RADIAL": ([500, 270, 290, -0.1, 0.05], "brown", [-0.1, 0.05, 0, 0]),
    "OPENCV": ([500, 460, 270, 290, -0.1, 0.05, 0.01, -0.02], "brown", [-0.1, 0.05, 0.01, -0.02]),
    "FULL_OPENCV": ([500, 460, 270, 290, *BROWN[:8]], "brown", list(BROWN[:8])),
    "SIMPLE_RADIAL_FISHEYE": ([500, 270, 290, 0.05], "fisheye", [0.05, 0, 0, 0]),
    "RADIAL_FISHEYE": ([500, 270, 290, 0.05, -0.02], "fisheye", [0.05, -0.02, 0, 0]),
    "OPENCV_FISHEYE": ([500, 460, 270, 290, *FISHEYE], "fisheye", list(FISHEYE)),
}


@pytest.mark.parametrize("model", COLMAP)
def test_colmap(model: str) -> None:
    params, lens, coefficients = COLMAP[model]
    points = world_points()
    calibration = K.copy()
    calibration[1, 1] = params[1] if params[1] == 460 else 500.0
    if lens == "fisheye":
        D = np.array(coefficients)
        expected = cv2.fisheye.projectPoints(points[:, None], RVEC, TVEC, calibration, D)[0][:, 0]
    else:
        expected = cv2.projectPoints(points, RVEC, TVEC, calibration, np.array(coefficients or [0.0] * 4))[0][
            :, 0
        ]
    qvec = matrix_to_quaternion(torch.from_numpy(R))
    params_tensor = torch.tensor(params, dtype=torch.float64)
    cameras = from_colmap(model, params_tensor, qvec, TVEC, (HEIGHT, WIDTH))
    screen = cameras.transform_points_screen(torch.from_numpy(points))[:, :2]
    assert np.abs(screen.numpy() - expected).max() < 1e-3
    back = to_colmap(cameras, model)
    torch.testing.assert_close(back.params[0], params_tensor)
    torch.testing.assert_close(back.qvec[0].abs(), qvec.abs())
    again = from_colmap(*back).transform_points_screen(torch.from_numpy(points))[:, :2]
    assert np.abs(again.numpy() - expected).max() < 1e-3


def test_colmap_chooses_a_model() -> None:
    assert to_colmap(PerspectiveCameras(), image_size=(10, 10)).model == "PINHOLE"
    assert to_colmap(DistortedCameras(), image_size=(10, 10)).model == "OPENCV"
    assert to_colmap(DistortedCameras(distortion=BROWN[None, :8]), image_size=(10, 10)).model == "FULL_OPENCV"
    assert to_colmap(DistortedCameras(model="fisheye"), image_size=(10, 10)).model == "OPENCV_FISHEYE"


def test_colmap_bad_input() -> None:
    pose = ([1, 0, 0, 0], [0, 0, 0], (10, 10))
    with pytest.raises(ValueError, match=r"from_colmap: model must be one of SIMPLE_PINHOLE, .*, got 'FOV'"):
        from_colmap("FOV", [1, 2, 3], *pose)
    with pytest.raises(ValueError, match=r"RADIAL has 5 parameters \(f, cx, cy, k1, k2\), got 4"):
        from_colmap("RADIAL", [1, 2, 3, 4], *pose)
    with pytest.raises(ValueError, match="OPENCV has no k3, which the camera has"):
        to_colmap(DistortedCameras(distortion=((0, 0, 0, 0, 1.0),)), "OPENCV", (10, 10))
    with pytest.raises(ValueError, match="OPENCV has a brown lens, the camera a fisheye one"):
        to_colmap(DistortedCameras(model="fisheye"), "OPENCV", (10, 10))
    with pytest.raises(ValueError, match="SIMPLE_PINHOLE has one focal length, the camera two"):
        to_colmap(PerspectiveCameras(((1.0, 2.0),)), "SIMPLE_PINHOLE", (10, 10))
