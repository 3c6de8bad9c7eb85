"""OpenCV's cameras: K, R, t and distortion coefficients."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import pad

from r3d_cli.renderer.camera_conventions.common import (
    OPENCV_AXES,
    batch_of,
    half_pixel,
    intrinsics_in_pixels,
    pose_from,
    pose_to,
)
from r3d_cli.renderer.cameras.base import CamerasBase, image_size_of
from r3d_cli.renderer.cameras.focal import PerspectiveCameras
from r3d_cli.renderer.cameras.fov import FoVPerspectiveCameras
from r3d_cli.renderer.cameras.lens import MODELS, DistortedCameras


class OpenCVParameters(NamedTuple):
    """The arguments of `from_opencv`, in their order."""

    K: Tensor  # (N, 3, 3)
    R: Tensor  # (N, 3, 3)
    t: Tensor  # (N, 3)
    image_size: Tensor  # (N, 2)
    distortion: Tensor | None  # (N, 12) or (N, 4)
    model: str


def from_opencv(
    K: Any,
    R: Any,
    t: Any,
    image_size: Any,
    distortion: Any = None,
    model: str | None = None,
    pixel_centers: str = "half",
    device: torch.device | str = "cpu",
) -> PerspectiveCameras | DistortedCameras:
    """Cameras as OpenCV calibrates them. ``transform_points_screen`` equals ``cv2.projectPoints``.

    The camera sees ``X_camera = R X_world + t`` (column vectors), with +X to the right, +Y down and +Z into
    the scene.

    OpenCV counts pixels from the *centre* of the top-left one, r3d from its outer corner. With
    ``pixel_centers="half"`` coordinates are taken over as they are: points have the numbers that
    ``cv2.projectPoints`` gives, and a rendered picture lies half a pixel off the photograph that OpenCV
    calibrated. With "integer" the points' numbers are 0.5 larger and the pictures coincide.

    Args:
        K: (3, 3) or (N, 3, 3) calibration, pixels; a skew in [0, 1] is kept.
        R: (3, 3) or (N, 3, 3) rotations from the world to the camera, for column vectors.
        t: (3,), (3, 1), (N, 3) or (N, 3, 1) translations.
        image_size: (height, width) as a pair or (N, 2), pixels.
        distortion: None, or (D,), (D, 1) or (N, D) coefficients, in OpenCV's order: 4, 5, 8, 12 or 14 of
            "brown" (the last two, a tilted sensor, must be 0), 4 of "fisheye".
        model: "pinhole", "brown" (``cv2.projectPoints``) or "fisheye" (``cv2.fisheye``). None: "brown" where
            there are coefficients.
        pixel_centers: Where the centre of the top-left pixel is for K: "half" (0.5) or "integer" (0).
        device: Where the camera goes.

    Returns:
        ``PerspectiveCameras`` of a pinhole, ``DistortedCameras`` otherwise, in pixels.

    Raises:
        ValueError: Wrong shapes, an unknown model, or coefficients that the model does not have.

    Example:
        >>> K = [[500.0, 0.0, 320.0], [0.0, 500.0, 240.0], [0.0, 0.0, 1.0]]
        >>> cameras = from_opencv(K, torch.eye(3), [0.0, 0.0, 2.0], (480, 640))
        >>> cameras.transform_points_screen(torch.tensor([[1.0, 0.5, 0.0]]))[:, :2]
        tensor([[570., 365.]])
    """
    where = "from_opencv"
    if model is None:
        model = "pinhole" if distortion is None else "brown"
    if model not in ("pinhole", *MODELS):
        raise ValueError(f"{where}: model must be one of pinhole, {', '.join(MODELS)}, got {model!r}")
    if model == "pinhole" and distortion is not None:
        raise ValueError(f"{where}: a pinhole has no distortion; model must be one of {', '.join(MODELS)}")
    R, t, K, size = batch_of(
        where, device, R=(R, "3 3"), t=(_column(t), "3"), K=(K, "3 3"), image_size=(image_size, "2")
    )
    R, T = pose_from(R, t, OPENCV_AXES)
    camera: dict[str, Any] = {
        **_calibration(K, half_pixel(where, pixel_centers)),
        **{"R": R, "T": T, "device": device, "in_ndc": False, "image_size": size},
    }
    if model == "pinhole":
        return PerspectiveCameras(**camera)
    coefficients = (
        K.new_zeros(1, 4) if distortion is None else _coefficients(where, distortion, model, device)
    )
    return DistortedCameras(**camera, distortion=coefficients, model=model)


def to_opencv(cameras: CamerasBase, image_size: Any = None, pixel_centers: str = "half") -> OpenCVParameters:
    """What `from_opencv` takes for a camera like this one.

    Args:
        cameras: ``PerspectiveCameras``, ``FoVPerspectiveCameras`` or ``DistortedCameras``.
        image_size: (height, width) as a pair or (N, 2), of cameras that have none.
        pixel_centers: As for `from_opencv`.

    Raises:
        ValueError: A camera of another class, or no image size.

    Example:
        >>> cameras = FoVPerspectiveCameras(fov=90.0)
        >>> to_opencv(cameras, (100, 200)).K[0].tolist()
        [[50.0, 0.0, 100.0], [0.0, 50.0, 50.0], [0.0, 0.0, 1.0]]
    """
    where = "to_opencv"
    if not isinstance(cameras, PerspectiveCameras | FoVPerspectiveCameras | DistortedCameras):
        raise ValueError(f"{where}: {type(cameras).__name__} is no perspective camera of OpenCV's kinds")
    R, t = pose_to(cameras, OPENCV_AXES)
    K = intrinsics_in_pixels(where, cameras, image_size)
    offset = torch.zeros_like(K)
    offset[:, :2, 2] = half_pixel(where, pixel_centers)
    size = image_size_of(where, cameras, image_size)
    if isinstance(cameras, DistortedCameras):
        return OpenCVParameters(K - offset, R, t, size, cameras.distortion, cameras.model)
    return OpenCVParameters(K - offset, R, t, size, None, "pinhole")


def _column(t: Any) -> Any:
    """A translation that may come as OpenCV's column vector."""
    t = t if isinstance(t, Tensor) else np.asarray(t)
    return t[..., 0] if t.ndim > 1 and t.shape[-2:] == (3, 1) else t


