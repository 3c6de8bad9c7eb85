"""What is no tensor, or no number, is named in one line: function, argument, shape and what came."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
import torch

from r3d_cli import transforms
from r3d_cli.structures import Volumes
from r3d_cli.transforms import Rotate, RotateAxisAngle, Scale, Translate

TAKEN = {
    "axis_angle_to_matrix": ("axis_angle", "(..., 3)"),
    "matrix_to_quaternion": ("matrix", "(..., 3, 3)"),
    "quaternion_to_matrix": ("quaternions", "(..., 4)"),
    "rotation_6d_to_matrix": ("d6", "(..., 6)"),
    "se3_exp_map": ("log_transform", "(N, 6)"),
    "so3_log_map": ("R", "(N, 3, 3)"),
}


@pytest.mark.parametrize("name", TAKEN)
@pytest.mark.parametrize("wrong", [np.zeros((2, 4)), 3.0, None, [[1.0, 2.0, 3.0]]])
def test_what_is_no_tensor(name: str, wrong: object) -> None:
    argument, shape = TAKEN[name]
    kind = "None" if wrong is None else type(wrong).__name__
    message = f"{name}: {argument} must be a tensor of shape {shape}, got {kind}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        getattr(transforms, name)(wrong)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Scale(None), "Scale: x must be a number or a tensor, got None"),
        (lambda: Translate("1", 2, 3), "Translate: x must be a number or a tensor, got str"),
        (lambda: Rotate(None), "Rotate: R must be a number or a tensor, got None"),
        (lambda: RotateAxisAngle("90"), "RotateAxisAngle: angle must be a number or a tensor, got str"),
        (lambda: Volumes(torch.zeros(1, 1, 2, 2, 2), voxel_size="1"), "Volumes: voxel_size must be"),
        (lambda: transforms.random_rotations(2.5), "random_rotations: n must be an integer of at"),
        (lambda: transforms.random_quaternions(-1), "random_quaternions: n must be an integer of at"),
        (lambda: transforms.acos_linear_extrapolation(0.5), "acos_linear_extrapolation: x must be a tensor"),
        (
            lambda: transforms.quaternion_multiply(torch.zeros(3), torch.zeros(4)),
            "quaternion_multiply: a must have shape (..., 4), got (3,)",
        ),
    ],
)
def test_other_wrong_arguments(call: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        call()


def test_quaternions_turn_points_of_another_dtype() -> None:
    half_turn = torch.tensor([0.0, 0.0, 0.0, 1.0], dtype=torch.float64)
    turned = transforms.quaternion_apply(half_turn, torch.tensor([1.0, 2.0, 3.0]))
    assert turned.dtype == torch.float64
    assert turned.tolist() == [-1.0, -2.0, 3.0]
