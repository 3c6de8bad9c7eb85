"""Cameras: from the world to view space, to NDC and to the screen, and back."""

from r3d_cli.renderer.cameras.base import (
    CamerasBase,
    get_ndc_to_screen_transform,
    get_screen_to_ndc_transform,
)
from r3d_cli.renderer.cameras.focal import OrthographicCameras, PerspectiveCameras
from r3d_cli.renderer.cameras.fov import FoVOrthographicCameras, FoVPerspectiveCameras
from r3d_cli.renderer.cameras.lens import DistortedCameras
from r3d_cli.renderer.cameras.pose import (
    camera_position_from_spherical_angles,
    get_world_to_view_transform,
    look_at_rotation,
    look_at_view_transform,
)

__all__ = [
    "CamerasBase",
    "DistortedCameras",
    "FoVOrthographicCameras",
    "FoVPerspectiveCameras",
    "OrthographicCameras",
    "PerspectiveCameras",
    "camera_position_from_spherical_angles",
    "get_ndc_to_screen_transform",
    "get_screen_to_ndc_transform",
    "get_world_to_view_transform",
    "look_at_rotation",
    "look_at_view_transform",
]
