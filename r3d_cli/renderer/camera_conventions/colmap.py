"""COLMAP's cameras: a model with its parameters, a quaternion and a translation."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from r3d_cli.renderer.camera_conventions.common import batch_of
from r3d_cli.renderer.camera_conventions.opencv import from_opencv, to_opencv
from r3d_cli.renderer.cameras.base import CamerasBase, matrices
from r3d_cli.renderer.cameras.focal import PerspectiveCameras
from r3d_cli.renderer.cameras.lens import DistortedCameras
from r3d_cli.transforms import matrix_to_quaternion, quaternion_to_matrix

#: Distortion -> the coefficients of ``DistortedCameras``, in order.
_COEFFICIENTS = {
    "brown": ["k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6", "s1", "s2", "s3", "s4"],
    "fisheye": ["k1", "k2", "k3", "k4"],
}

#: Model -> its distortion, and its parameters in COLMAP's order.
MODELS: dict[str, tuple[str, list[str]]] = {
    "SIMPLE_PINHOLE": ("pinhole", ["f", "cx", "cy"]),
    "PINHOLE": ("pinhole", ["fx", "fy", "cx", "cy"]),
    "SIMPLE_RADIAL": ("brown", ["f", "cx", "cy", "k1"]),
    "RADIAL": ("brown", ["f", "cx", "cy", "k1", "k2"]),
    "OPENCV": ("brown", ["fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2"]),
    "FULL_OPENCV": ("brown", ["fx", "fy", "cx", "cy", "k1", "k2", "p1", "p2", "k3", "k4", "k5", "k6"]),
    "SIMPLE_RADIAL_FISHEYE": ("fisheye", ["f", "cx", "cy", "k1"]),
    "RADIAL_FISHEYE": ("fisheye", ["f", "cx", "cy", "k1", "k2"]),
    "OPENCV_FISHEYE": ("fisheye", ["fx", "fy", "cx", "cy", "k1", "k2", "k3", "k4"]),
}


class ColmapParameters(NamedTuple):
    """The arguments of `from_colmap`, in their order."""

    model: str
    params: Tensor  # (N, P)
    qvec: Tensor  # (N, 4)
    tvec: Tensor  # (N, 3)
    image_size: Tensor  # (N, 2)


def from_colmap(
    model: str, params: Any, qvec: Any, tvec: Any, image_size: Any, device: torch.device | str = "cpu"
) -> PerspectiveCameras | DistortedCameras:
    """Cameras as COLMAP stores them, in ``cameras.txt`` and ``images.txt``.

    The camera sees ``X_camera = R(qvec) X_world + tvec`` (column vectors), with +X to the right, +Y down and
    +Z into the scene. COLMAP, like r3d, has the centre of the top-left pixel at (0.5, 0.5).

    Args:
        model: SIMPLE_PINHOLE, PINHOLE, SIMPLE_RADIAL, RADIAL, OPENCV, FULL_OPENCV, SIMPLE_RADIAL_FISHEYE,
            RADIAL_FISHEYE or OPENCV_FISHEYE.
        params: (P,) or (N, P) parameters of the model, in COLMAP's order, pixels.
        qvec: (4,) or (N, 4) quaternions, the real part first.
        tvec: (3,) or (N, 3) translations.
        image_size: (height, width) as a pair or (N, 2), pixels. (COLMAP writes the width first.)
        device: Where the camera goes.

    Returns:
        ``PerspectiveCameras`` of a pinhole, ``DistortedCameras`` otherwise, in pixels.

    Raises:
        ValueError: An unknown model, another number of parameters than it has, or wrong shapes.

    Example:
        >>> cameras = from_colmap("SIMPLE_PINHOLE", [500, 320, 240], [1, 0, 0, 0], [0, 0, 2], (480, 640))
        >>> cameras.transform_points_screen(torch.tensor([[1.0, 0.5, 0.0]]))[:, :2]
        tensor([[570., 365.]])
    """
    where = "from_colmap"
    distortion, names = _model(where, model)
    params, qvec = batch_of(where, device, params=(params, "P"), qvec=(qvec, "4"))
    if params.shape[1] != len(names):
        raise ValueError(
            f"{where}: {model} has {len(names)} parameters ({', '.join(names)}), got {params.shape[1]}"
        )
    by_name = dict(zip(names, params.unbind(1), strict=True))
    fx, fy = (by_name.get(name, by_name.get("f")) for name in ("fx", "fy"))
    K = matrices([[fx, 0, by_name["cx"]], [0, fy, by_name["cy"]], [0, 0, 1]])
    coefficients = None
    if distortion != "pinhole":
        absent = torch.zeros_like(params[:, 0])
        coefficients = torch.stack([by_name.get(name, absent) for name in _COEFFICIENTS[distortion]], dim=1)
    return from_opencv(
        K, quaternion_to_matrix(qvec), tvec, image_size, coefficients, distortion, device=device
    )


def to_colmap(cameras: CamerasBase, model: str | None = None, image_size: Any = None) -> ColmapParameters:
    """What `from_colmap` takes for a camera like this one.

    Args:
        cameras: ``PerspectiveCameras``, ``FoVPerspectiveCameras`` or ``DistortedCameras``.
        model: One of `from_colmap`'s. None: PINHOLE, OPENCV_FISHEYE, or the smaller of OPENCV and FULL_OPENCV
            that holds all coefficients.
        image_size: (height, width) as a pair or (N, 2), of cameras that have none.

    Raises:
        ValueError: An unknown model, one that cannot express the camera, or no image size.

    Example:
        >>> cameras = from_colmap("PINHOLE", [500, 510, 320, 240], [1, 0, 0, 0], [0, 0, 2], (480, 640))
        >>> to_colmap(cameras).params
        tensor([[500., 510., 320., 240.]])
    """
    where = "to_colmap"
    K, R, t, size, coefficients, distortion = to_opencv(cameras, image_size)
    known: dict[str, Tensor] = {}
    if coefficients is not None:
        known = dict(zip(_COEFFICIENTS[distortion], coefficients.unbind(1), strict=True))
    needed = {name for name, value in known.items() if bool((value != 0).any())}
    if model is None:
        candidates = {"pinhole": ["PINHOLE"], "fisheye": ["OPENCV_FISHEYE"]}.get(
            distortion, ["OPENCV", "FULL_OPENCV"]
        )
        model = next((name for name in candidates if needed <= set(MODELS[name][1])), candidates[-1])
    kind, names = _model(where, model)
    if kind != distortion and "fisheye" in (kind, distortion):
        raise ValueError(f"{where}: {model} has a {kind} lens, the camera a {distortion} one")
    lost = sorted(needed - set(names))
    if lost:
        raise ValueError(f"{where}: {model} has no {', '.join(lost)}, which the camera has")
    known |= {"fx": K[:, 0, 0], "fy": K[:, 1, 1], "f": K[:, 0, 0], "cx": K[:, 0, 2], "cy": K[:, 1, 2]}
    if bool((K[:, 0, 1] != 0).any()):
        raise ValueError(f"{where}: COLMAP has no skewed cameras")
    if "f" in names and bool((known["fx"] != known["fy"]).any()):
        raise ValueError(f"{where}: {model} has one focal length, the camera two")
    absent = torch.zeros_like(known["f"])
    params = torch.stack([known.get(name, absent) for name in names], dim=1)
    return ColmapParameters(model, params, matrix_to_quaternion(R), t, size)


def _model(where: str, model: str) -> tuple[str, list[str]]:
    if model not in MODELS:
        raise ValueError(f"{where}: model must be one of {', '.join(MODELS)}, got {model!r}")
    return MODELS[model]