def _calibration(K: Tensor, offset: float) -> dict[str, Tensor]:  # (N, 3, 3)
    """Focal lengths and principal points of K; and K itself where it is skewed."""
    focal, point = torch.stack((K[:, 0, 0], K[:, 1, 1]), dim=1), K[:, :2, 2] + offset
    parameters = {"focal_length": focal, "principal_point": point}
    if bool((K[:, 0, 1] != 0).any()):
        top = torch.cat((K[:, :2, :2], point[..., None], torch.zeros_like(point[..., None])), dim=2)
        depth = K.new_tensor([[0.0, 0.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0]])
        parameters["K"] = torch.cat((top, depth.expand(len(K), 2, 4)), dim=1)
    return parameters


def _coefficients(where: str, distortion: Any, model: str, device: Any) -> Tensor:  # (N, D)
    given = distortion if isinstance(distortion, Tensor) else np.asarray(distortion)
    if given.ndim == 2 and given.shape[1] == 1:
        given = given.reshape(1, -1)
    (coefficients,) = batch_of(where, device, distortion=(given, "D"))
    if model == "brown" and coefficients.shape[1] == 14:
        if bool((coefficients[:, 12:] != 0).any()):
            raise ValueError(
                f"{where}: distortion has a tilted sensor (its last two coefficients); r3d has not"
            )
        coefficients = coefficients[:, :12]
    if coefficients.shape[1] not in MODELS[model]:
        sizes = " or ".join(map(str, MODELS[model]))
        raise ValueError(
            f"{where}: distortion of {model} has {sizes} coefficients, got {coefficients.shape[1]}"
        )
    return pad(coefficients, (0, MODELS[model][-1] - coefficients.shape[1]))
