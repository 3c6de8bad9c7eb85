"""Reference of shade_meshes: every fragment of the picture at once, from the definitions.

Takes what ``backend.shade_meshes`` takes, as tensors. Differentiable in every real argument.
"""

from __future__ import annotations

import torch
from torch import Tensor

from r3d_cli.backend.rasterize_meshes import Fragments
from r3d_cli.backend.shade_meshes import ALPHA_MODES, FILTERS, WRAPS, Surface


def shade_meshes(
    fragments: Fragments,  # (1, H * S, W * S, K)
    surface: Surface,
    lights: Tensor,  # (L, 14)
    camera: Tensor,  # (4,)
    background: Tensor,  # (4,)
    *,
    backdrop: Tensor | None = None,  # (H, W, 4) uint8
    wireframe: Tensor | None = None,  # (4,) colour 3, squared NDC distance
    supersampling: int = 1,  # S
    shading: str = "phong",
    focal: float = 0.0,
    two_sided: bool = True,
) -> Tensor:
    """Shade samples and resolve them to pixels: straight alpha, linear light.

    Returns:
        (H, W, 4).
    """
    ids = fragments.pix_to_face[0]
    color = shade_fragments(fragments, surface, lights, camera, shading, focal, two_sided)  # (H S, W S, K, 4)
    alpha = torch.where(ids >= 0, color[..., 3], 0)
    if wireframe is not None:  # opaque wherever there is a surface at all
        drawn = (alpha > 0) & (fragments.dists[0].abs() <= wireframe[3])
        alpha = torch.where(drawn, 1, alpha)
        color = torch.where(drawn[..., None], torch.cat([wireframe[:3], alpha.new_ones(1)]), color)
    # What passes all fragments in front of one.
    passes = torch.cumprod(torch.cat([torch.ones_like(alpha[..., :1]), 1 - alpha], dim=-1), dim=-1)
    weight = alpha * passes[..., :-1]
    samples = torch.cat([(weight[..., None] * color[..., :3]).sum(2), weight.sum(2)[..., None]], dim=-1)
    height, width = (side // supersampling for side in ids.shape[:2])
    pixels = samples.reshape(height, supersampling, width, supersampling, 4).mean(dim=(1, 3))
    if backdrop is not None:
        codes = backdrop.long()
        light = surface.half_codes[2 * codes[..., :3]]
        background = torch.cat([light, codes[..., 3:].to(light.dtype) / 255], dim=-1)
    behind = (1 - pixels[..., 3:]) * background[..., 3:]
    out_alpha = pixels[..., 3:] + behind
    rgb = (pixels[..., :3] + behind * background[..., :3]) / out_alpha.clamp(
        min=torch.finfo(out_alpha.dtype).tiny
    )
    return torch.cat([rgb, out_alpha], dim=-1)


def encode_srgb(linear: Tensor) -> Tensor:
    """The 8-bit sRGB codes nearest to values in linear light (IEC 61966-2-1)."""
    linear = linear.clamp(0, 1)
    encoded = torch.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * linear.clamp(min=0.0031308) ** (1 / 2.4) - 0.055
    )
    return torch.floor(255 * encoded + 0.5).to(torch.uint8)


