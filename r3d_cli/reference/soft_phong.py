"""The slow, obvious ``soft_phong``: every face that counts at a pixel as a fragment, lit, then blended."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import grid_sample, normalize

from r3d_cli.reference.rasterize_meshes import rasterize_meshes

_SMALLEST_WEIGHT = 1e-10
_SHORTEST = 1e-6


def soft_phong(
    verts: Tensor,  # (V, 3)
    faces: Tensor,  # (F, 3)
    mesh_first_face: Tensor,  # (N + 1,)
    surface: Any,
    texture: Any,
    image_size: tuple[int, int],
    *,
    lights: str = "point",
    sigma: float = 1e-4,
    gamma: float = 1e-4,
    faces_per_pixel: int | None = None,
    **settings: Any,
) -> Tensor:  # (N, H, W, 4)
    """The blend of the lit faces of a pixel, or of its K nearest; arguments: see ``ops.soft_phong``."""
    K = max(len(faces), 1) if faces_per_pixel is None else faces_per_pixel
    fragments = rasterize_meshes(verts, faces, mesh_first_face, image_size, faces_per_pixel=K, **settings)
    return shade_fragments(fragments, faces, surface, texture, lights=lights, sigma=sigma, gamma=gamma)


def shade_fragments(
    fragments: Any, faces: Tensor, surface: Any, texture: Any, *, lights: str, sigma: float, gamma: float
) -> Tensor:  # (N, H, W, 4)
    """The blend of fragments, all of them lit."""
    ids, z, bary, dists = fragments
    covered, ids = ids >= 0, ids.clamp(min=0)
    if len(faces) == 0:
        faces, ids, covered = faces.new_zeros(1, 3), ids * 0, covered & False
    *_, numbers, background = _split(surface.looks)
    _, znear, zfar = numbers.unbind(-1)
    colors = lit(ids, bary, faces, surface, texture, lights=lights)
    probability = torch.where(covered, torch.sigmoid(-dists / sigma), 0)
    nearness = torch.where(covered, (zfar - z) / (zfar - znear), 0)
    nearest = nearness.amax(-1, keepdim=True).clamp(min=_SMALLEST_WEIGHT).detach()
    weights = probability * torch.exp((nearness - nearest) / gamma)
    behind = torch.exp((_SMALLEST_WEIGHT - nearest) / gamma).clamp(min=_SMALLEST_WEIGHT)
    total = weights.sum(-1, keepdim=True) + behind
    shown = torch.where(covered[..., None], colors, 0)
    blended = ((weights[..., None] * shown).sum(-2) + behind * background[..., 0, :]) / total
    uncovered = torch.where(covered, torch.sigmoid(dists / sigma), 1).prod(-1, keepdim=True)
    return torch.cat([blended, 1 - uncovered], -1)


def lit(
    ids: Tensor, bary: Tensor, faces: Tensor, surface: Any, texture: Any, *, lights: str
) -> Tensor:  # (N, H, W, K, 3)
    """The light that faces (N, H, W, K) reflect at barycentric coordinates (N, H, W, K, 3)."""
    ambient, diffuse, specular, light, camera, numbers, _ = _split(surface.looks)
    texels = _look_up(texture, ids, bary)
    if lights == "none":
        return texels
    position = _interpolate(surface.positions[faces], ids, bary)
    normal = normalize(_interpolate(surface.normals[faces], ids, bary), dim=-1, eps=_SHORTEST)
    view = normalize(camera - position, dim=-1, eps=_SHORTEST)
    to_light = {"point": light - position, "directional": light.expand_as(position)}
    direction = normalize(to_light.get(lights, torch.zeros_like(position)), dim=-1, eps=_SHORTEST)
    cosine = (normal * direction).sum(-1, keepdim=True)
    along = (view * (2 * cosine * normal - direction)).sum(-1, keepdim=True)
    seen = (cosine > 0) & (along > 0)
    exponent = numbers[..., :1]
    unseen = (exponent == 0).to(along.dtype)  # 0 to the power of 0 is 1
    highlight = torch.where(seen, torch.where(seen, along, 1) ** exponent, unseen)
    return (ambient + diffuse * cosine.clamp(min=0)) * texels + specular * highlight


def _split(looks: Tensor) -> tuple[Tensor, ...]:  # (N, 21)
    """Ambient, diffuse, specular, light, camera, shininess and depth range, background: (N, 1, 1, 1, 3)."""
    return looks[:, None, None, None].split(3, -1)


def _interpolate(corners: Tensor, ids: Tensor, bary: Tensor) -> Tensor:  # (F, 3, C) -> (N, H, W, K, C)
    return (bary[..., None] * corners[ids]).sum(-2)


def _look_up(texture: Any, ids: Tensor, bary: Tensor) -> Tensor:  # (N, H, W, K, 3)
    if texture.kind == "vertices":
        return _interpolate(texture.texels[texture.corner_ids], ids, bary)
    sources = texture.faces_source
    if texture.kind == "atlas":
        size = texture.atlas_size
        along = bary[..., :2].clamp(0, 1) * size
        cell = along.floor()
        upright = (along - cell).sum(-1, keepdim=True) <= 1
        upright = upright | (cell.sum(-1, keepdim=True) >= size - 1)  # the face ends on their diagonals
        x, y = torch.where(upright, cell, size - 1 - cell).clamp(0, size - 1).long().unbind(-1)
        place = ids if sources is None else sources[ids]
        return texture.texels[(place * size + y) * size + x]
    uv = _interpolate(texture.uvs[texture.corner_ids], ids, bary)
    source = torch.zeros_like(ids) if sources is None else sources[ids]
    texels = torch.zeros_like(uv[..., :1]).expand(*uv.shape[:-1], 3)
    for index, (first, height, width) in enumerate(texture.maps.tolist()):
        image = texture.texels[first : first + height * width].reshape(height, width, 3)
        texels = torch.where((source == index)[..., None], _sample(texture, image, uv), texels)
    return texels


def _sample(texture: Any, image: Tensor, uv: Tensor) -> Tensor:
    """A map at coordinates with v upwards, by PyTorch's own sampler."""
    padding = texture.padding_mode
    planes = image.permute(2, 0, 1)[None]
    height, width = image.shape[:2]
    x, y = uv[..., 0], 1 - uv[..., 1]
    if padding == "repeat":
        padding = "border"
        if texture.align_corners:
            x = torch.where((x < 0) | (x > 1), x - x.detach().floor(), x)
            v = 1 - y
            y = 1 - torch.where((v < 0) | (v > 1), v - v.detach().floor(), v)
        else:  # a map with a border of its own other ends: seams are filtered as they should be
            planes = torch.cat([planes[:, :, -1:], planes, planes[:, :, :1]], 2)
            planes = torch.cat([planes[..., -1:], planes, planes[..., :1]], 3)
            x = ((x - x.detach().floor()) * width + 1) / (width + 2)
            y = ((y - y.detach().floor()) * height + 1) / (height + 2)
    grid = torch.stack([2 * x - 1, 2 * y - 1], -1).reshape(1, 1, -1, 2)
    mode = "bilinear" if texture.bilinear else "nearest"
    sampled = grid_sample(planes, grid, mode=mode, padding_mode=padding, align_corners=texture.align_corners)
    return sampled[0, :, 0].T.reshape(*uv.shape[:-1], 3)
