"""Shaders that blend inside the rasterizer's kernel: no fragments, so memory depends on neither K nor F."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from r3d_cli.ops.soft_phong import PhongSurface, soft_phong
from r3d_cli.ops.soft_silhouette import soft_silhouette
from r3d_cli.renderer.blending import background_of
from r3d_cli.renderer.lighting import AmbientLights, DirectionalLights, PointLights
from r3d_cli.renderer.materials import Materials
from r3d_cli.renderer.rasterize_meshes import read_image_size, warn_of_bad_faces
from r3d_cli.renderer.rasterizer import MeshRasterizer, resolve_settings
from r3d_cli.renderer.shaders import SoftPhongShader, SoftSilhouetteShader
from r3d_cli.renderer.textures.packed import packed_texture

Render = Callable[..., Tensor | None]


def fused_render(rasterizer: Any, shader: Any, meshes_world: Any, kwargs: dict[str, Any]) -> Tensor | None:
    """The picture (N, H, W, 4) of a pair that is fused; None: to be rendered through fragments.

    Only the exact types are, of lights, materials and textures too: a subclass, or a module with hooks,
    expects to be called.
    """
    if type(rasterizer) is not MeshRasterizer or _has_hooks(rasterizer) or _has_hooks(shader):
        return None
    render = _FUSED.get(type(shader))
    return None if render is None else render(rasterizer, shader, meshes_world, kwargs)


def _has_hooks(module: torch.nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


def _in_ndc(
    rasterizer: MeshRasterizer, meshes_world: Any, kwargs: dict[str, Any]
) -> tuple[Any, dict[str, Any]]:
    """Meshes in NDC, and what the fused ops take besides them."""
    kwargs = dict(kwargs)
    settings = kwargs.pop("raster_settings", rasterizer.raster_settings)
    meshes = rasterizer.transform(meshes_world, **kwargs)
    warn_of_bad_faces(meshes, settings.strict)
    resolved = resolve_settings(settings, kwargs.get("cameras", rasterizer.cameras))
    return meshes, {
        "image_size": read_image_size("MeshRenderer", settings.image_size),
        "blur_radius": settings.blur_radius,
        "faces_per_pixel": settings.faces_per_pixel,
        "perspective_correct": resolved.perspective_correct,
        "clip_barycentric_coords": resolved.clip_barycentric_coords,
        "cull_backfaces": settings.cull_backfaces,
        "z_near": resolved.near,
        "is_perspective": resolved.is_perspective,
    }


def _packed(meshes: Any) -> tuple[Tensor, Tensor, Tensor]:
    return meshes.verts_packed(), meshes.faces_packed(), meshes.mesh_first_face()


def _silhouette(rasterizer: Any, shader: Any, meshes_world: Any, kwargs: dict[str, Any]) -> Tensor:
    meshes, options = _in_ndc(rasterizer, meshes_world, kwargs)
    sigma = float(kwargs.get("blend_params", shader.blend_params).sigma)
    alpha = soft_silhouette(*_packed(meshes), sigma=sigma, **options)
    white = alpha.new_ones(()).expand_as(alpha)
    return torch.stack([white, white, white, alpha], -1)


def _phong(rasterizer: Any, shader: Any, meshes_world: Any, kwargs: dict[str, Any]) -> Tensor | None:
    lights, materials = (kwargs.get(name, getattr(shader, name)) for name in ("lights", "materials"))
    kind = _LIGHTS.get(type(lights))
    # One channel of ambient light is spread over all; any other number is no colour.
    if kind is None or type(materials) is not Materials or lights.ambient_color.shape[-1] not in (1, 3):
        return None
    colors = materials.ambient_color, materials.diffuse_color, materials.specular_color
    if any(color.shape[-1] != 3 for color in colors):
        return None
    shader._check_textures(meshes_world, "TexturesVertex, TexturesUV or TexturesAtlas")
    texture = packed_texture(meshes_world)
    if texture is None:
        return None
    meshes, options = _in_ndc(rasterizer, meshes_world, kwargs)
    if len(meshes) != len(meshes_world):  # one mesh, seen by several cameras
        meshes_world = meshes_world.extend(len(meshes))
        texture = packed_texture(meshes_world)
    assert texture is not None
    parts = shader._parts(meshes_world, kwargs)
    blend_params = shader._blend_params(kwargs)
    znear, zfar = shader._depth_range(kwargs)
    positions, normals = meshes_world.verts_packed(), meshes_world.verts_normals_packed()
    looks = _looks(len(meshes), positions, parts, background_of(blend_params, positions), znear, zfar)
    surface = PhongSurface(positions, normals, looks)
    options |= {"sigma": float(blend_params.sigma), "gamma": float(blend_params.gamma), "lights": kind}
    return soft_phong(*_packed(meshes), surface, texture, **options)


_LIGHTS: dict[type, str] = {AmbientLights: "ambient", DirectionalLights: "directional", PointLights: "point"}


def _looks(
    count: int, like: Tensor, parts: dict[str, Any], background: Tensor, znear: Any, zfar: Any
) -> Tensor:  # (N, 21)
    """`PhongSurface.looks` of cameras, lights and materials."""
    lights, materials = parts["lights"], parts["materials"]
    black = like.new_zeros(1, 3)
    diffuse = materials.diffuse_color * getattr(lights, "diffuse_color", black)
    specular = materials.specular_color * getattr(lights, "specular_color", black)
    source = getattr(lights, "location", getattr(lights, "direction", black))
    rows = [
        materials.ambient_color * lights.ambient_color,
        diffuse,
        specular,
        source,
        parts["cameras"].get_camera_center(),
        materials.shininess,
        znear,
        zfar,
        background,
    ]
    widths = [3, 3, 3, 3, 3, 1, 1, 1, 3]
    columns = []
    for row, width in zip(rows, widths, strict=True):
        row = row if isinstance(row, Tensor) else like.new_tensor(row)
        columns.append(row.to(like).reshape(-1, width).expand(count, -1))
    return torch.cat(columns, -1)


_FUSED: dict[type, Render] = {SoftPhongShader: _phong, SoftSilhouetteShader: _silhouette}
