"""torch.jit.script and torch.jit.trace take every function of rotations, with the values and gradients that
eager calls give."""

from __future__ import annotations

import inspect
import io
import warnings

import pytest
import torch
from torch import Tensor

from r3d_cli import transforms
from r3d_cli.transforms import (
    axis_angle_to_matrix,
    matrix_to_quaternion,
    quaternion_apply,
    rotation_6d_to_matrix,
    se3_exp_map,
)

Q, V, M, S, T = "quaternions", "vectors", "rotations", "sixes", "transforms"
#: What each function takes.
ARGUMENTS: dict[str, tuple] = {
    "acos_linear_extrapolation": (V,),
    "axis_angle_to_matrix": (V,),
    "axis_angle_to_quaternion": (V,),
    "euler_angles_to_matrix": (V, "XYZ"),
    "matrix_to_axis_angle": (M,),
    "matrix_to_euler_angles": (M, "ZXZ"),
    "matrix_to_quaternion": (M,),
    "matrix_to_rotation_6d": (M,),
    "quaternion_apply": (Q, V),
    "quaternion_invert": (Q,),
    "quaternion_multiply": (Q, Q),
    "quaternion_raw_multiply": (Q, Q),
    "quaternion_to_axis_angle": (Q,),
    "quaternion_to_matrix": (Q,),
    "rotation_6d_to_matrix": (S,),
    "se3_exp_map": (S,),
    "se3_log_map": (T,),
    "so3_exp_map": (V,),
    "so3_exponential_map": (V,),
    "so3_log_map": (M,),
    "so3_relative_angle": (M, M),
    "so3_rotation_angle": (M,),
    "standardize_quaternion": (Q,),
}
RANDOM = {"random_quaternions": (3,), "random_rotation": (), "random_rotations": (3,)}


def made(kind: str, dtype: torch.dtype) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    if kind == M:
        return axis_angle_to_matrix(made(V, torch.float64)).to(dtype)
    if kind == T:
        return se3_exp_map(made(S, torch.float64)).to(dtype)
    width = {Q: 4, V: 3, S: 6}[kind]
    values = torch.randn(6, width, generator=generator, dtype=torch.float64)
    values[0] = 0.0 if kind in (V, S) else values[0]  # formulas tend to break there
    return values.to(dtype)


def arguments(name: str, dtype: torch.dtype) -> list:
    return [
        made(given, dtype).requires_grad_() if given in (Q, V, M, S, T) else given
        for given in ARGUMENTS[name]
    ]


def answers(function, given: list) -> list[Tensor]:
    """The value, and the gradients of a sum that weighs its entries differently."""
    value = function(*given)
    weighed = (value * torch.linspace(0.5, 1.5, value.numel(), dtype=value.dtype).reshape(value.shape)).sum()
    tensors = [one for one in given if isinstance(one, Tensor)]
    return [value, *torch.autograd.grad(weighed, tensors)]


def test_every_public_function_is_here() -> None:
    functions = {name for name in transforms.__all__ if not inspect.isclass(getattr(transforms, name))}
    assert functions == set(ARGUMENTS) | set(RANDOM)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ARGUMENTS)
def test_scripted_functions_give_what_eager_ones_do(name: str, dtype: torch.dtype) -> None:
    function = getattr(transforms, name)
    scripted = torch.jit.script(function)
    for answer, expected in zip(
        answers(scripted, arguments(name, dtype)), answers(function, arguments(name, dtype)), strict=True
    ):
        torch.testing.assert_close(answer, expected)


@pytest.mark.parametrize("name", ARGUMENTS)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_scripted_functions_take_halves(name: str, dtype: torch.dtype) -> None:
    function = getattr(transforms, name)
    given = [one.detach() if isinstance(one, Tensor) else one for one in arguments(name, dtype)]
    torch.testing.assert_close(torch.jit.script(function)(*given), function(*given))


@pytest.mark.parametrize("name", ARGUMENTS)
def test_traced_functions_serve_other_sizes_without_warnings(name: str) -> None:
    function = getattr(transforms, name)
    given = [one.detach() if isinstance(one, Tensor) else one for one in arguments(name, torch.float32)]
    tensors = [one for one in given if isinstance(one, Tensor)]
    others = given[len(tensors) :]
    with warnings.catch_warnings():
        warnings.simplefilter("error", torch.jit.TracerWarning)
        traced = torch.jit.trace(lambda *x: function(*x, *others), tuple(tensors))
    shorter = [one[1:4] for one in tensors]
    torch.testing.assert_close(traced(*shorter), function(*shorter, *others))


@pytest.mark.parametrize("name", RANDOM)
def test_scripted_random_rotations(name: str) -> None:
    function = getattr(transforms, name)
    torch.manual_seed(4)
    expected = function(*RANDOM[name], dtype=torch.float64)
    torch.manual_seed(4)
    scripted = torch.jit.script(function)
    torch.testing.assert_close(
        scripted(*RANDOM[name], dtype=torch.float64, device=torch.device("cpu")), expected
    )
    assert function(*RANDOM[name], device="cpu").device.type == "cpu"


def rotated(pose: Tensor, points: Tensor) -> Tensor:
    return quaternion_apply(matrix_to_quaternion(rotation_6d_to_matrix(pose)), points)


class Pose(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.pose = torch.nn.Parameter(torch.tensor([[1.0, 2.0, 0.5, -1.0, 0.2, 0.3]]))

    def forward(self, points: Tensor) -> Tensor:
        return rotated(self.pose, points)


def test_a_scripted_module_of_them_is_saved_and_loaded() -> None:
    pose, points = Pose(), torch.rand(5, 3)
    file = io.BytesIO()
    torch.jit.save(torch.jit.script(pose), file)
    file.seek(0)
    torch.testing.assert_close(torch.jit.load(file)(points), pose(points))


def test_a_scripted_function_still_refuses_what_is_no_rotation() -> None:
    with pytest.raises(torch.jit.Error, match="so3_rotation_angle: R must hold rotations"):
        torch.jit.script(transforms.so3_rotation_angle)(torch.full((1, 3, 3), 7.0))
    with pytest.raises(torch.jit.Error, match="convention must be three of the letters X, Y and Z"):
        torch.jit.script(transforms.euler_angles_to_matrix)(torch.zeros(3), "XXY")
