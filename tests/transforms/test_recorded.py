"""What PyTorch3D answered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from r3d_cli import transforms


@pytest.fixture(scope="module")
def rotations(shared_data: Path) -> dict[str, Tensor]:
    with np.load(shared_data / "pytorch3d_cases" / "rotations.npz") as case:
        return {name: torch.from_numpy(case[name]) for name in case.files}


@pytest.mark.parametrize(
    ("function", "given", "expected"),
    [
        (transforms.axis_angle_to_matrix, "axis_angle", "matrix"),
        (transforms.so3_exp_map, "axis_angle", "matrix"),
        (transforms.axis_angle_to_quaternion, "axis_angle", "quaternion"),
        (transforms.matrix_to_quaternion, "matrix", "quaternion"),
        (transforms.quaternion_to_matrix, "quaternion", "matrix"),
        (transforms.quaternion_to_axis_angle, "quaternion", "axis_angle"),
        (lambda matrix: transforms.matrix_to_euler_angles(matrix, "XYZ"), "matrix", "euler_xyz"),
        (lambda angles: transforms.euler_angles_to_matrix(angles, "XYZ"), "euler_xyz", "matrix"),
        (transforms.matrix_to_rotation_6d, "matrix", "rotation_6d"),
        (transforms.rotation_6d_to_matrix, "rotation_6d", "matrix"),
        (transforms.matrix_to_axis_angle, "matrix", "so3_log"),
        (transforms.so3_log_map, "matrix", "so3_log"),
        (transforms.se3_exp_map, "se3_in", "se3_exp"),
        (transforms.se3_log_map, "se3_exp", "se3_in"),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_as_recorded(rotations, function, given, expected, dtype) -> None:
    answer = function(rotations[given].to(dtype))
    assert answer.dtype == dtype
    torch.testing.assert_close(answer, rotations[expected].to(dtype), atol=1e-5, rtol=0)
