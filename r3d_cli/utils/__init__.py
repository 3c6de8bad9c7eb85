"""Ready-made meshes and conversions of cameras."""

from r3d_cli.utils.camera_conversions import (
    cameras_from_opencv_projection,
    opencv_from_cameras_projection,
    pulsar_from_cameras_projection,
    pulsar_from_opencv_projection,
)
from r3d_cli.utils.checkerboard import checkerboard
from r3d_cli.utils.ico_sphere import ico_sphere
from r3d_cli.utils.torus import torus

__all__ = [
    "cameras_from_opencv_projection",
    "checkerboard",
    "ico_sphere",
    "opencv_from_cameras_projection",
    "pulsar_from_cameras_projection",
    "pulsar_from_opencv_projection",
    "torus",
]
