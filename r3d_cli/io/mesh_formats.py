"""The formats of meshes that `IO` knows by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch

from r3d_cli.io.atlas import check_atlas
from r3d_cli.io.file_format import FileFormat, check_no_options
from r3d_cli.io.files import read_raw
from r3d_cli.io.interpreters import MeshFormatInterpreter
from r3d_cli.io.meshes import from_mesh, to_meshes
from r3d_cli.io.streams import shown
from r3d_cli.scene.model import RawMesh
from r3d_cli.scene.writers.gltf import encode_gltf
from r3d_cli.scene.writers.obj import encode_obj
from r3d_cli.scene.writers.tabular import encode_off, encode_ply, encode_stl
from r3d_cli.structures import Meshes

READ, SAVE = "load_mesh", "save_mesh"


class MeshFileFormat(FileFormat, MeshFormatInterpreter):
    """A format that `scene.readers` reads and `scene.writers` writes.

    Attributes:
        holds: Which of "colors", "maps" and "normals" a file of it can hold.
    """

    holds: ClassVar[tuple[str, ...]] = ("colors", "maps", "normals")

    def read_raw(self, path: Any, path_manager: Any, textures: bool, **options: Any) -> RawMesh:
        """What a file of this format holds."""
        check_no_options(READ, options)
        return read_raw(READ, "path", path, self.known_suffixes[0], path_manager, textures=textures)

    def read(
        self,
        path: Any,
        include_textures: bool,
        device: torch.device | str,
        path_manager: Any,
        *,
        dtype: torch.dtype = torch.float32,
        alpha: bool = False,
        create_texture_atlas: bool = False,
        texture_atlas_size: int = 4,
        texture_wrap: str | None = "repeat",
        **options: Any,
    ) -> Meshes | None:
        if not self.takes(path, "read"):
            return None
        check_atlas(READ, texture_atlas_size, texture_wrap)
        return to_meshes(
            READ,
            [self.read_raw(path, path_manager, include_textures, **options)],
            device,
            include_textures=include_textures,
            include_normals=True,
            atlas=(texture_atlas_size, texture_wrap) if create_texture_atlas else None,
            alpha=alpha,
            dtype=dtype,
        )

    def save(
        self,
        data: Meshes,
        path: Any,
        path_manager: Any,
        include_textures: bool,
        binary: bool | None,
        *,
        decimal_places: int | None = None,
        **options: Any,
    ) -> bool:
        if not self.takes(path, "write"):
            return False
        raw = from_mesh(f"{SAVE}: {shown(path)}", data, include_textures, self.holds)
        self.write_raw(SAVE, raw, path, path_manager, binary, decimal_places, options)
        return True


class MeshObjFormat(MeshFileFormat):
    """Wavefront OBJ with MTL and pictures; vertex colours as MeshLab writes them."""

    known_suffixes = (".obj",)

    def encode(self, raw: RawMesh, path: Path, *, binary: bool, decimals: int | None) -> dict[str, bytes]:
        return encode_obj(raw, path.stem, decimals=decimals)


class MeshPlyFormat(MeshFileFormat):
    """PLY, binary by default; colours as floats unless ``colors_as_uint8``."""

    known_suffixes = (".ply",)
    holds = ("colors", "normals")
    binary_forms = (True, False)
    save_options = ("colors_as_uint8",)

    def encode(
        self,
        raw: RawMesh,
        path: Path,
        *,
        binary: bool,
        decimals: int | None,
        colors_as_uint8: bool = False,
    ) -> dict[str, bytes]:
        return {path.name: encode_ply(raw, binary=binary, decimals=decimals, colors_as_uint8=colors_as_uint8)}


class MeshOffFormat(MeshFileFormat):
    """OFF, text. Colours of vertices, or of faces as a TexturesAtlas of one texel each."""

    known_suffixes = (".off",)
    holds = ("colors", "face_colors")

    def encode(self, raw: RawMesh, path: Path, *, binary: bool, decimals: int | None) -> dict[str, bytes]:
        return {path.name: encode_off(raw, decimals=decimals)}


class MeshStlFormat(MeshFileFormat):
    """STL, binary by default. Its triangles share no vertices: equal ones are joined when it is read."""

    known_suffixes = (".stl",)
    holds = ()
    binary_forms = (True, False)

    def read_raw(
        self, path: Any, path_manager: Any, textures: bool, *, merge_vertices: bool = True, **options: Any
    ) -> RawMesh:
        raw = super().read_raw(path, path_manager, textures, **options)
        return merge_equal_vertices(raw) if merge_vertices else raw

    def encode(self, raw: RawMesh, path: Path, *, binary: bool, decimals: int | None) -> dict[str, bytes]:
        return {path.name: encode_stl(raw, binary=binary, decimals=decimals)}


def merge_equal_vertices(raw: RawMesh) -> RawMesh:
    """The faces over vertices none of which are equal, in the order of their first appearance."""
    order = np.lexsort(raw.verts.T)  # equal ones stay in their order: the first of a run is the first of all
    in_order = raw.verts[order]
    begins = np.ones(len(order), bool)
    begins[1:] = (in_order[1:] != in_order[:-1]).any(axis=1)
    first = np.empty_like(order)
    first[order] = order[begins][np.cumsum(begins) - 1]
    kept = np.unique(first)
    return RawMesh(raw.verts[kept], np.searchsorted(kept, first)[raw.faces], warnings=raw.warnings)


class MeshGlbFormat(MeshFileFormat):
    """Binary glTF 2.0."""

    known_suffixes = (".glb",)
    binary_forms = (True,)

    def encode(self, raw: RawMesh, path: Path, *, binary: bool, decimals: int | None) -> dict[str, bytes]:
        return {path.name: encode_gltf(raw, binary=binary)}


class MeshGltfFormat(MeshGlbFormat):
    """glTF 2.0 as JSON; written with all data within the file itself."""

    known_suffixes = (".gltf",)
    binary_forms = (False,)


#: Registered by default.
MESH_FORMATS = (MeshObjFormat, MeshPlyFormat, MeshOffFormat, MeshStlFormat, MeshGlbFormat, MeshGltfFormat)
