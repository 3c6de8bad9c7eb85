"""Textures of meshes as the fused kernels take them: packed texels, and where each face finds its own."""

from __future__ import annotations

from typing import Any

import torch

from r3d_cli.ops.soft_phong import PackedTexture
from r3d_cli.renderer.textures.atlas import TexturesAtlas
from r3d_cli.renderer.textures.base import stored_once
from r3d_cli.renderer.textures.uv import TexturesUV
from r3d_cli.renderer.textures.vertex import TexturesVertex


def packed_texture(meshes: Any) -> PackedTexture | None:
    """The textures of meshes, each stored once however many meshes share it; None for kinds that are looked
    up in another way: subclasses, other numbers of channels than three, mip-mapped maps."""
    textures = meshes.fitting_textures()
    pack = _PACK.get(type(textures))
    packed = None if pack is None else pack(textures, meshes)
    return packed if packed is not None and packed.texels.shape[-1] == 3 else None


def _vertex(textures: TexturesVertex, meshes: Any) -> PackedTexture:
    (features,), shift = stored_once(textures._features.ragged)
    ids = meshes.faces_packed()
    if shift is not None:
        ids = ids + shift[meshes.faces_packed_to_mesh_idx()][:, None]
    return PackedTexture(features.packed_anew(), ids)


def _uv(textures: TexturesUV, meshes: Any) -> PackedTexture | None:
    if textures.sampling_mode not in ("bilinear", "nearest"):
        return None
    stored, store = textures._stored, textures.texel_maps
    corners, which = stored.corners, None
    if stored.shift is not None or len(store) > 1:
        of_faces = meshes.faces_packed_to_mesh_idx()
        rows = stored.rows(torch.arange(len(of_faces), device=of_faces.device), of_faces)
        corners, which = corners[rows], textures._map_of(of_faces, rows)
    return PackedTexture(
        store.texels,
        corners,
        stored.verts_uvs.packed_anew(),
        store.table,
        which,
        "maps",
        padding_mode=textures.padding_mode,
        align_corners=textures.align_corners,
        bilinear=textures.sampling_mode == "bilinear",
    )


def _atlas(textures: TexturesAtlas, meshes: Any) -> PackedTexture:
    (once,), shift = stored_once(textures._atlas.ragged)
    sources = None
    if shift is not None:
        of_faces = meshes.faces_packed_to_mesh_idx()
        sources = torch.arange(len(of_faces), device=of_faces.device) + shift[of_faces]
    atlas = once.packed_anew()
    return PackedTexture(atlas.flatten(0, 2), faces_source=sources, kind="atlas", atlas_size=atlas.shape[1])


_PACK: dict[type, Any] = {TexturesVertex: _vertex, TexturesUV: _uv, TexturesAtlas: _atlas}
