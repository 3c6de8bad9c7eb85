"""Cameras, textures, lights, rasterizers and shaders."""

from r3d_cli.renderer.camera_conventions import (
    from_blender,
    from_colmap,
    from_opencv,
    from_opengl,
    to_blender,
    to_colmap,
    to_opencv,
    to_opengl,
)
from r3d_cli.renderer.camera_utils import join_cameras_as_batch, rotate_on_spot
from r3d_cli.renderer.cameras import (
    CamerasBase,
    DistortedCameras,
    FoVOrthographicCameras,
    FoVPerspectiveCameras,
    OrthographicCameras,
    PerspectiveCameras,
    camera_position_from_spherical_angles,
    get_world_to_view_transform,
    look_at_rotation,
    look_at_view_transform,
)
from r3d_cli.renderer.fisheyecameras import FishEyeCameras
from r3d_cli.renderer.rasterize_meshes import rasterize_meshes
from r3d_cli.renderer.rasterizer import Fragments, MeshRasterizer, RasterizationSettings
from r3d_cli.renderer.textures import TexturesAtlas, TexturesUV, TexturesVertex
from r3d_cli.renderer.utils import (
    TensorProperties,
    convert_to_tensors_and_broadcast,
    ndc_grid_sample,
    ndc_to_grid_sample_coords,
)

__all__ = [
    "CamerasBase",
    "DistortedCameras",
    "FishEyeCameras",
    "FoVOrthographicCameras",
    "FoVPerspectiveCameras",
    "Fragments",
    "MeshRasterizer",
    "OrthographicCameras",
    "PerspectiveCameras",
    "RasterizationSettings",
    "TensorProperties",
    "TexturesAtlas",
    "TexturesUV",
    "TexturesVertex",
    "camera_position_from_spherical_angles",
    "convert_to_tensors_and_broadcast",
    "from_blender",
    "from_colmap",
    "from_opencv",
    "from_opengl",
    "get_world_to_view_transform",
    "join_cameras_as_batch",
    "look_at_rotation",
    "look_at_view_transform",
    "ndc_grid_sample",
    "ndc_to_grid_sample_coords",
    "rasterize_meshes",
    "rotate_on_spot",
    "to_blender",
    "to_colmap",
    "to_opencv",
    "to_opengl",
]
