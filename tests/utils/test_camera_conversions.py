"""Cameras of OpenCV as PyTorch3D converts them, and of Pulsar."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli.renderer import (
    FoVPerspectiveCameras,
    OrthographicCameras,
    PerspectiveCameras,
    look_at_view_transform,
)
from r3d_cli.transforms import rotation_6d_to_matrix
from r3d_cli.utils import (
    cameras_from_opencv_projection,
    opencv_from_cameras_projection,
    pulsar_from_cameras_projection,
    pulsar_from_opencv_projection,
)

SIZE = torch.tensor([[480, 640]])


@pytest.fixture(scope="module")
def case(shared_data: Path) -> dict[str, Tensor]:
    with np.load(shared_data / "pytorch3d_cases" / "camera_from_opencv.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays}


def test_from_opencv_as_recorded(case: dict[str, Tensor]) -> None:
    cameras = cameras_from_opencv_projection(case["R"], case["tvec"], case["K"], SIZE)
    for name, mine in [
        ("R_p3d", cameras.R),
        ("T_p3d", cameras.T),
        ("focal", cameras.focal_length),
        ("principal", cameras.principal_point),
    ]:
        torch.testing.assert_close(mine, case[name], atol=1e-5, rtol=1e-5)
    screen = cameras.transform_points_screen(case["points"])
    torch.testing.assert_close(screen, case["screen"], atol=1e-4, rtol=0)
    assert cameras.in_ndc()


def test_opencv_there_and_back(case: dict[str, Tensor]) -> None:
    skewed = case["K"].clone()
    skewed[1, 0, 1] = 30.0
    for K in (case["K"], skewed):
        cameras = cameras_from_opencv_projection(case["R"], case["tvec"], K, (480, 640))
        for mine, given in zip(
            opencv_from_cameras_projection(cameras, (480, 640)), (case["R"], case["tvec"], K), strict=True
        ):
            torch.testing.assert_close(mine, given)
        camera_points = case["points"] @ case["R"].mT + case["tvec"][:, None]
        pixels = camera_points / camera_points[..., 2:] @ K.mT
        screen = cameras.transform_points_screen(case["points"])
        torch.testing.assert_close(screen[..., :2], pixels[..., :2], atol=1e-3, rtol=0)


def test_opencv_of_other_cameras() -> None:
    _, _, K = opencv_from_cameras_projection(FoVPerspectiveCameras(fov=90.0), SIZE)
    assert K[0].tolist() == [[240.0, 0.0, 320.0], [0.0, 240.0, 240.0], [0.0, 0.0, 1.0]]
    with pytest.raises(ValueError, match="OrthographicCameras is no perspective camera"):
        opencv_from_cameras_projection(OrthographicCameras(), SIZE)


def test_pulsar_parameters_make_the_same_picture() -> None:
    R, T = look_at_view_transform(3.0, (20.0, 50.0), 40.0)
    cameras = PerspectiveCameras(2.0, ((0.1, -0.2),), R, T, image_size=SIZE)
    points = torch.randn(20, 3, generator=torch.Generator().manual_seed(0)) * 0.5
    parameters = pulsar_from_cameras_projection(cameras, SIZE)
    assert parameters.shape == (2, 13)
    position, rotation, focal, width, offset = parameters.split((3, 6, 1, 1, 2), dim=1)
    torch.testing.assert_close(position, cameras.get_camera_center())
    assert (focal < 0.1).all()
    local = (points - position[:, None]) @ rotation_6d_to_matrix(rotation)  # the inverse of camera to world
    on_sensor = local[..., :2] / local[..., 2:] * focal[:, None] * 640 / width[:, None]
    pixels = on_sensor + offset[:, None] + torch.tensor([320.0, 240.0])
    torch.testing.assert_close(pixels, cameras.transform_points_screen(points)[..., :2], atol=1e-3, rtol=0)


def test_pulsar_bad_input(case: dict[str, Tensor]) -> None:
    uneven = case["K"].clone()
    uneven[:, 0, 0] *= 1.1
    with pytest.raises(ValueError, match="those for x and y differ by more than 1 %"):
        pulsar_from_opencv_projection(case["R"], case["tvec"], uneven, SIZE)
    with pytest.raises(ValueError, match="pulsar_from_opencv_projection: znear must be above 1e-05, got 0"):
        pulsar_from_opencv_projection(case["R"], case["tvec"], case["K"], SIZE, znear=0.0)
    with pytest.raises(ValueError, match=r"tvec has shape \(2, 3\) and camera_matrix \(3, 3, 3\)"):
        pulsar_from_opencv_projection(case["R"][:1], case["tvec"], torch.eye(3).expand(3, 3, 3), SIZE)