def shade_fragments(
    fragments: Fragments,
    surface: Surface,
    lights: Tensor,
    camera: Tensor,
    shading: str,
    focal: float,
    two_sided: bool,
) -> Tensor:  # (H * S, W * S, K, 4)
    """Colour and alpha of every fragment, linear, not premultiplied; empty slots hold anything."""
    id = fragments.pix_to_face[0].clamp(min=0)
    bary = fragments.bary_coords[0][..., None]  # (..., 3, 1)
    corners = surface.verts[surface.faces[id]]  # (..., 3 corners, 3)
    point = (bary * corners).sum(-2)
    area2 = torch.linalg.cross(
        corners[..., 1, :] - corners[..., 0, :], corners[..., 2, :] - corners[..., 0, :]
    )
    face_normal = _unit(area2)
    to_camera = camera[:3] - camera[3] * point

    def shading_normal(normal: Tensor) -> Tensor:
        """The face's own where there is none; turned towards the viewer."""
        normal = torch.where((normal == 0).all(-1, keepdim=True), face_normal, normal)
        if not two_sided:
            return normal
        seen_from_front = (area2 * to_camera).sum(-1, keepdim=True) >= 0
        points_to_front = (area2 * normal).sum(-1, keepdim=True) >= 0
        return torch.where(seen_from_front == points_to_front, normal, -normal)

    at_corners = face_normal[..., None, :].expand(*face_normal.shape[:-1], 3, 3)
    if surface.normals is not None and shading != "flat":
        which = surface.faces_normals[id]
        given = _unit(surface.normals)[which.clamp(min=0)]
        at_corners = torch.where((which < 0)[..., None], at_corners, given)
    normal = shading_normal(_unit((bary * at_corners).sum(-2)))

    material = torch.zeros_like(id) if surface.faces_material is None else surface.faces_material.long()[id]
    values, codes = surface.materials[material], surface.material_codes.long()[material]
    base, emissive, specular = values[..., 0:4], values[..., 4:7], values[..., 7:10]
    shininess, cutoff = values[..., 10], values[..., 11]
    if surface.colors is not None:
        base = base * (bary * surface.colors[surface.faces[id]]).sum(-2)
    if surface.uvs is not None:
        which = surface.faces_uvs[id]
        uvs = torch.where((which < 0)[..., None], 0, surface.uvs[which.clamp(min=0)])  # (..., 3, 2)
        a, b = uvs[..., 1, :] - uvs[..., 0, :], uvs[..., 2, :] - uvs[..., 0, :]
        uv_area2 = (a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]).abs()
        # Twice the area of the face's picture, were the whole face as it is here: projecting divides lengths
        # by z, and once more by the slant, which is the angle between normal and line of sight.
        depth = fragments.zbuf[0] if camera[3] != 0 else torch.ones_like(point[..., 0])
        picture_area2 = (area2 * to_camera).sum(-1).abs() / depth**3 * focal**2
        texture_area = uv_area2 / picture_area2 if focal > 0 else torch.zeros_like(uv_area2)
        uv = (bary * uvs).sum(-2)
        base = base * _look_up(surface, codes[..., 0], uv, texture_area)
        emissive = emissive * _look_up(surface, codes[..., 1], uv, texture_area)[..., :3]

    mode, alpha = codes[..., 2], base[..., 3]
    alpha = torch.where(mode == ALPHA_MODES.index("opaque"), 1.0, alpha)
    alpha = torch.where(mode == ALPHA_MODES.index("mask"), (alpha >= cutoff).to(alpha.dtype), alpha)
    if shading == "normals":
        rgb = (1 + normal * normal.new_tensor([-1.0, 1.0, -1.0])) / 2
    else:
        if shading == "flat":  # one colour for a face: the light at its middle
            diffuse, highlight = _reflect(lights, corners.mean(-2), normal, camera, shininess)
        elif shading == "gouraud":
            sums = [
                _reflect(lights, corners[..., i, :], shading_normal(at_corners[..., i, :]), camera, shininess)
                for i in range(3)
            ]
            diffuse, highlight = ((bary * torch.stack(part, -2)).sum(-2) for part in zip(*sums, strict=True))
        else:
            diffuse, highlight = _reflect(lights, point, normal, camera, shininess)
        lit = diffuse * base[..., :3] + highlight * specular
        unlit = (codes[..., 3] != 0) | (shading == "unlit")
        rgb = torch.where(unlit[..., None], base[..., :3], lit) + emissive
    return torch.cat([rgb, alpha[..., None]], dim=-1)


def _unit(vectors: Tensor) -> Tensor:
    length = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    return vectors / torch.where(length > 0, length, 1)


