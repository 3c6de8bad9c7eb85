"""Wavefront OBJ with its MTL materials."""

from __future__ import annotations

import numpy as np

from r3d_cli.scene.model import Material, MeshError, RawMesh
from r3d_cli.scene.readers.mtl import MtlMap
from r3d_cli.scene.readers.native import read_arrays
from r3d_cli.scene.readers.obj_materials import read_materials
from r3d_cli.scene.readers.source import Source, decode


def read_obj(source: Source) -> RawMesh:
    mesh, arrays = read_arrays(source, "obj")
    defined: dict[str, Material] = {}
    maps: dict[str, MtlMap] = {}
    for line, text in arrays["libraries"] if source.textures else ():
        for name in _library_names(source, decode(text)):
            library = _open(source, name, line, mesh.warnings)
            if library is not None:
                materials, material_maps, warnings = read_materials(library)
                defined |= materials
                maps |= material_maps
                mesh.warnings += warnings
    names = arrays["materials"] or _only_material(mesh, defined, source.name)
    mesh.materials = [defined.get(name, Material(name)) for name in names]
    unknown = [name for name in names if name not in defined]
    if defined and unknown:
        mesh.warnings.append(f"{source.name}: no library defines the material '{unknown[0]}'; drawn in grey")
    for index, name in enumerate(names):
        if name in maps:
            place_texture(mesh, index, maps[name])
    return mesh


def _library_names(source: Source, text: str) -> list[str]:
    """The files of an mtllib statement: one whose name holds blanks, or several."""
    return [text] if text and source.find(text) else text.split()


def _open(source: Source, name: str, line: int, warnings: list[str]) -> Source | None:
    path = source.find(name)
    try:
        if path is not None:
            return Source.open(path)
        problem = f"{source.name}:{line}: the material library '{name}' is not in '{source.folder}'"
    except MeshError as error:
        problem = str(error)
    warnings.append(f"{problem}; drawn without it")
    return None


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


def _only_material(mesh: RawMesh, defined: dict[str, Material], name: str) -> list[str]:
    """Give all faces of a file that never says usemtl its library's material, where that holds only one."""
    if len(defined) == 1:
        mesh.faces_material = np.zeros(len(mesh.faces), np.int32)
        return list(defined)
    if defined:
        mesh.warnings.append(
            f"{name}: its library defines {len(defined)} materials and no usemtl says which is whose; read "
            "without them: name one in the file"
        )
    return []
