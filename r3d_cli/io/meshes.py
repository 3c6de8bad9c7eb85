"""Files' meshes as `Meshes`, and back: their textures are what the two differ in."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from r3d_cli.io.atlas import bake_atlas
from r3d_cli.io.files import to_numpy, to_tensor, verts_tensor
from r3d_cli.io.materials import color_of, face_materials, image_of, is_known, map_of
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
        atlas: Size and wrap, for TexturesAtlas in the place of TexturesUV.
        alpha: Keep the alpha of vertex colours as a fourth channel.
        dtype: Of the vertices.
    """
    textures = _textures(where, raws, atlas, alpha) if include_textures else None
    normals = [raw.normals for raw in raws if raw.normals is not None and raw.faces_normals is None]
    meshes = Meshes(
        verts=[verts_tensor(raw, "cpu", dtype) for raw in raws],
        faces=[to_tensor(raw.faces) for raw in raws],
        textures=textures,
        verts_normals=[to_tensor(normal, dtype=dtype) for normal in normals]
        if include_normals and len(normals) == len(raws) > 0
        else None,
    )
    return meshes.to(device)


def texture_kind(raw: RawMesh) -> str | None:
    """What a file's faces look like: "uv" of images or materials, "vertex" colours, or None.

    Vertex colours come before the plain colours of materials, which exporters write by default.
    """
    used = [raw.materials[index] for index in np.unique(_material_ids(raw)) if index >= 0]
    if any(material.base_color_texture is not None for material in used):
        return "uv"
    if raw.colors is not None:
        return "vertex"
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
    if kinds == {"uv"}:
        return TexturesAtlas([bake_atlas(raw, *atlas) for raw in raws]) if atlas else _textures_uv(raws)
    return None


def _textures_uv(raws: Sequence[RawMesh]) -> TexturesUV:
    maps, maps_ids, faces_uvs, verts_uvs, used = [], [], [], [], []
    leaves = False
    for raw in raws:
        faces = face_materials(raw)
        images = []
        for material, textured, index in zip(
            faces.materials, faces.textured, range(len(faces.ids)), strict=False
        ):
            texture = material.base_color_texture if material and textured else None
            if material is None or texture is None:
                images.append(torch.tensor(color_of(material), dtype=torch.float32).reshape(1, 1, 3))
                continue
            images.append(map_of(texture, material))
            used.append(texture)
            uvs = faces.verts_uvs[faces.faces_uvs[faces.ids == index]]
            outside = uvs.min(initial=0) < -_ROUNDING or uvs.max(initial=0) > 1 + _ROUNDING
            leaves |= bool(outside) and "repeat" in texture.wrap
        maps.append(images or [torch.full((1, 1, 3), 0.5)])
        maps_ids.append(torch.from_numpy(faces.ids))
        faces_uvs.append(to_tensor(faces.faces_uvs))
        verts_uvs.append(to_tensor(faces.verts_uvs))
    several = any(len(images) > 1 for images in maps)
    nearest = bool(used) and all(texture.filter == "nearest" for texture in used)
    return TexturesUV(
        maps=maps if several else [image for (image,) in maps],
        faces_uvs=faces_uvs,
        verts_uvs=verts_uvs,
        maps_ids=maps_ids if several else None,
        padding_mode="repeat" if leaves else "border",
        sampling_mode="nearest" if nearest else "bilinear",
    )


def from_mesh(where: str, data: Any, include_textures: bool) -> RawMesh:
    """A batch of one mesh as what a file of it holds.

    Raises:
        ValueError: Another number of meshes, or no Meshes.
    """
    if not isinstance(data, Meshes):
        raise ValueError(f"{where}: data must be Meshes, got {type(data).__name__}")
    if len(data) != 1:
        raise ValueError(
            f"{where}: data must be one mesh, got {len(data)}; save data[i], or join_meshes_as_scene(data)"
        )
    raw = RawMesh(to_numpy(data.verts_list()[0]), to_numpy(data.faces_list()[0]), display_colors=True)
    if data.has_verts_normals():
        raw.normals = to_numpy(data.verts_normals_list()[0].float())
    if include_textures and data.textures is not None:
        _add_textures(where, raw, data.textures)
    return raw


def _add_textures(where: str, raw: RawMesh, textures: Any) -> None:
    if hasattr(textures, "verts_features_list"):
        colors = to_numpy(textures.verts_features_list()[0].float())
        if colors.ndim != 2 or colors.shape[1] not in (3, 4):
            shape = tuple(colors.shape[1:])
            warnings.warn(
                f"{where}: vertex features of shape {shape} are no colours of 3 or 4 channels; left out",
                stacklevel=4,
            )
            return
        raw.colors = np.ones((len(colors), 4), np.float32)
        raw.colors[:, : colors.shape[1]] = colors
    elif hasattr(textures, "verts_uvs_list"):
        _add_maps(raw, textures)
    else:
        kind = type(textures).__name__
        warnings.warn(f"{where}: {kind} cannot be saved; left out", stacklevel=4)


def _add_maps(raw: RawMesh, textures: Any) -> None:
    raw.uvs = to_numpy(textures.verts_uvs_list()[0].float())
    raw.faces_uvs = to_numpy(textures.faces_uvs_list()[0])
    images = _images(textures.maps_list()[0])
    ids = textures.maps_ids_list()
    raw.faces_material = (
        np.zeros(len(raw.faces), np.int32) if ids is None else to_numpy(ids[0]).astype(np.int32)
    )
    outside = raw.uvs.min(initial=0) < -_ROUNDING or raw.uvs.max(initial=0) > 1 + _ROUNDING
    wrap = "clamp" if outside and textures.padding_mode == "border" else "repeat"
    for index, image in enumerate(images):
        material = image_of(image, "mesh" if len(images) == 1 else f"mesh_{index}")
        if material.base_color_texture is not None:
            filter = "nearest" if textures.sampling_mode == "nearest" else "linear"
            material.base_color_texture = Texture(material.base_color_texture.image, (wrap, wrap), filter)
        raw.materials.append(material)


def _images(maps: Tensor | Sequence[Tensor]) -> list[Tensor]:
    """One mesh's maps (H, W, C)."""
    if isinstance(maps, Tensor):
        return [maps] if maps.ndim == 3 else list(maps)
    return list(maps)
