"""OpenGL's cameras: a projection and a view matrix."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from r3d_cli.renderer.camera_conventions.common import OPENGL_AXES, batch_of, pose_from, pose_to
from r3d_cli.renderer.cameras.base import CamerasBase, image_size_of, matrices
from r3d_cli.renderer.cameras.focal import OrthographicCameras, PerspectiveCameras
from r3d_cli.renderer.cameras.fov import FoVOrthographicCameras, FoVPerspectiveCameras
from r3d_cli.renderer.utils import format_tensor
from r3d_cli.transforms import Transform3d
from r3d_cli.transforms.math import matmul


class OpenGLParameters(NamedTuple):
    """The arguments of `from_opengl`, in their order."""

    projection: Tensor  # (N, 4, 4)
    view: Tensor  # (N, 4, 4)
    image_size: Tensor  # (N, 2)


def from_opengl(
    projection: Any, view: Any, image_size: Any, device: torch.device | str = "cpu"
) -> FoVPerspectiveCameras | FoVOrthographicCameras:
    """Cameras of OpenGL: ``clip = projection @ view @ world``, for column vectors.

    Eye space has +X to the right, +Y up and looks along -Z; clip space spans [-1, 1] in x, y and z.
    Off-centre frusta (``glFrustum``) and infinite far planes are kept. A matrix read back from OpenGL's
    memory is stored by columns: transpose it first.

    Args:
        projection: (4, 4) or (N, 4, 4), perspective or orthographic.
        view: (4, 4) or (N, 4, 4) rigid, from the world to eye space.
        image_size: (height, width) of the viewport as a pair or (N, 2), pixels.
        device: Where the camera goes.

    Returns:
        ``FoVPerspectiveCameras`` or ``FoVOrthographicCameras`` with ``K``, the near and the far plane.

    Raises:
        ValueError: Wrong shapes, or a last row that is neither (0, 0, -1, 0) nor (0, 0, 0, 1) for all.

    Example:
        >>> projection = torch.tensor([[1.0, 0, 0, 0], [0, 1, 0, 0], [0, 0, -1.5, -2.5], [0, 0, -1, 0]])
        >>> cameras = from_opengl(projection, torch.eye(4), (100, 100))
        >>> cameras.znear, cameras.zfar
        (tensor([1.]), tensor([5.]))
        >>> cameras.transform_points_screen(torch.tensor([[1.0, 1.0, -2.0]]))[:, :2]
        tensor([[75., 25.]])
    """
    where = "from_opengl"
    P, V, size = batch_of(
        where, device, projection=(projection, "4 4"), view=(view, "4 4"), image_size=(image_size, "2")
    )
    perspective, parallel = ((P[:, 3] == P.new_tensor(row)).all() for row in ((0, 0, -1, 0), (0, 0, 0, 1)))
    if not perspective and not parallel:
        raise ValueError(f"{where}: projection must have the last row (0, 0, -1, 0) or (0, 0, 0, 1)")
    R, T = pose_from(V[:, :3, :3], V[:, :3, 3], OPENGL_AXES)
    K = matmul(_from_clip(size), P * _signs(P))
    a, b = P[:, 2, 2], P[:, 2, 3]
    # An infinite far plane has a + 1 = 0: its sign is lost in the quotient.
    near, far = (b / (a - 1), (b / (a + 1)).abs()) if perspective else ((b + 1) / a, (b - 1) / a)
    kind = FoVPerspectiveCameras if perspective else FoVOrthographicCameras
    return kind(znear=near, zfar=far, R=R, T=T, K=K, device=device, image_size=size)


def to_opengl(
    cameras: CamerasBase, image_size: Any = None, znear: Any = None, zfar: Any = None
) -> OpenGLParameters:
    """The matrices of OpenGL for a camera like this one.

    Args:
        cameras: A perspective or orthographic camera, without distortion.
        image_size: (height, width) of the viewport as a pair or (N, 2), of cameras that have none.
        znear: Near plane, of cameras without one: number or (N,).
        zfar: Far plane, likewise.

    Raises:
        ValueError: A camera with distortion or of another class, no image size, or no near and far plane.

    Example:
        >>> to_opengl(FoVPerspectiveCameras(znear=1.0, zfar=5.0, fov=90.0), (100, 100)).projection[0, 2]
        tensor([ 0.0000,  0.0000, -1.5000, -2.5000])
    """
    where = "to_opengl"
    size = image_size_of(where, cameras, image_size)
    if isinstance(cameras, FoVPerspectiveCameras | FoVOrthographicCameras):
        K = cameras._matrix({})
    elif isinstance(cameras, PerspectiveCameras | OrthographicCameras):
        if znear is None or zfar is None:
            raise ValueError(f"{where}: {type(cameras).__name__} has no znear and zfar; give both")
        to_ndc = cameras.get_ndc_camera_transform(image_size=size)
        K = Transform3d(matrix=cameras._matrix({}).mT).compose(to_ndc).get_matrix().mT
        near, far = (format_tensor(x, K.dtype, K.device).to(K.dtype) for x in (znear, zfar))
        depth = 1 / (far - near)
        # z -> far (z - near) / (far - near) / z, or (z - near) / (far - near).
        row = (
            [0, 0, far * depth, -far * near * depth]
            if cameras.is_perspective()
            else [0, 0, depth, -near * depth]
        )
        third = matrices([row]).expand(len(K), 1, 4)
        K = torch.cat((K[:, :2], third, K[:, 3:]), dim=1)
    else:
        raise ValueError(f"{where}: {type(cameras).__name__} has no projection matrix")
    R, t = pose_to(cameras, OPENGL_AXES)
    corner = R.new_tensor([[0.0, 0.0, 0.0, 1.0]]).expand(len(R), 1, 4)
    view = torch.cat((torch.cat((R, t[..., None]), dim=2), corner), dim=1)
    projection = matmul(torch.linalg.inv(_from_clip(size)), K * _signs(K))
    return OpenGLParameters(
        *batch_of(where, K.device, projection=(projection, "4 4"), view=(view, "4 4"), image_size=(size, "2"))
    )


def _signs(K: Tensor) -> Tensor:
    """Signs of the columns of a projection, between eye and view space."""
    return K.new_tensor([*OPENGL_AXES, 1.0])


def _from_clip(size: Tensor) -> Tensor:  # (N, 2) -> (N, 4, 4)
    """Clip space to NDC and depths in [0, 1]: +X to the left, the shorter side spans [-1, 1]."""
    y, x = (size / size.amin(1, keepdim=True)).unbind(1)
    return matrices([[-x, 0, 0, 0], [0, y, 0, 0], [0, 0, 0.5, 0.5], [0, 0, 0, 1]])
