"""Cameras as the op `world_to_screen` takes them: what bends the view to NDC, as a few numbers a camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from r3d_cli.renderer.cameras.focal import FocalLengthCameras, OrthographicCameras, PerspectiveCameras
from r3d_cli.renderer.cameras.fov import FoVOrthographicCameras, FoVPerspectiveCameras


class Lens(NamedTuple):
    """A kind that `world_to_screen` knows, and its numbers."""

    kind: str
    numbers: Tensor  # (N, L)


def lens_of(cameras: Any) -> Lens | None:
    """The lens of cameras of exactly the library's classes, between view space and NDC.

    None: a class that derives from them and may project otherwise, a lens that has no matrix, values that
    are no tensors of one number a camera, or nothing that a projection could be made of, which the cameras'
    own transforms say best.
    """
    make = _MAKE.get(type(cameras))
    return None if make is None else make(cameras)


def _fov_perspective(cameras: FoVPerspectiveCameras) -> Lens | None:
    if cameras.K is not None:
        return _matrix(cameras.K)
    kind = "fov_degrees" if cameras.degrees else "fov_radians"
    return _lens(kind, [cameras.fov, cameras.aspect_ratio])


def _fov_orthographic(cameras: FoVOrthographicCameras) -> Lens | None:
    if cameras.K is not None:
        return _matrix(cameras.K)
    scale = cameras.scale_xyz
    if not isinstance(scale, Tensor) or scale.dim() != 2:
        return None
    sides = [cameras.max_x, cameras.min_x, cameras.max_y, cameras.min_y]
    return _lens("box", [*sides, *scale[:, :2].unbind(1)])


def _focal(cameras: FocalLengthCameras) -> Lens | None:
    if cameras.K is not None:
        return _matrix(cameras.K) if cameras.in_ndc() else None
    focal, point, size = cameras.focal_length, cameras.principal_point, cameras.image_size
    if not isinstance(focal, Tensor) or not isinstance(point, Tensor) or point.dim() != 2:
        return None
    numbers = [*cameras._focal_lengths({}), *point.unbind(1)]
    if not cameras.in_ndc():
        if not isinstance(size, Tensor) or size.dim() != 2 or size.requires_grad:
            return None
        numbers += size.unbind(1)
    return _lens("perspective" if cameras.is_perspective() else "orthographic", numbers)


def _matrix(K: Any) -> Lens | None:
    return Lens("matrix", K.flatten(1)) if isinstance(K, Tensor) and K.shape[1:] == (4, 4) else None


def _lens(kind: str, numbers: list[Any]) -> Lens | None:
    if not all(isinstance(number, Tensor) and number.shape == numbers[0].shape for number in numbers):
        return None
    if numbers[0].dim() == 2 and numbers[0].shape[1] == 1:
        return Lens(kind, torch.cat(numbers, 1))
    return Lens(kind, torch.stack(numbers, 1)) if numbers[0].dim() == 1 else None


_MAKE: dict[type, Callable[[Any], Lens | None]] = {
    FoVPerspectiveCameras: _fov_perspective,
    FoVOrthographicCameras: _fov_orthographic,
    PerspectiveCameras: _focal,
    OrthographicCameras: _focal,
}
