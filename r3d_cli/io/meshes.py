"""Files' meshes as `Meshes`, and back: their textures are what the two differ in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from r3d_cli.io.atlas import atlas_to_map, bake_atlas
from r3d_cli.io.file_format import check_one
from r3d_cli.io.files import to_numpy, to_tensor, verts_tensor, warn
from r3d_cli.io.materials import (
    GREY,
    FaceMaterials,
    color_of,
    face_materials,
    image_of,
    is_known,
    map_of,
)
from r3d_cli.renderer import TexturesAtlas, TexturesUV, TexturesVertex
from r3d_cli.scene.model import RawMesh, Texture
from r3d_cli.structures import Meshes

#: Texture coordinates this far out of [0, 1] are a rounding, not a repetition.
_ROUNDING = 1e-4


def to_meshes(
    where: str,
    raws: Sequence[RawMesh],
    device: torch.device | str,
    *,
    include_textures: bool = True,
    include_normals: bool = False,
    atlas: tuple[int, str | None] | None = None,
    alpha: bool = False,
    dtype: torch.dtype = torch.float32,
) -> Meshes:
    """A batch of what the files hold.

    Args:
        where: The function for messages.
        raws: As `read_raw` returns them.
        device: Where the meshes go.
        include_textures: Textures of the kind that `texture_kind` tells, one kind for all.
        include_normals: Keep vertex normals, where all files have one a vertex.
        atlas: Size and wrap, for TexturesAtlas in the place of TexturesUV, and of none.
        alpha: Keep the alpha of vertex colours as a fourth channel.
        dtype: Of the vertices.
    """
    textures: Any = None
    if include_textures:
        textures = _textures(where, raws, atlas, alpha)
    if textures is None and atlas and raws:  # asked for by name, and then white
        textures = TexturesAtlas([bake_atlas(raw, *atlas) for raw in raws])
    normals = [raw.normals for raw in raws if raw.normals is not None and raw.faces_normals is None]
    meshes = Meshes(
        verts=[verts_tensor(where, raw, "cpu", dtype) for raw in raws],
        faces=[to_tensor(raw.faces) for raw in raws],
        textures=textures,
        verts_normals=[to_tensor(normal, dtype=dtype) for normal in normals]
        if include_normals and len(normals) == len(raws) > 0
        else None,
    )
    return meshes.to(device)


def texture_kind(raw: RawMesh) -> str | None:
    """What a file's faces look like: "uv" of images or materials, "vertex" or "face" colours, or None.

    Vertex colours come before the plain colours of materials, which exporters write by default.
    """
    used = [raw.materials[index] for index in np.unique(_material_ids(raw)) if index >= 0]
    if any(material.base_color_texture is not None for material in used):
        return "uv"
    if raw.colors is not None:
        return "vertex"
    if raw.face_colors is not None:
        return "face"
    return "uv" if any(is_known(material) for material in used) else None


def _material_ids(raw: RawMesh) -> Any:
    return () if raw.faces_material is None else raw.faces_material


def _textures(
    where: str, raws: Sequence[RawMesh], atlas: tuple[int, str | None] | None, alpha: bool
) -> TexturesAtlas | TexturesUV | TexturesVertex | None:
    kinds = {texture_kind(raw) for raw in raws} - {None}
    if len(kinds) > 1:
        raise ValueError(
            f"{where}: some files have materials and others vertex colours, which no batch holds together; "
            "load them apart, or without textures"
        )
    if kinds == {"vertex"}:
        channels = 4 if alpha else 3
        white = np.ones((1, 4), np.float32)
        colors = [
            np.repeat(white, len(raw.verts), axis=0) if raw.colors is None else raw.colors for raw in raws
        ]
        return TexturesVertex([to_tensor(color[:, :channels]) for color in colors])
    if kinds == {"face"}:
        colors = [raw.face_colors[:, : 4 if alpha else 3] for raw in raws if raw.face_colors is not None]
        return TexturesAtlas([to_tensor(color[:, None, None]) for color in colors])
    if kinds == {"uv"}:
        return TexturesAtlas([bake_atlas(raw, *atlas) for raw in raws]) if atlas else _textures_uv(raws)
    return None


def _textures_uv(raws: Sequence[RawMesh]) -> TexturesUV:
    meshes = [face_materials(raw) for raw in raws]
    maps = [_maps(faces) for faces in meshes]
    used = [
        (material.base_color_texture, faces.verts_uvs[faces.faces_uvs[faces.ids == index]])
        for faces in meshes
        for index, material in enumerate(faces.materials)
        if faces.textured[index] and material and material.base_color_texture
    ]
    repeat = any(texture.wrap != ("clamp", "clamp") and _leaves_unit_square(uvs) for texture, uvs in used)
    nearest = bool(used) and all(texture.filter == "nearest" for texture, _ in used)
    several = any(len(images) > 1 for images in maps)
    return TexturesUV(
        maps=maps if several else [image for (image,) in maps],
        faces_uvs=[to_tensor(faces.faces_uvs) for faces in meshes],
        verts_uvs=[to_tensor(faces.verts_uvs) for faces in meshes],
        maps_ids=[to_tensor(faces.ids) for faces in meshes] if several else None,
        padding_mode="repeat" if repeat else "border",
        sampling_mode="nearest" if nearest else "bilinear",
    )


def _maps(faces: FaceMaterials) -> list[Tensor]:
    """A map for each material, at least one; materials that share an image share its tensor."""
    images: list[Tensor] = []
    made: dict[tuple, Tensor] = {}
    for material, textured in zip(faces.materials, faces.textured, strict=True):
        texture = material.base_color_texture if material and textured else None
        if material is None or texture is None:
            images.append(torch.tensor(color_of(material), dtype=torch.float32).reshape(1, 1, 3))
            continue
        key = id(texture.image), material.base_color, bool(material.statements)
        if key not in made:
            made[key] = map_of(texture, material)
        images.append(made[key])
    return images or [torch.tensor(GREY).reshape(1, 1, 3)]


def from_mesh(
    where: str, data: Any, include_textures: bool, holds: Sequence[str] = ("colors", "maps", "normals")
) -> RawMesh:
    """A batch of one mesh as what a file of it holds.

    Args:
        where: Begins the messages.
        data: The mesh.
        include_textures: Whether to keep them.
        holds: What the file's format can hold; textures that it cannot are warned of.

    Raises:
        ValueError: Another number of meshes, or no Meshes.
    """
    check_one(where, data, Meshes, "mesh", "join_meshes_as_scene")
    raw = RawMesh(to_numpy(data.verts_list()[0]), to_numpy(data.faces_list()[0]), display_colors=True)
    if data.has_verts_normals() and "normals" in holds:
        raw.normals = to_numpy(data.verts_normals_list()[0].float())
    if include_textures and data.textures is not None:
        problem = _add_textures(raw, data.textures, holds)
        if problem:
            warn(f"{where}: {problem}; left out")
    return raw


def _add_textures(raw: RawMesh, textures: Any, holds: Sequence[str]) -> str:
    """Take over the textures; the problem where they cannot be."""
    kind = type(textures).__name__
    if hasattr(textures, "verts_features_list"):
        if "colors" not in holds:
            return f"files of this format hold no vertex colours ({kind})"
        return add_colors(raw, textures.verts_features_list()[0])
    if "face_colors" in holds and hasattr(textures, "atlas_list"):
        atlas = textures.atlas_list()[0]
        if atlas.shape[1] > 1:
            return (
                f"files of this format hold one colour a face, not {atlas.shape[1]} x {atlas.shape[1]} texels"
            )
        raw.face_colors, problem = _rgba(atlas[:, 0, 0])
        return problem
    if "maps" not in holds:
        return f"files of this format hold no texture maps ({kind})"
    if hasattr(textures, "verts_uvs_list"):
        _add_maps(raw, textures)
    elif hasattr(textures, "atlas_list"):
        image, uvs = atlas_to_map(textures.atlas_list()[0])
        raw.uvs, raw.faces_uvs = to_numpy(uvs), np.arange(3 * len(raw.faces)).reshape(-1, 3)
        raw.materials, raw.faces_material = [image_of(image, "mesh")], np.zeros(len(raw.faces), np.int32)
    else:
        return f"{kind} is none of r3d's textures"
    return ""


def add_colors(raw: RawMesh, features: Tensor) -> str:
    """Take over a feature vector (V, C) a vertex as its colour; the problem where it is none."""
    colors, problem = _rgba(features)
    raw.colors = raw.colors if colors is None else colors
    return problem


def _rgba(features: Tensor) -> tuple[NDArray[np.float32] | None, str]:
    """Colours (N, 4) of 3 or 4 channels, or None and the problem."""
    colors = to_numpy(features.float())
    if colors.ndim != 2 or colors.shape[1] not in (3, 4):
        return None, f"features of shape {tuple(colors.shape[1:])} are no colours of 3 or 4 channels"
    rgba = np.ones((len(colors), 4), np.float32)
    rgba[:, : colors.shape[1]] = colors
    return rgba, ""


def _add_maps(raw: RawMesh, textures: Any) -> None:
    raw.uvs = to_numpy(textures.verts_uvs_list()[0].float())
    raw.faces_uvs = to_numpy(textures.faces_uvs_list()[0]).astype(np.int64) % max(len(raw.uvs), 1)
    ids = textures.maps_ids_list()
    maps = textures.maps_list()[0]
    images = [maps] if ids is None else list(maps)
    raw.faces_material = np.zeros(len(raw.faces), np.int32)
    if ids is not None:
        raw.faces_material = to_numpy(ids[0]).clip(min=0).astype(np.int32)
    outside = _leaves_unit_square(raw.uvs)
    wrap = "clamp" if outside and textures.padding_mode == "border" else "repeat"
    for index, image in enumerate(images):
        material = image_of(image, "mesh" if len(images) == 1 else f"mesh_{index}")
        if material.base_color_texture is not None:
            filter = "nearest" if textures.sampling_mode == "nearest" else "linear"
            material.base_color_texture = Texture(material.base_color_texture.image, (wrap, wrap), filter)
        raw.materials.append(material)


def _leaves_unit_square(uvs: NDArray[np.float32]) -> bool:
    return bool(uvs.min(initial=0) < -_ROUNDING or uvs.max(initial=0) > 1 + _ROUNDING)
