"""Shaders that blend inside the rasterizer's kernel: no fragments, so memory depends on neither K nor F."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from r3d_cli.ops.soft_silhouette import soft_silhouette
from r3d_cli.renderer.rasterize_meshes import read_image_size, warn_of_bad_faces
from r3d_cli.renderer.rasterizer import MeshRasterizer, resolve_settings
from r3d_cli.renderer.shaders import SoftSilhouetteShader

Render = Callable[..., Tensor]


def fused_render(rasterizer: Any, shader: Any) -> Render | None:
    """``render(rasterizer, shader, meshes_world, **kwargs)`` of a pair that is fused, or None.

    Only the exact types are: a subclass, or a module with hooks, expects to be called.
    """
    if type(rasterizer) is not MeshRasterizer or _has_hooks(rasterizer) or _has_hooks(shader):
        return None
    return _FUSED.get(type(shader))


def _has_hooks(module: torch.nn.Module) -> bool:
    return bool(module._forward_hooks or module._forward_pre_hooks or module._backward_hooks)


def _in_ndc(rasterizer: MeshRasterizer, meshes_world: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Meshes in NDC, and what the fused ops take besides them."""
    kwargs = dict(kwargs)
    settings = kwargs.pop("raster_settings", rasterizer.raster_settings)
    meshes = rasterizer.transform(meshes_world, **kwargs)
    warn_of_bad_faces(meshes, settings.strict)
    perspective, clip, near = resolve_settings(settings, kwargs.get("cameras", rasterizer.cameras))
    return meshes, {
        "image_size": read_image_size("MeshRenderer", settings.image_size),
        "blur_radius": settings.blur_radius,
        "faces_per_pixel": settings.faces_per_pixel,
        "perspective_correct": perspective,
        "clip_barycentric_coords": clip,
        "cull_backfaces": settings.cull_backfaces,
        "z_near": near,
    }


def _silhouette(rasterizer: Any, shader: Any, meshes_world: Any, **kwargs: Any) -> Tensor:  # (N, H, W, 4)
    meshes, options = _in_ndc(rasterizer, meshes_world, kwargs)
    sigma = float(kwargs.get("blend_params", shader.blend_params).sigma)
    mesh = meshes.verts_packed(), meshes.faces_packed(), meshes.mesh_first_face()
    alpha = soft_silhouette(*mesh, sigma=sigma, **options)
    white = alpha.new_ones(()).expand_as(alpha)
    return torch.stack([white, white, white, alpha], -1)


_FUSED: dict[type, Render] = {SoftSilhouetteShader: _silhouette}
