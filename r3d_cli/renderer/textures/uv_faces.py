"""Faces of `TexturesUV`: ids of coordinates and of maps, within each mesh and packed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from r3d_cli.checks import check_ids, check_same_device
from r3d_cli.renderer.textures.base import TextureRows
from r3d_cli.renderer.textures.mesh_maps import MeshMaps
from r3d_cli.structures.ragged import Ragged


@dataclass(frozen=True)
class StoredFaces:
    """The distinct faces of a batch (`stored_once`).

    Attributes:
        corners: Ids of packed coordinates, (T, 3).
        verts_uvs: The coordinates.
        maps_ids: Which of the mesh's maps each face wears, (T,), if there are several.
        shift: What to add to ids of a mesh's packed faces to find them here, (N,), if they differ.
    """

    corners: Tensor
    verts_uvs: Ragged
    maps_ids: Tensor | None
    shift: Tensor | None

    def rows(self, faces: Tensor, meshes: Tensor) -> Tensor:  # (P,), (P,) -> (P,)
        """Where packed faces of meshes are stored."""
        return faces if self.shift is None else faces + self.shift[meshes]


def packed_ids(faces: Ragged, verts: Ragged) -> Tensor:  # (F, 3)
    """Ids of packed coordinates, from ids of each mesh's, where negative ones count from the end."""
    meshes = faces.layout.packed_to_batch_idx
    first = verts.layout.first_idx[meshes][:, None]
    end = first + verts.layout.num_per_batch[meshes][:, None]
    return torch.where(faces.packed < 0, end, first) + faces.packed


def check_arguments(
    faces_uvs: TextureRows, verts_uvs: TextureRows, maps_ids: TextureRows | None, maps: MeshMaps
) -> None:
    """Raise unless the arguments of `TexturesUV` fit each other."""
    faces, verts = faces_uvs.ragged, verts_uvs.ragged
    counts = {"maps": len(maps.of_meshes), "faces_uvs": len(faces_uvs), "verts_uvs": len(verts_uvs)}
    if maps_ids is not None:
        counts["maps_ids"] = len(maps_ids)
    if len(set(counts.values())) > 1:
        held = ", ".join(f"{name} for {count}" for name, count in counts.items())
        raise ValueError(f"TexturesUV: all arguments must be for as many meshes, got {held}")
    if not len(faces_uvs):
        return
    ids = None if maps_ids is None else maps_ids.ragged
    check_same_device("TexturesUV", maps=maps.store.rows, faces_uvs=faces, verts_uvs=verts, maps_ids=ids)
    if ids is not None and ids.layout.lengths != faces.layout.lengths:
        raise ValueError(
            f"TexturesUV: maps_ids must hold an id a face: meshes have {list(faces.layout.lengths)} faces in "
            f"faces_uvs, but {list(ids.layout.lengths)} ids"
        )
    if faces.device.type != "cpu" or torch.compiler.is_compiling():  # to look waits for a GPU
        return
    lengths = verts.layout.lengths
    _check_ids_of_meshes("faces_uvs", faces, [-length for length in lengths], lengths, "verts_uvs")
    if maps_ids is not None and ids is not None:
        lowest = [0 if maps_ids.ends_known else -1] * len(maps_ids)  # -1 may pad
        _check_ids_of_meshes("maps_ids", ids, lowest, [len(worn) for worn in maps.of_meshes], "maps")


def _check_ids_of_meshes(
    name: str, ids: Ragged, lowest: Sequence[int], counts: Sequence[int], of: str
) -> None:
    """Raise an IndexError that names the first mesh with an id outside [lowest, count)."""
    for mesh, (of_mesh, least, count) in enumerate(zip(ids.list, lowest, counts, strict=True)):
        check_ids("TexturesUV", f"{name}[{mesh}]", of_mesh, count, f"{of}[{mesh}]", least)
