"""Materials of files as display colours and maps, the values that textures hold: as stored, sRGB."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from r3d_cli.scene.color import linear_to_srgb, srgb_to_linear
from r3d_cli.scene.model import Material, RawMesh, Texture
from r3d_cli.scene.writers.tabular import to_bytes

#: The colour of faces about which the file says nothing.
GREY = (0.5, 0.5, 0.5)


def color_of(material: Material | None) -> tuple[float, ...]:
    """A material's own colour, as an MTL file has it, or turned to a display value."""
    if material is None or not is_known(material):
        return GREY
    if "kd" in material.statements:
        return material.statements["kd"]
    return tuple(linear_to_srgb(np.array(material.base_color[:3])).tolist())


def is_known(material: Material) -> bool:
    """Whether the file says what the material looks like, instead of only naming it."""
    return bool(material.statements) or material != Material(material.name)


def map_of(texture: Texture, material: Material) -> Tensor:  # (H, W, 3)
    """The image of a material in [0, 1]. glTF's factor multiplies it, in linear light; MTL's Kd does not, as
    in PyTorch3D."""
    image = texture.image[..., :3]
    factor = material.base_color[:3]
    if material.statements or factor == (1, 1, 1):
        return torch.from_numpy(np.ascontiguousarray(image)).float().div_(255)
    lit = linear_to_srgb(srgb_to_linear(image.astype(np.float32) / 255) * np.array(factor, np.float32))
    return torch.from_numpy(lit)


def image_of(image: Tensor, name: str = "") -> Material:  # (H, W, 3 or 4) in [0, 1]
    """The material whose map this is; of a map of one texel only the colour, which keeps all its digits."""
    values = image.detach().float().cpu().numpy()
    if values.shape[:2] == (1, 1):
        kd = tuple(values[0, 0, :3].tolist())
        r, g, b = srgb_to_linear(np.array(kd)).tolist()
        return Material(name, (r, g, b, 1.0), statements={"kd": kd})
    white = 1.0, 1.0, 1.0
    return Material(name, (*white, 1.0), Texture(to_bytes(values)), statements={"kd": white})


class FaceMaterials(NamedTuple):
    """What lies on each face: a map of its own, or a colour."""

    materials: list[Material | None]  # None: the faces without one
    ids: NDArray[np.int64]  # (F,) ids into materials
    faces_uvs: NDArray[np.int64]  # (F, 3) ids into verts_uvs
    verts_uvs: NDArray[np.float32]  # (T, 2), at least one
    textured: list[bool]  # whether a material's map is used


def face_materials(raw: RawMesh) -> FaceMaterials:
    """The materials that faces use. Where a face has a textured material but lacks texture coordinates, a
    copy of the material without texture stands in."""
    num_faces = len(raw.faces)
    faces_uvs = np.zeros((num_faces, 3), np.int64)
    verts_uvs = np.zeros((1, 2), np.float32)
    has_uvs: NDArray = np.zeros(num_faces, bool)
    if raw.uvs is not None and len(raw.uvs):
        found = raw.faces if raw.faces_uvs is None else raw.faces_uvs
        has_uvs = np.min(found, axis=1, initial=0) >= 0
        faces_uvs, verts_uvs = np.where(has_uvs[:, None], found, 0), raw.uvs
    stored = np.full(num_faces, -1) if raw.faces_material is None else raw.faces_material
    has_map = np.array([material.base_color_texture is not None for material in raw.materials] + [False])
    textured = has_map[stored] & has_uvs
    # Material -1 is the last; textured faces and others of a material are told apart by the lowest bit.
    keys, ids = np.unique((stored % (len(raw.materials) + 1)) * 2 + textured, return_inverse=True)
    materials = [*raw.materials, None]
    return FaceMaterials(
        [materials[key // 2] for key in keys], ids, faces_uvs, verts_uvs, [bool(key % 2) for key in keys]
    )
