"""OBJ, PLY, STL and OFF, through the readers in `cuda_src/cpu/read_*.cpp`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.model import Material, MeshError, RawMesh, Texture
from r3d_cli.scene.normals import compute_face_normals
from r3d_cli.scene.readers.mtl import MtlMap, TextureLoader, read_materials
from r3d_cli.scene.readers.precision import compact
from r3d_cli.scene.readers.source import Source


def read_obj(source: Source) -> RawMesh:
    mesh, arrays = _read(source, "obj")
    materials: dict[str, Material] = {}
    maps: dict[str, MtlMap] = {}
    for line, text in arrays["libraries"]:
        for name in _library_names(source, text):
            path = source.find(name)
            library = None
            try:
                library = Source.open(path) if path else None
            except MeshError as error:
                mesh.warnings.append(f"{error}; drawn without it")
                continue
            if library is None:
                mesh.warnings.append(
                    f"{source.name}:{line}: the material library '{name}' is not in '{source.folder}'; "
                    "drawn without it"
                )
                continue
            found, found_maps, warnings = read_materials(library)
            materials |= found
            maps |= found_maps
            mesh.warnings += warnings
    mesh.materials = [materials.get(name, Material(name)) for name in arrays["materials"]]
    unknown = [name for name in arrays["materials"] if name not in materials]
    if materials and unknown:
        mesh.warnings.append(f"{source.name}: no library defines the material '{unknown[0]}'; drawn in grey")
    for index, name in enumerate(arrays["materials"]):
        if name in maps:
            place_texture(mesh, index, maps[name])
    return mesh


def read_ply(source: Source) -> RawMesh:
    mesh, arrays = _read(source, "ply")
    loader = TextureLoader(source)
    for name in arrays["textures"]:
        image = loader.image(name)
        texture = None if image is None else Texture(image)
        mesh.materials.append(Material(name, (1.0, 1.0, 1.0, 1.0), texture) if texture else Material(name))
    mesh.warnings += loader.warnings
    return mesh


def read_stl(source: Source) -> RawMesh:
    mesh, _ = _read(source, "stl")
    mesh.normals = unit_face_normals(mesh.verts, mesh.faces)
    mesh.faces_normals = np.repeat(np.arange(len(mesh.faces))[:, None], 3, axis=1)
    return mesh


def read_off(source: Source) -> RawMesh:
    return _read(source, "off")[0]


def _read(source: Source, kind: str) -> tuple[RawMesh, dict[str, Any]]:
    """The mesh without its materials, and everything the native reader found."""
    from r3d_cli import _native

    try:
        arrays = getattr(_native, f"read_{kind}")(source.data)
    except _native.ReadError as error:
        raise MeshError(f"{source.name}{error}") from None
    colors = arrays["colors"]
    if colors is not None:
        colors[:, :3] = srgb_to_linear(colors[:, :3])
    mesh = RawMesh(
        compact(arrays["verts"]),
        arrays["faces"],
        arrays["normals"],
        arrays["faces_normals"],
        arrays["uvs"],
        arrays["faces_uvs"],
        colors,
        faces_material=arrays["faces_material"],
        warnings=[f"{source.name}{warning}" for warning in arrays["warnings"]],
    )
    return mesh, arrays


def _library_names(source: Source, text: str) -> list[str]:
    """The files of an mtllib statement: one whose name holds blanks, or several."""
    if not text:
        return []
    return [text] if source.find(text) else text.split()


def unit_face_normals(
    verts: NDArray[np.floating],  # (V, 3)
    faces: NDArray[np.int64],  # (F, 3)
) -> NDArray[np.float32]:  # (F, 3)
    """Unit normals of faces, (0, 0, 0) where a face has no area."""
    with np.errstate(all="ignore"):
        normals = compute_face_normals(verts, faces)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return np.nan_to_num(normals, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)


def place_texture(mesh: RawMesh, material: int, placement: MtlMap) -> None:
    """Scale and shift the texture coordinates of one material's faces, which get copies of their own."""
    scale, offset = np.array(placement.scale, np.float32), np.array(placement.offset, np.float32)
    moves = (scale != 1).any() or (offset != 0).any()
    if not moves or mesh.uvs is None or mesh.faces_material is None:
        return
    if mesh.faces_uvs is None:
        mesh.faces_uvs = mesh.faces.copy()
    chosen = mesh.faces_material == material
    ids, inverse = np.unique(mesh.faces_uvs[chosen], return_inverse=True)
    moved = mesh.uvs[ids] * scale + offset
    renamed = np.where(ids < 0, -1, np.arange(len(ids)) + len(mesh.uvs))
    mesh.faces_uvs[chosen] = renamed[inverse].reshape(-1, 3)
    mesh.uvs = np.concatenate([mesh.uvs, moved])
