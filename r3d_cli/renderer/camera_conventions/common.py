"""What the conventions share: poses in other axes, and intrinsics in pixels."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.renderer.cameras.base import CamerasBase, image_size_of
from r3d_cli.renderer.cameras.focal import FocalLengthCameras
from r3d_cli.renderer.utils import batch_size, format_tensor
from r3d_cli.scene.conventions import AXES

OPENCV_AXES, OPENGL_AXES = AXES["opencv"], AXES["opengl"]


def batch_of(where: str, device: torch.device | str, **arguments: tuple[Any, str]) -> list[Tensor]:
    """Values with the shapes of one camera, or of N with the batch in front, as tensors of one batch.

    They are in float32, or in the wider dtype of a tensor among them.
    """
    dtype = torch.float32
    for value, _ in arguments.values():
        if isinstance(value, Tensor) and value.is_floating_point():
            dtype = torch.promote_types(dtype, value.dtype)
    tensors = {}
    for name, (value, shape) in arguments.items():
        tensor = format_tensor(value, dtype, device).to(dtype)
        tensors[name] = tensor[None] if tensor.dim() == len(shape.split()) else tensor
        check_shape(where, name, tensors[name], f"N {shape}")
    size = batch_size(where, **tensors)
    return [tensor.expand(size, *tensor.shape[1:]) for tensor in tensors.values()]


def pose_from(R: Tensor, t: Tensor, axes: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """World-to-camera (N, 3, 3) and (N, 3) for column vectors and other axes as R and T of view space."""
    signs = R.new_tensor(axes)
    return R.mT * signs, t * signs


def pose_to(cameras: CamerasBase, axes: tuple[float, ...]) -> tuple[Tensor, Tensor]:
    """The inverse of `pose_from`."""
    signs = cameras.R.new_tensor(axes)
    return (cameras.R * signs).mT, cameras.T * signs


def intrinsics_in_pixels(where: str, cameras: CamerasBase, image_size: Any = None) -> Tensor:  # (N, 3, 3)
    """The calibration for axes with +X right and +Y down, columns, in pixels from the top-left corner.

    Of an orthographic camera the third column is where the view axis hits the image, too.
    """
    K, column = cameras._matrix({}), 2 if cameras.is_perspective() else 3
    linear, point = K[:, :2, :2], K[:, :2, column]
    if not isinstance(cameras, FocalLengthCameras) or cameras.in_ndc():
        size = image_size_of(where, cameras, image_size)
        half = size.amin(1)[:, None] / 2
        linear, point = linear * half[..., None], size.flip(1) / 2 - half * point
    linear, point = torch.broadcast_tensors(linear, point[..., None].expand(-1, 2, 2))
    if bool((linear[:, 1, 0] != 0).any()):
        raise ValueError(f"{where}: a K with an entry at [1, 0] has no such calibration")
    last = K.new_tensor([[0.0, 0.0, 1.0]]).expand(len(linear), 1, 3)
    return torch.cat((torch.cat((linear, point[:, :, :1]), dim=2), last), dim=1)


def half_pixel(where: str, pixel_centers: str) -> float:
    """What to add to others' pixel coordinates for r3d's."""
    offsets = {"half": 0.0, "integer": 0.5}
    if pixel_centers not in offsets:
        raise ValueError(f"{where}: pixel_centers must be 'half' or 'integer', got {pixel_centers!r}")
    return offsets[pixel_centers]
