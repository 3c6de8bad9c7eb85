"""Cameras against the recorded answers of PyTorch3D 0.7.9."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli.renderer import (
    CamerasBase,
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    OrthographicCameras,
    PerspectiveCameras,
    camera_position_from_spherical_angles,
    look_at_rotation,
    look_at_view_transform,
)

IMAGE_SIZE = ((100, 128),)

MAKERS: dict[str, Callable[[Tensor, Tensor], CamerasBase]] = {
    "fov_perspective": lambda R, T: FoVPerspectiveCameras(fov=(40, 70), aspect_ratio=(1, 1.5), R=R, T=T),
    "fov_orthographic": lambda R, T: FoVOrthographicCameras(
        max_x=2.0, min_y=-3.0, scale_xyz=((1.0, 2.0, 1.0),), R=R, T=T
    ),
    "perspective_ndc": lambda R, T: PerspectiveCameras(((1.2, 1.5),), ((0.1, -0.2),), R=R, T=T),
    "perspective_screen": lambda R, T: PerspectiveCameras(
        ((120, 150),), ((60, 45),), R=R, T=T, in_ndc=False, image_size=IMAGE_SIZE
    ),
    "orthographic": lambda R, T: OrthographicCameras(1.3, R=R, T=T),
}


def recorded(shared_data: Path, name: str) -> dict[str, Tensor]:
    with np.load(shared_data / "pytorch3d_cases" / f"{name}.npz") as arrays:
        return {key: torch.from_numpy(arrays[key]) for key in arrays}


@pytest.mark.parametrize("name", MAKERS)
def test_projections(shared_data: Path, name: str) -> None:
    case = recorded(shared_data, f"camera_{name}")
    cameras = MAKERS[name](case["R"], case["T"])
    points = case["points"]
    torch.testing.assert_close(cameras.transform_points(points), case["projected"], atol=1e-5, rtol=1e-5)
    ndc = cameras.transform_points_ndc(points, image_size=IMAGE_SIZE)
    torch.testing.assert_close(ndc, case["ndc"], atol=1e-5, rtol=1e-5)
    screen = cameras.transform_points_screen(points, image_size=IMAGE_SIZE)
    torch.testing.assert_close(screen, case["screen"], atol=1e-4, rtol=0.0)
    torch.testing.assert_close(cameras.get_camera_center(), case["camera_center"], atol=1e-5, rtol=1e-5)


def test_look_at(shared_data: Path) -> None:
    case = recorded(shared_data, "look_at")
    angles = ((1, 2, 3), (0, 90, -30), (0, 45, 200))
    R, T = look_at_view_transform(*angles)
    torch.testing.assert_close(R, case["R"], atol=1e-6, rtol=0.0)
    torch.testing.assert_close(T, case["T"], atol=1e-6, rtol=0.0)
    position = camera_position_from_spherical_angles(*angles)
    torch.testing.assert_close(look_at_rotation(position), case["R"], atol=1e-6, rtol=0.0)
