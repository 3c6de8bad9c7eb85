"""A mesh's looks as the flat tables that the shading kernel reads: materials, textures with their mip
levels."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from r3d_cli.backend.arrays import NumpyArrays
from r3d_cli.backend.cpu import native
from r3d_cli.backend.shade_meshes import ALPHA_MODES, FILTERS, WRAPS, Surface
from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.creases import compute_corner_normals
from r3d_cli.scene.model import Material, RawMesh, Texture

#: What a mesh without materials is made of: a light grey with a soft highlight.
DEFAULT_MATERIAL = Material(base_color=(0.64, 0.64, 0.64, 1.0), specular=(0.12, 0.12, 0.12), shininess=24.0)


#: Linear light of the sRGB codes 0, 0.5, 1, ... 255.
_HALF_CODES = srgb_to_linear(np.arange(511) / 510)


def pack_surface(
    mesh: RawMesh,
    view: NDArray[np.float32],  # (V, 3) the vertices in view space
    rotation: NDArray[np.floating],  # (3, 3) world to view, for row vectors
    *,
    want_normals: bool = True,
) -> Surface:
    """Pack a mesh for shading in view space; missing normals are computed."""
    looks = pack_looks(mesh)
    normals = faces_normals = None
    if want_normals and mesh.normals is not None:
        normals = np.ascontiguousarray(mesh.normals @ rotation, dtype=np.float32)
        faces_normals = looks.faces if mesh.faces_normals is None else _ids(mesh.faces_normals)
    elif want_normals:
        normals, faces_normals = compute_corner_normals(view, looks.faces)
    return looks._replace(verts=view, normals=normals, faces_normals=faces_normals)


def pack_looks(mesh: RawMesh) -> Surface:
    """What of a surface does not depend on the view; vertices and normals are None."""
    faces = _ids(mesh.faces)
    faces_uvs = None
    if mesh.uvs is not None:
        faces_uvs = faces if mesh.faces_uvs is None else _ids(mesh.faces_uvs)
    materials, faces_material = _used_materials(mesh)
    values, codes, texels, textures = _pack_materials(materials)
    return Surface(
        None, faces, None, None, _floats(mesh.uvs), faces_uvs, _floats(mesh.colors),
        faces_material, values, codes, texels, textures, _HALF_CODES.astype(np.float32),
    )  # fmt: skip


def _ids(array: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.ascontiguousarray(array, dtype=np.int64)


def _floats(array: NDArray[np.floating] | None) -> NDArray[np.float32] | None:
    return None if array is None else np.ascontiguousarray(array, dtype=np.float32)


def _used_materials(mesh: RawMesh) -> tuple[list[Material], NDArray[np.int32] | None]:
    """The mesh's materials and a default one after them, which faces without a material are given."""
    default = DEFAULT_MATERIAL
    if mesh.colors is not None:
        default = replace(default, base_color=(1.0, 1.0, 1.0, 1.0))
    materials = [_shown(material, mesh) for material in mesh.materials]
    if mesh.faces_material is None:
        return materials[:1] or [default], None
    without = mesh.faces_material < 0
    faces_material = np.where(without, np.int32(len(materials)), mesh.faces_material).astype(np.int32)
    return [*materials, default], faces_material


def _shown(material: Material, mesh: RawMesh) -> Material:
    """The material; one of which the file holds no more than a name does not darken colours of vertices."""
    if mesh.colors is None or material != Material(material.name):
        return material
    return replace(material, base_color=(1.0, 1.0, 1.0, 1.0))


def _pack_materials(
    materials: list[Material],
) -> tuple[NDArray[np.float32], NDArray[np.int32], NDArray[np.uint8], NDArray[np.int64]]:
    textures = _Textures()
    values = np.array(
        [[*m.base_color, *m.emissive, *m.specular, m.shininess, m.alpha_cutoff] for m in materials],
        np.float32,
    )
    codes = np.empty((len(materials), 4), np.int32)
    for row, m in zip(codes, materials, strict=True):
        base, emissive = textures.add(m.base_color_texture), textures.add(m.emissive_texture)
        row[:] = base, emissive, ALPHA_MODES.index(m.alpha_mode), m.unlit
    return values, codes, textures.texels(), textures.table()


class _Textures:
    """Textures by id; an image that several of them use is stored once."""

    def __init__(self) -> None:
        self._rows: list[list[int]] = []
        self._texels: list[NDArray[np.uint8]] = []
        self._size = 0
        self._images: dict[int, list[int]] = {}

    def add(self, texture: Texture | None) -> int:
        """The id of a texture, -1 for none."""
        if texture is None:
            return -1
        stored = self._images.get(id(texture.image))
        if stored is None:
            texels, levels = _all_levels(texture.image), len(_level_sides(texture.image))
            stored = [self._size, texture.image.shape[1], texture.image.shape[0], levels]
            self._images[id(texture.image)] = stored
            self._texels.append(texels)
            self._size += len(texels)
        u, v = texture.wrap
        row = [*stored, WRAPS.index(u), WRAPS.index(v), FILTERS.index(texture.filter)]
        if row not in self._rows:
            self._rows.append(row)
        return self._rows.index(row)

    def texels(self) -> NDArray[np.uint8]:  # (X, 4)
        if len(self._texels) == 1:
            return self._texels[0]
        return np.concatenate([np.empty((0, 4), np.uint8), *self._texels])

    def table(self) -> NDArray[np.int64]:  # (T, 7)
        return np.array(self._rows, np.int64).reshape(-1, 7)


def mip_levels(
    image: NDArray[np.uint8],
) -> list[NDArray[np.uint8]]:  # (H, W, C) -> [(H, W, 4), (H/2, W/2, 4) ...]
    """An image as RGBA and its halvings down to one texel, averaged in linear light.

    Sides halve rounding down, so that the last row or column of an odd side falls out.
    """
    sides = _level_sides(image)
    ends = np.cumsum([height * width for height, width in sides])
    levels = np.split(_all_levels(image), ends[:-1])
    return [level.reshape(*side, 4) for level, side in zip(levels, sides, strict=True)]


def _level_sides(image: NDArray[np.uint8]) -> list[tuple[int, int]]:
    """Height and width of the image and of its halvings."""
    sides = [(image.shape[0], image.shape[1])]
    while max(sides[-1]) > 1:
        height, width = sides[-1]
        sides.append((max(height // 2, 1), max(width // 2, 1)))
    return sides


def _all_levels(image: NDArray[np.uint8]) -> NDArray[np.uint8]:  # (X, 4)
    """The image's levels one behind another."""
    count = sum(height * width for height, width in _level_sides(image))
    texels = NumpyArrays().empty((count, 4), "uint8")
    native().mip_levels(np.ascontiguousarray(image), *_linear_codes(), texels)
    return texels


@lru_cache(maxsize=1)
def _linear_codes() -> tuple[NDArray[np.uint16], NDArray[np.uint8]]:
    """sRGB code -> linear light in 65535ths, and back to the nearest code."""
    decode = np.round(_HALF_CODES[::2] * 65535).astype(np.uint16)
    encode = np.searchsorted(_HALF_CODES[1::2] * 65535, np.arange(65536)).astype(np.uint8)
    return decode, encode
