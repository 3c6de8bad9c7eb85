"""Batches of cameras, and cameras turned where they stand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import torch
from torch import Tensor

from r3d_cli.checks import check_shape
from r3d_cli.renderer.cameras.base import CamerasBase
from r3d_cli.renderer.utils import batch_size
from r3d_cli.transforms.math import matmul

Cameras = TypeVar("Cameras", bound=CamerasBase)


def join_cameras_as_batch(cameras_list: Sequence[Cameras]) -> Cameras:
    """Batches of cameras as one, in their order.

    Args:
        cameras_list: Cameras of one class, on one device.

    Raises:
        ValueError: No cameras, different classes or devices, different values of what a batch shares
            (``in_ndc``, ``degrees``), or a parameter that only some have.

    Example:
        >>> from r3d_cli.renderer import FoVPerspectiveCameras
        >>> len(join_cameras_as_batch([FoVPerspectiveCameras(), FoVPerspectiveCameras(fov=(30.0, 40.0))]))
        3
    """
    where = "join_cameras_as_batch"
    cameras_list = list(cameras_list)
    if not cameras_list:
        raise ValueError(f"{where}: cameras_list holds no cameras")
    first = cameras_list[0]
    for cameras in cameras_list:
        if not isinstance(cameras, CamerasBase):
            raise ValueError(f"{where}: cameras_list holds a {type(cameras).__name__}, which is no camera")
        if type(cameras) is not type(first):
            raise ValueError(f"{where}: all must be {type(first).__name__}, got a {type(cameras).__name__}")
        if cameras.device != first.device:
            raise ValueError(
                f"{where}: cameras are on {first.device} and on {cameras.device}; move them with .to()"
            )
        for name, value in first._shared().items():
            if cameras._shared()[name] != value:
                raise ValueError(
                    f"{where}: {name} is {value} and {cameras._shared()[name]}; it must be one value"
                )

    joined: dict[str, Any] = {}
    for name in first._FIELDS:
        values = [getattr(cameras, name, None) for cameras in cameras_list]
        given = [value for value in values if value is not None]
        if given and len(given) < len(values):
            raise ValueError(f"{where}: {name} is given for some cameras only")
        joined[name] = _joined(where, name, given) if given else None
    return type(first)(device=first.device, **{**first._shared(), **joined})


def _joined(where: str, name: str, tensors: list[Tensor]) -> Tensor:
    dtype = tensors[0].dtype
    for tensor in tensors:
        dtype = torch.promote_types(dtype, tensor.dtype)
    if name == "focal_length":  # (N,), (N, 1) or (N, 2)
        columns = max(tensor.shape[1] if tensor.dim() == 2 else 0 for tensor in tensors)
        if columns:
            tensors = [
                (tensor if tensor.dim() == 2 else tensor[:, None]).expand(-1, columns) for tensor in tensors
            ]
    for tensor in tensors:
        if tensor.shape[1:] != tensors[0].shape[1:]:
            raise ValueError(
                f"{where}: {name} has shapes {tuple(tensors[0].shape)} and {tuple(tensor.shape)}"
            )
    return torch.cat([tensor.to(dtype) for tensor in tensors])


def rotate_on_spot(R: Tensor, T: Tensor, rotation: Tensor) -> tuple[Tensor, Tensor]:
    """Turn cameras without moving them.

    Args:
        R: (N, 3, 3) or (3, 3) rotations from the world to view space, for row vectors.
        T: (N, 3) or (3,) translations.
        rotation: (N, 3, 3) or (3, 3), for row vectors: turns the camera, in view space. The world is seen
            through its inverse.

    Returns:
        R (N, 3, 3) and T (N, 3) of the turned cameras.

    Raises:
        ValueError: Other shapes, or batches of different sizes.

    Example:
        >>> R, T = rotate_on_spot(torch.eye(3), torch.tensor([1.0, 2.0, 3.0]), torch.eye(3))
        >>> T
        tensor([[1., 2., 3.]])
    """
    where = "rotate_on_spot"
    R, T, rotation = (x[None] if x.dim() == d else x for x, d in ((R, 2), (T, 1), (rotation, 2)))
    for name, x, shape in (("R", R, "N 3 3"), ("T", T, "N 3"), ("rotation", rotation, "N 3 3")):
        check_shape(where, name, x, shape)
    size = batch_size(where, R=R, T=T, rotation=rotation)
    back = rotation.mT
    return matmul(R, back).expand(size, 3, 3), matmul(T[:, None], back)[:, 0].expand(size, 3)
