"""Texture atlases of files: R x R texels for each face."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample

from r3d_cli.io.materials import color_of, face_materials, is_known, map_of
from r3d_cli.scene.model import RawMesh

WRAPS = ("repeat", "clamp", None)
#: What an atlas holds where the file says nothing.
WHITE = (1.0, 1.0, 1.0)


def texel_weights(size: int) -> Tensor:  # (R, R, 3)
    """Barycentric coordinates of the texels' centroids in TexturesAtlas' layout.

    The face's first two weights span the atlas: its texels are the triangles into which R lines a side cut
    the face. Cell (y, x) with x + y < R holds the triangle on the origin's side of the square from
    (x, y) / R to (x + 1, y + 1) / R; the other triangle of that square lies at (R - 1 - y, R - 1 - x).

    Example:
        >>> texel_weights(1)[0, 0]
        tensor([0.3333, 0.3333, 0.3333])
    """
    y, x = torch.meshgrid(torch.arange(size), torch.arange(size), indexing="ij")
    other = x + y >= size
    first = torch.where(other, size - 1 - x + 2 / 3, x + 1 / 3) / size
    second = torch.where(other, size - 1 - y + 2 / 3, y + 1 / 3) / size
    return torch.stack([first, second, 1 - first - second], dim=-1)


def bake_atlas(raw: RawMesh, size: int, wrap: str | None) -> Tensor:  # (F, R, R, 3)
    """Sample each face's material at the centroids of its texels, bilinearly.

    Maps are looked up as TexturesUV does by default: v up, corners' texels at 0 and 1. Faces without a map
    have their material's colour, those without a material are white.
    """
    faces = face_materials(raw)
    ids = torch.from_numpy(faces.ids)
    colors = torch.tensor(
        [color_of(material) if material and is_known(material) else WHITE for material in faces.materials]
    )
    atlas = colors.reshape(-1, 3)[ids][:, None, None].repeat(1, size, size, 1)
    weights = texel_weights(size)
    verts_uvs, faces_uvs = torch.from_numpy(faces.verts_uvs), torch.from_numpy(faces.faces_uvs)
    for index, material in enumerate(faces.materials):
        if material is None or material.base_color_texture is None or not faces.textured[index]:
            continue
        chosen = (ids == index).nonzero()[:, 0]
        corners = verts_uvs[faces_uvs[chosen]]  # (P, 3, 2)
        uvs = torch.einsum("yxk,pkc->pyxc", weights, corners)
        if wrap == "repeat":
            uvs = uvs - uvs.floor()
        grid = torch.stack([uvs[..., 0], 1 - uvs[..., 1]], dim=-1).flatten(0, 1)[None] * 2 - 1
        image = map_of(material.base_color_texture, material).permute(2, 0, 1)[None]
        texels = grid_sample(image, grid, padding_mode="border", align_corners=True)  # (1, 3, P * R, R)
        atlas[chosen] = texels[0].permute(1, 2, 0).reshape(-1, size, size, 3)
    return atlas


def check_atlas(where: str, size: int, wrap: str | None) -> None:
    if isinstance(size, bool) or not isinstance(size, int | np.integer) or size < 1:
        raise ValueError(f"{where}: texture_atlas_size must be an integer above 0, got {size!r}")
    if wrap not in WRAPS:
        raise ValueError(f"{where}: texture_wrap must be 'repeat', 'clamp' or None, got {wrap!r}")


#: Pixels of a map on each side of an atlas' cell: bilinear samples at the centroids of its two triangles then
#: touch no pixel of the other one.
_PIXELS = 4
#: The largest side of a picture that common readers take.
_MAX_SIDE = 32768


def atlas_to_map(atlas: Tensor) -> tuple[Tensor, Tensor]:  # (F, R, R, C)
    """An atlas as one map, a tile for each face, for formats that know no atlases.

    Returns:
        The map (H, W, C), and coordinates (3F, 2) of the faces' corners, one after the other. Sampled at the
        centroids of texels, with ``align_corners=True``, it gives their values.

    Raises:
        ValueError: The map would be larger than pictures can be.

    Example:
        >>> image, uvs = atlas_to_map(torch.rand(2, 1, 1, 3))
        >>> image.shape, uvs.shape
        (torch.Size([6, 12, 3]), torch.Size([6, 2]))
    """
    num_faces, size = atlas.shape[:2]
    tile = _PIXELS * size + 2  # with a border, so that tiles do not bleed into each other
    columns = max(math.ceil(math.sqrt(num_faces)), 1)
    rows = max(math.ceil(num_faces / columns), 1)
    if columns * tile > _MAX_SIDE:
        raise ValueError(
            f"TexturesAtlas of {num_faces} faces and {size} x {size} texels needs a picture of "
            f"{columns * tile} pixels a side, more than {_MAX_SIDE}; sample it more coarsely"
        )
    pixel = (torch.arange(tile) - 1).clamp(0, _PIXELS * size - 1)
    cell, within = pixel // _PIXELS, pixel % _PIXELS
    x, y = cell[None, :].expand(tile, tile), cell[:, None].expand(tile, tile)
    inside = x + y < size - 1  # cells whose other triangle belongs to the face
    other = inside & (within[None, :] + within[:, None] >= _PIXELS)
    y = torch.minimum(y, size - 1 - x)
    tiles = atlas.detach().cpu()[:, torch.where(other, size - 1 - y, y), torch.where(other, size - 1 - x, x)]
    grid = tiles.new_zeros(rows * columns, *tiles.shape[1:])
    grid[:num_faces] = tiles.flip(1)  # v is up
    image = grid.unflatten(0, (rows, columns)).transpose(1, 2).flatten(2, 3).flatten(0, 1)  # (H, W, C)

    face = torch.arange(num_faces)
    left, top = (face % columns) * tile, torch.div(face, columns, rounding_mode="floor") * tile
    # Corners weigh the first, the second and neither axis; pixels' centres are at half integers.
    corners = torch.tensor([[_PIXELS * size, 0], [0, _PIXELS * size], [0, 0]]) + 0.5
    u = (left[:, None] + corners[:, 0]) / max(columns * tile - 1, 1)
    v = 1 - (top[:, None] + tile - 1 - corners[:, 1]) / max(rows * tile - 1, 1)
    return image, torch.stack([u, v], dim=-1).flatten(0, 1)
