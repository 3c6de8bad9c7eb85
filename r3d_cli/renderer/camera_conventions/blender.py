"""Blender's cameras: an object's matrix, a focal length in millimetres, a sensor and shifts."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from r3d_cli.renderer.camera_conventions.common import (
    OPENGL_AXES,
    batch_of,
    intrinsics_in_pixels,
    pose_from,
    pose_to,
)
from r3d_cli.renderer.cameras.base import CamerasBase, image_size_of
from r3d_cli.renderer.cameras.focal import OrthographicCameras, PerspectiveCameras
from r3d_cli.renderer.cameras.fov import FoVOrthographicCameras, FoVPerspectiveCameras

SENSOR_FITS = ("AUTO", "HORIZONTAL", "VERTICAL")


class BlenderParameters(NamedTuple):
    """The arguments of `from_blender`, in their order."""

    matrix_world: Tensor  # (N, 4, 4)
    image_size: Tensor  # (N, 2)
    lens: Tensor  # (N,)
    sensor_width: Tensor  # (N,)
    sensor_height: Tensor  # (N,)
    sensor_fit: str
    shift_x: Tensor  # (N,)
    shift_y: Tensor  # (N,)
    pixel_aspect_x: Tensor  # (N,)
    pixel_aspect_y: Tensor  # (N,)
    ortho_scale: Tensor | None  # (N,)


def from_blender(
    matrix_world: Any,
    image_size: Any,
    lens: Any = 50.0,
    sensor_width: Any = 36.0,
    sensor_height: Any = 24.0,
    sensor_fit: str = "AUTO",
    shift_x: Any = 0.0,
    shift_y: Any = 0.0,
    pixel_aspect_x: Any = 1.0,
    pixel_aspect_y: Any = 1.0,
    ortho_scale: Any = None,
    device: torch.device | str = "cpu",
) -> PerspectiveCameras | OrthographicCameras:
    """Cameras of Blender, by its names: ``camera.matrix_world``, ``camera.data.lens``, ``scene.render``.

    Blender's camera looks along its -Z with +Y up. The sensor's width spans the image's width, or with
    ``sensor_fit="AUTO"`` its longer side; with "VERTICAL" the sensor's height spans its height. Shifts are in
    units of that side: a positive ``shift_x`` moves the view to the right, so what it sees to the left. The
    world stays Blender's, with +Z up. An object's scale does not count, as in Blender.

    Where a file gives the horizontal angle of view instead of a focal length, as ``camera_angle_x`` of NeRF's
    data sets: ``lens = sensor_width / 2 / tan(camera_angle_x / 2)`` with ``sensor_fit="HORIZONTAL"``.

    Args:
        matrix_world: (4, 4) or (N, 4, 4) from the camera to the world, for column vectors.
        image_size: (height, width) of the picture as a pair or (N, 2), pixels.
        lens: Focal length, mm: number or (N,).
        sensor_width: mm: number or (N,).
        sensor_height: mm: number or (N,).
        sensor_fit: "AUTO", "HORIZONTAL" or "VERTICAL".
        shift_x: Number or (N,).
        shift_y: Number or (N,).
        pixel_aspect_x: Number or (N,).
        pixel_aspect_y: Number or (N,).
        ortho_scale: Of an orthographic camera, world units over the side that the sensor spans: number or
            (N,). None for a perspective one.
        device: Where the camera goes.

    Returns:
        ``PerspectiveCameras`` or ``OrthographicCameras``, in pixels.

    Raises:
        ValueError: Wrong shapes, or another sensor fit.

    Example:
        >>> matrix = torch.eye(4)
        >>> matrix[2, 3] = 5.0  # five units above the origin, looking down
        >>> cameras = from_blender(matrix, (1080, 1920))
        >>> cameras.transform_points_screen(torch.zeros(1, 3))[:, :2]
        tensor([[960., 540.]])
    """
    where = "from_blender"
    if sensor_fit not in SENSOR_FITS:
        raise ValueError(f"{where}: sensor_fit must be one of {', '.join(SENSOR_FITS)}, got {sensor_fit!r}")
    M, size, lens, width_mm, height_mm, shift_x, shift_y, aspect_x, aspect_y, scale = batch_of(
        where,
        device,
        matrix_world=(matrix_world, "4 4"),
        image_size=(image_size, "2"),
        lens=(lens, ""),
        sensor_width=(sensor_width, ""),
        sensor_height=(sensor_height, ""),
        shift_x=(shift_x, ""),
        shift_y=(shift_y, ""),
        pixel_aspect_x=(pixel_aspect_x, ""),
        pixel_aspect_y=(pixel_aspect_y, ""),
        ortho_scale=(1.0 if ortho_scale is None else ortho_scale, ""),
    )
    height, width = size.unbind(1)
    aspect = aspect_y / aspect_x
    horizontal = width * aspect_x >= height * aspect_y if sensor_fit == "AUTO" else sensor_fit == "HORIZONTAL"
    horizontal = torch.as_tensor(horizontal, device=size.device)
    # The spanned side, in pixel widths; all that follows is in these, but for fy and the rows.
    side = torch.where(horizontal, width, aspect * height)
    sensor = height_mm if sensor_fit == "VERTICAL" else width_mm
    fx = side / scale if ortho_scale is not None else side * lens / sensor
    focal = torch.stack((fx, fx / aspect), dim=1)
    point = torch.stack((width / 2 - shift_x * side, height / 2 + shift_y * side / aspect), dim=1)

    turned = M[:, :3, :3] / M[:, :3, :3].norm(dim=1, keepdim=True)
    R, T = pose_from(turned.mT, -(M[:, :3, 3, None] * turned).sum(1), OPENGL_AXES)
    kind = PerspectiveCameras if ortho_scale is None else OrthographicCameras
    return kind(focal, point, R, T, device=device, in_ndc=False, image_size=size)


def to_blender(
    cameras: CamerasBase, image_size: Any = None, sensor_width: float = 36.0, sensor_height: float = 24.0
) -> BlenderParameters:
    """What `from_blender` takes, and Blender's properties, for a camera like this one.

    Args:
        cameras: A perspective or orthographic camera, without distortion.
        image_size: (height, width) as a pair or (N, 2), of cameras that have none.
        sensor_width: Of the sensor that the focal length is for, mm.
        sensor_height: mm; Blender does not use it with the sensor fit "HORIZONTAL" of the result.

    Raises:
        ValueError: A camera with distortion or skew, of another class, or no image size.

    Example:
        >>> to_blender(FoVPerspectiveCameras(fov=90.0), (100, 100)).lens
        tensor([18.])
    """
    where = "to_blender"
    perspective = isinstance(cameras, PerspectiveCameras | FoVPerspectiveCameras)
    if not perspective and not isinstance(cameras, OrthographicCameras | FoVOrthographicCameras):
        raise ValueError(f"{where}: {type(cameras).__name__} is no camera of Blender's kinds")
    size = image_size_of(where, cameras, image_size)
    K = intrinsics_in_pixels(where, cameras, image_size)
    size = size.expand(len(K), 2)
    if bool((K[:, 0, 1] != 0).any()):
        raise ValueError(f"{where}: Blender has no skewed cameras")
    (height, width), fx, fy = size.unbind(1), K[:, 0, 0], K[:, 1, 1]
    shift_x = 0.5 - K[:, 0, 2] / width
    shift_y = (K[:, 1, 2] - height / 2) * (fx / fy) / width
    R, t = pose_to(cameras, OPENGL_AXES)
    position = -(t[:, :, None] * R).sum(1)
    corner = R.new_tensor([[0.0, 0.0, 0.0, 1.0]]).expand(len(R), 1, 4)
    full = torch.full_like(fx, 1.0)
    return BlenderParameters(
        matrix_world=torch.cat((torch.cat((R.mT, position[..., None]), dim=2), corner), dim=1),
        image_size=size,
        lens=fx * sensor_width / width if perspective else full * 50.0,
        sensor_width=full * sensor_width,
        sensor_height=full * sensor_height,
        sensor_fit="HORIZONTAL",
        shift_x=shift_x,
        shift_y=shift_y,
        pixel_aspect_x=(fy / fx).clamp(min=1.0),
        pixel_aspect_y=(fx / fy).clamp(min=1.0),
        ortho_scale=None if perspective else width / fx,
    )
