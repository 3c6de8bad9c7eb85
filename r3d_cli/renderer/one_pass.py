"""Hard Phong shading of fragments in one pass, where lights, materials and textures are of exact types."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from r3d_cli.ops.hard_phong import Look, Pixels, hard_phong
from r3d_cli.renderer.blending import background_of
from r3d_cli.renderer.cameras.base import CamerasBase
from r3d_cli.renderer.lighting import AmbientLights, DirectionalLights, PointLights
from r3d_cli.renderer.materials import Materials
from r3d_cli.renderer.textures.packed import packed_texture

_LIGHTS: dict[type, str] = {AmbientLights: "ambient", DirectionalLights: "directional", PointLights: "point"}
_REALS = (torch.float32, torch.float64)


def shade_in_one_pass(shader: Any, fragments: Any, meshes: Any, kwargs: dict[str, Any]) -> Tensor | None:
    """The picture (N, H, W, 4) of the nearest fragments, Phong-lit; None: to be shaded step by step.

    Subclasses of lights, materials and textures expect to be called; what does not fit together is for the
    steps to tell.
    """
    lights, materials = (kwargs.get(name, getattr(shader, name)) for name in ("lights", "materials"))
    kind = _LIGHTS.get(type(lights))
    if kind is None or type(materials) is not Materials:
        return None
    shader._check_textures(meshes, "TexturesVertex, TexturesUV or TexturesAtlas")
    texture = packed_texture(meshes)
    if texture is None or not _fits(fragments, len(meshes)):
        return None
    parts = shader._parts(meshes, kwargs)
    positions, dtype = meshes.verts_packed(), fragments.bary_coords.dtype
    look = _look(parts["cameras"], lights, materials, background_of(shader._blend_params(kwargs), positions))
    widths = (3, 3, 3, None, 3, 3, 3, 3)
    for rows, width in zip(look, widths, strict=False):
        if rows is not None and width is not None and rows.shape[-1] != width:
            return None
    reals = positions, texture.texels, texture.uvs, *look
    if dtype not in _REALS or any(rows is not None and rows.dtype != dtype for rows in reals):
        return None
    pixels = Pixels(
        fragments.pix_to_face,
        fragments.bary_coords,
        meshes.faces_packed(),
        positions,
        meshes.verts_normals_packed(),
    )
    return hard_phong(pixels, texture, look, lights=kind)


def _fits(fragments: Any, count: int) -> bool:
    """Whether fragments are those of so many pictures, as a rasterizer gives them."""
    ids, bary = getattr(fragments, "pix_to_face", None), getattr(fragments, "bary_coords", None)
    if not isinstance(ids, Tensor) or not isinstance(bary, Tensor) or ids.dtype != torch.int64:
        return False
    return ids.dim() == 4 and len(ids) == count and ids.shape[3] > 0 and bary.shape == (*ids.shape, 3)


def _look(cameras: Any, lights: Any, materials: Any, background: Tensor) -> Look:
    return Look(
        materials.ambient_color,
        materials.diffuse_color,
        materials.specular_color,
        materials.shininess,
        lights.ambient_color,
        getattr(lights, "diffuse_color", None),
        getattr(lights, "specular_color", None),
        getattr(lights, "location", getattr(lights, "direction", None)),
        *_pose(cameras),
        background[None],
    )


def _pose(cameras: Any) -> tuple[Tensor, Tensor]:
    """R and T that tell where cameras are; those of a class that has its own idea of that look nowhere."""
    kind = type(cameras)
    standard = all(
        getattr(kind, name, None) is getattr(CamerasBase, name)
        for name in ("get_camera_center", "get_world_to_view_transform")
    )
    if standard:
        return cameras.R, cameras.T
    center = cameras.get_camera_center()
    return torch.eye(3, dtype=center.dtype, device=center.device)[None], -center