def _reflect(
    lights: Tensor, point: Tensor, normal: Tensor, camera: Tensor, shininess: Tensor
) -> tuple[Tensor, Tensor]:  # (..., 3), (..., 3)
    """Ambient and diffuse light, and highlights, of all lights together."""
    view = _unit(camera[:3] - camera[3] * point)
    diffuse, highlight = torch.zeros_like(point), torch.zeros_like(point)
    for light in lights:
        direction = _unit(light[:3] - light[3] * point)
        cosine = (normal * direction).sum(-1, keepdim=True)
        diffuse = diffuse + light[4:7] + light[7:10] * ((cosine + light[13]) / (1 + light[13])).clamp(min=0)
        mirrored = (view * (2 * cosine * normal - direction)).sum(-1, keepdim=True).clamp(min=0)
        shine = torch.where((cosine > 0) & (mirrored > 0), mirrored ** shininess[..., None], 0)
        highlight = highlight + light[10:13] * shine
    return diffuse, highlight


def _look_up(surface: Surface, texture: Tensor, uv: Tensor, texture_area: Tensor) -> Tensor:  # (..., 4)
    """Texels of the texture that each fragment names; white where it names none."""
    out = torch.ones(*texture.shape, 4, dtype=uv.dtype)
    for id, (first, width, height, levels, wrap_u, wrap_v, kind) in enumerate(surface.textures.tolist()):
        here = texture == id
        u, v = uv[here].unbind(-1)
        wraps = (WRAPS[wrap_u], WRAPS[wrap_v])
        if FILTERS[kind] == "nearest":
            image = _level(surface, first, width, height, 0)
            column, row = _wrap(torch.floor(u * width), width, wraps[0]), torch.floor((1 - v) * height)
            out[here] = image[_wrap(row, height, wraps[1]), column]
            continue
        level = 0.5 * torch.log2((texture_area[here] * width * height).clamp(min=1))
        level = level.clamp(max=levels - 1)
        color = torch.zeros(len(u), 4, dtype=uv.dtype)
        for at in range(levels):
            weight = (1 - (level - at).abs()).clamp(min=0)  # of this level, between its neighbours
            color = color + weight[:, None] * _bilinear(
                _level(surface, first, width, height, at), u, v, wraps
            )
        out[here] = color
    return out


def _level(surface: Surface, first: int, width: int, height: int, level: int) -> Tensor:  # (H, W, 4)
    """One mip level in linear light."""
    for _ in range(level):
        first += width * height
        width, height = max(width // 2, 1), max(height // 2, 1)
    codes = surface.texels[first : first + width * height].reshape(height, width, 4).long()
    half_codes = surface.half_codes
    return torch.cat([half_codes[2 * codes[..., :3]], codes[..., 3:].to(half_codes.dtype) / 255], dim=-1)


def _bilinear(image: Tensor, u: Tensor, v: Tensor, wraps: tuple[str, str]) -> Tensor:  # (P, C)
    """Between texel centres at half integers; v = 0 is the bottom."""
    height, width = image.shape[:2]
    x, y = u * width - 0.5, (1 - v) * height - 0.5
    left, top = torch.floor(x), torch.floor(y)
    out = torch.zeros(len(u), image.shape[2], dtype=image.dtype)
    for column, across in ((left, 1 - (x - left)), (left + 1, x - left)):
        for row, down in ((top, 1 - (y - top)), (top + 1, y - top)):
            texel = image[_wrap(row, height, wraps[1]), _wrap(column, width, wraps[0])]
            out = out + (across * down)[:, None] * texel
    return out


def _wrap(index: Tensor, size: int, wrap: str) -> Tensor:
    index = index.long()
    if wrap == "clamp":
        return index.clamp(0, size - 1)
    if wrap == "mirror":
        index = index % (2 * size)
        return torch.where(index < size, index, 2 * size - 1 - index)
    return index % size
