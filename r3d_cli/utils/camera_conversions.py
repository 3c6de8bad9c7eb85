"""Cameras of OpenCV and of Pulsar as PyTorch3D's functions convert them.

For distortion, skew, pixels and other systems see ``r3d_cli.renderer.from_opencv`` and its relatives.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.renderer.camera_conventions import from_opencv, to_opencv
from r3d_cli.renderer.camera_conventions.common import batch_of
from r3d_cli.renderer.cameras import PerspectiveCameras
from r3d_cli.renderer.cameras.base import image_size_of
from r3d_cli.transforms import matrix_to_rotation_6d

#: Pulsar's focal length has to be smaller than its near plane's depth, world units.
_BEFORE_NEAR = 1e-5


def cameras_from_opencv_projection(
    R: Tensor, tvec: Tensor, camera_matrix: Tensor, image_size: Any
) -> PerspectiveCameras:
    """Cameras in NDC that project as OpenCV does: ``transform_points_screen`` gives its pixel coordinates.

    Args:
        R: (N, 3, 3) rotations from the world to the camera, for column vectors.
        tvec: (N, 3) translations.
        camera_matrix: (N, 3, 3) calibrations, pixels.
        image_size: (height, width) as a pair or (N, 2), pixels.

    Returns:
        Cameras in NDC, on the device of ``R``.

    Raises:
        ValueError: Wrong shapes, or batches of different sizes.

    Example:
        >>> K = torch.tensor([[[500.0, 0.0, 320.0], [0.0, 500.0, 240.0], [0.0, 0.0, 1.0]]])
        >>> cameras = cameras_from_opencv_projection(torch.eye(3)[None], torch.zeros(1, 3), K, (480, 640))
        >>> cameras.transform_points_screen(torch.tensor([[1.0, 0.5, 2.0]]))[:, :2].round()
        tensor([[570., 365.]])
    """
    pixels = from_opencv(camera_matrix, R, tvec, image_size, device=R.device)
    size, K = image_size_of("cameras_from_opencv_projection", pixels), pixels.K
    half = size.amin(1, keepdim=True) / 2
    focal, point = pixels.focal_length / half, (size.flip(1) / 2 - pixels.principal_point) / half
    if K is not None:
        linear = torch.cat((K[:, :2, :2] / half[..., None], point[..., None], K[:, :2, 3:]), dim=2)
        K = torch.cat((linear, K[:, 2:]), dim=1)
    return PerspectiveCameras(focal, point, pixels.R, pixels.T, K, device=R.device, image_size=size)


def opencv_from_cameras_projection(
    cameras: PerspectiveCameras, image_size: Any
) -> tuple[Tensor, Tensor, Tensor]:  # (N, 3, 3), (N, 3), (N, 3, 3)
    """The inverse of `cameras_from_opencv_projection`: R, tvec and camera_matrix.

    Args:
        cameras: Perspective cameras, in NDC or in pixels.
        image_size: (height, width) as a pair or (N, 2), pixels.

    Raises:
        ValueError: Cameras of another class, or wrong shapes.

    Example:
        >>> R, tvec, camera_matrix = opencv_from_cameras_projection(PerspectiveCameras(2.0), (480, 640))
        >>> camera_matrix[0].tolist()
        [[480.0, 0.0, 320.0], [0.0, 480.0, 240.0], [0.0, 0.0, 1.0]]
    """
    parameters = to_opencv(cameras, image_size)
    return parameters.R, parameters.t, parameters.K


def pulsar_from_opencv_projection(
    R: Tensor, tvec: Tensor, camera_matrix: Tensor, image_size: Any, znear: Any = 0.1
) -> Tensor:  # (N, 13)
    """Cameras of OpenCV as the parameters of the sphere renderer Pulsar (Lassner and Zollhöfer 2021).

    The 13 numbers of a camera are its position (3), its rotation from the camera to the world in the 6D form
    of Zhou et al. 2019 (6), for camera axes with +X right, +Y down and +Z into the scene, the focal length
    and the width of the sensor in world units (2), and the principal point from the image's centre in pixels,
    +X right and +Y down (2). The focal length is just below ``znear``: Pulsar's image plane lies before its
    near plane.

    Args:
        R: (N, 3, 3) rotations from the world to the camera, for column vectors.
        tvec: (N, 3) translations.
        camera_matrix: (N, 3, 3) calibrations, pixels. Pulsar has one focal length: the mean of the two.
        image_size: (height, width) as a pair or (N, 2), pixels.
        znear: Depth of the near plane, world units: number or (N,).

    Raises:
        ValueError: Wrong shapes, batches of different sizes, focal lengths that differ by more than 1 %, or a
            near plane that is too near.

    Example:
        >>> K = torch.tensor([[[500.0, 0.0, 320.0], [0.0, 500.0, 240.0], [0.0, 0.0, 1.0]]])
        >>> pulsar_from_opencv_projection(torch.eye(3)[None], torch.zeros(1, 3), K, (480, 640)).shape
        torch.Size([1, 13])
    """
    where = "pulsar_from_opencv_projection"
    R, tvec, K, size, near = batch_of(
        where,
        R.device,
        R=(R, "3 3"),
        tvec=(tvec, "3"),
        camera_matrix=(camera_matrix, "3 3"),
        image_size=(image_size, "2"),
        znear=(znear, ""),
    )
    if bool((near <= _BEFORE_NEAR).any()):
        raise ValueError(f"{where}: znear must be above {_BEFORE_NEAR:g}, got {near.min().item():g}")
    fx, fy = K[:, 0, 0], K[:, 1, 1]
    pixels = (fx + fy) / 2
    if bool(((fx - fy).abs() > 0.01 * pixels).any()):
        raise ValueError(f"{where}: Pulsar has one focal length; those for x and y differ by more than 1 %")
    focal = near - _BEFORE_NEAR
    position = -(tvec[:, :, None] * R).sum(1)
    sensor = focal * size[:, 1] / pixels
    offset = K[:, :2, 2] - size.flip(1) / 2
    return torch.cat((position, matrix_to_rotation_6d(R.mT), focal[:, None], sensor[:, None], offset), dim=1)


def pulsar_from_cameras_projection(cameras: PerspectiveCameras, image_size: Any) -> Tensor:  # (N, 13)
    """Perspective cameras as the parameters of Pulsar; see `pulsar_from_opencv_projection`.

    Args:
        cameras: Perspective cameras, in NDC or in pixels.
        image_size: (height, width) as a pair or (N, 2), pixels.

    Raises:
        ValueError: Cameras of another class, wrong shapes, or focal lengths that differ by more than 1 %.

    Example:
        >>> pulsar_from_cameras_projection(PerspectiveCameras(2.0), (480, 640))[0, 9:]
        tensor([0.1000, 0.1333, 0.0000, 0.0000])
    """
    R, tvec, camera_matrix = opencv_from_cameras_projection(cameras, image_size)
    return pulsar_from_opencv_projection(R, tvec, camera_matrix, image_size)
