"""The names that cameras had before version 0.3, and helpers of PyTorch3D's module of cameras."""

from __future__ import annotations

import warnings
from typing import Any

import torch
from torch import Tensor

from r3d_cli.renderer import (
    CamerasBase,
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    OrthographicCameras,
    PerspectiveCameras,
)
from r3d_cli.renderer.cameras.pose import IDENTITY, ORIGIN
from r3d_cli.renderer.utils import convert_to_tensors_and_broadcast
from r3d_cli.transforms import Transform3d

__all__ = [
    "_R",
    "_T",
    "OpenGLOrthographicCameras",
    "OpenGLPerspectiveCameras",
    "SfMOrthographicCameras",
    "SfMPerspectiveCameras",
    "_get_sfm_calibration_matrix",
    "camera_to_eye_at_up",
    "try_get_projection_transform",
]

_R = IDENTITY  # (1, 3, 3)
_T = ORIGIN  # (1, 3)


def OpenGLPerspectiveCameras(
    znear: Any = 1.0,
    zfar: Any = 100.0,
    aspect_ratio: Any = 1.0,
    fov: Any = 60.0,
    degrees: bool = True,
    R: Tensor = _R,
    T: Tensor = _T,
    device: torch.device | str = "cpu",
) -> FoVPerspectiveCameras:
    """The old name of `FoVPerspectiveCameras`.

    Example:
        >>> type(OpenGLPerspectiveCameras(fov=45.0)).__name__
        'FoVPerspectiveCameras'
    """
    _warn("OpenGLPerspectiveCameras", "FoVPerspectiveCameras")
    return FoVPerspectiveCameras(znear, zfar, aspect_ratio, fov, degrees, R, T, device=device)


def OpenGLOrthographicCameras(
    znear: Any = 1.0,
    zfar: Any = 100.0,
    top: Any = 1.0,
    bottom: Any = -1.0,
    left: Any = -1.0,
    right: Any = 1.0,
    scale_xyz: Any = ((1.0, 1.0, 1.0),),
    R: Tensor = _R,
    T: Tensor = _T,
    device: torch.device | str = "cpu",
) -> FoVOrthographicCameras:
    """The old name of `FoVOrthographicCameras`, and of its sides.

    Example:
        >>> OpenGLOrthographicCameras(top=2.0).max_y
        tensor([2.])
    """
    _warn("OpenGLOrthographicCameras", "FoVOrthographicCameras")
    sides = {"max_y": top, "min_y": bottom, "max_x": right, "min_x": left}
    return FoVOrthographicCameras(znear, zfar, **sides, scale_xyz=scale_xyz, R=R, T=T, device=device)


def SfMPerspectiveCameras(
    focal_length: Any = 1.0,
    principal_point: Any = ((0.0, 0.0),),
    R: Tensor = _R,
    T: Tensor = _T,
    device: torch.device | str = "cpu",
) -> PerspectiveCameras:
    """The old name of `PerspectiveCameras`.

    Example:
        >>> type(SfMPerspectiveCameras(focal_length=2.0)).__name__
        'PerspectiveCameras'
    """
    _warn("SfMPerspectiveCameras", "PerspectiveCameras")
    return PerspectiveCameras(focal_length, principal_point, R, T, device=device)


def SfMOrthographicCameras(
    focal_length: Any = 1.0,
    principal_point: Any = ((0.0, 0.0),),
    R: Tensor = _R,
    T: Tensor = _T,
    device: torch.device | str = "cpu",
) -> OrthographicCameras:
    """The old name of `OrthographicCameras`.

    Example:
        >>> type(SfMOrthographicCameras()).__name__
        'OrthographicCameras'
    """
    _warn("SfMOrthographicCameras", "OrthographicCameras")
    return OrthographicCameras(focal_length, principal_point, R, T, device=device)


def _warn(old: str, new: str) -> None:
    warnings.warn(f"{old} is deprecated; use {new}", PendingDeprecationWarning, stacklevel=3)


def _get_sfm_calibration_matrix(
    N: int,
    device: torch.device | str,
    focal_length: Any,
    principal_point: Any,
    orthographic: bool = False,
) -> Tensor:
    """(N, 4, 4) projections of column vectors, by focal lengths (N,), (N, 1) or (N, 2) and points (N, 2).

    Example:
        >>> _get_sfm_calibration_matrix(1, "cpu", 2.0, torch.tensor([[0.5, 0.0]]))[0, 0]
        tensor([2.0000, 0.0000, 0.5000, 0.0000])
    """
    _, focal, point = convert_to_tensors_and_broadcast(torch.zeros(N), focal_length, principal_point)
    focal = focal.to(device).reshape(N, -1)
    kind = OrthographicCameras if orthographic else PerspectiveCameras
    cameras = kind(focal_length=focal, principal_point=point.to(device), device=device)
    return cameras.get_projection_transform().get_matrix().mT.contiguous()


def camera_to_eye_at_up(world_to_view_transform: Transform3d) -> tuple[Tensor, Tensor, Tensor]:
    """What `look_at_view_transform` takes to make this view: the eye, a point before it, and a direction up.

    Args:
        world_to_view_transform: N views.

    Returns:
        eye (N, 3), at (N, 3), at distance 1 from the eye, and up (N, 3).

    Example:
        >>> eye, at, up = camera_to_eye_at_up(Transform3d().translate(0.0, 0.0, 3.0))
        >>> eye.tolist(), at.tolist(), up.tolist()
        ([[0.0, 0.0, -3.0]], [[0.0, 0.0, -2.0]], [[0.0, 1.0, 0.0]])
    """
    to_world = world_to_view_transform.inverse()
    matrix = to_world.get_matrix()
    origin_ahead_above = matrix.new_tensor([[0, 0, 0], [0, 0, 1], [0, 1, 0]])
    eye, at, above = to_world.transform_points(origin_ahead_above).reshape(-1, 3, 3).unbind(1)
    return eye, at, above - eye


def try_get_projection_transform(cameras: CamerasBase, cameras_kwargs: dict[str, Any]) -> Transform3d | None:
    """The cameras' projection, or None where it is no matrix: fisheye lenses and classes of one's own.

    Example:
        >>> try_get_projection_transform(PerspectiveCameras(), {}).get_matrix().shape
        torch.Size([1, 4, 4])
    """
    try:
        return cameras.get_projection_transform(**cameras_kwargs)
    except NotImplementedError:
        return None
