"""Cameras, textures, lights, rasterizers and shaders."""

from r3d_cli.renderer.antialias import AntialiasedShader, antialias
from r3d_cli.renderer.blending import BlendParams, hard_rgb_blend, sigmoid_alpha_blend, softmax_rgb_blend
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
from r3d_cli.renderer.depth_peeling import DepthPeelingRenderer
from r3d_cli.renderer.fisheyecameras import FishEyeCameras
from r3d_cli.renderer.lighting import AmbientLights, DirectionalLights, PointLights, diffuse, specular
from r3d_cli.renderer.materials import Materials
from r3d_cli.renderer.rasterize_meshes import rasterize_meshes
from r3d_cli.renderer.rasterizer import Fragments, MeshRasterizer, RasterizationSettings
from r3d_cli.renderer.renderer import MeshRenderer, MeshRendererWithFragments
from r3d_cli.renderer.screen import Screen, ScreenFragments
from r3d_cli.renderer.shaders import (
    HardDepthShader,
    HardFlatShader,
    HardGouraudShader,
    HardPhongShader,
    ShaderBase,
    SoftDepthShader,
    SoftGouraudShader,
    SoftPhongShader,
    SoftSilhouetteShader,
    TexturedSoftPhongShader,
)
from r3d_cli.renderer.shading import flat_shading, gouraud_shading, phong_shading
from r3d_cli.renderer.splatter_blend import SplatterBlender
from r3d_cli.renderer.splatter_shader import SplatterPhongShader
from r3d_cli.renderer.textures import TexturesAtlas, TexturesUV, TexturesVertex
from r3d_cli.renderer.transparent_shader import TransparentShader
from r3d_cli.renderer.utils import (
    TensorProperties,
    convert_to_tensors_and_broadcast,
    ndc_grid_sample,
    ndc_to_grid_sample_coords,
)

__all__ = [
    "AmbientLights",
    "AntialiasedShader",
    "BlendParams",
    "CamerasBase",
    "DepthPeelingRenderer",
    "DirectionalLights",
    "DistortedCameras",
    "FishEyeCameras",
    "FoVOrthographicCameras",
    "FoVPerspectiveCameras",
    "Fragments",
    "HardDepthShader",
    "HardFlatShader",
    "HardGouraudShader",
    "HardPhongShader",
    "Materials",
    "MeshRasterizer",
    "MeshRenderer",
    "MeshRendererWithFragments",
    "OrthographicCameras",
    "PerspectiveCameras",
    "PointLights",
    "RasterizationSettings",
    "Screen",
    "ScreenFragments",
    "ShaderBase",
    "SoftDepthShader",
    "SoftGouraudShader",
    "SoftPhongShader",
    "SoftSilhouetteShader",
    "SplatterBlender",
    "SplatterPhongShader",
    "TensorProperties",
    "TexturedSoftPhongShader",
    "TexturesAtlas",
    "TexturesUV",
    "TexturesVertex",
    "TransparentShader",
    "antialias",
    "camera_position_from_spherical_angles",
    "convert_to_tensors_and_broadcast",
    "diffuse",
    "flat_shading",
    "from_blender",
    "from_colmap",
    "from_opencv",
    "from_opengl",
    "get_world_to_view_transform",
    "gouraud_shading",
    "hard_rgb_blend",
    "join_cameras_as_batch",
    "look_at_rotation",
    "look_at_view_transform",
    "ndc_grid_sample",
    "ndc_to_grid_sample_coords",
    "phong_shading",
    "rasterize_meshes",
    "rotate_on_spot",
    "sigmoid_alpha_blend",
    "softmax_rgb_blend",
    "specular",
    "to_blender",
    "to_colmap",
    "to_opencv",
    "to_opengl",
]
