"""Wavefront OBJ with its MTL materials."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from r3d_cli.scene.model import Material, MeshError, NotDrawn, RawMesh
from r3d_cli.scene.readers.mtl_names import MtlMap, library_names
from r3d_cli.scene.readers.native import read_arrays
from r3d_cli.scene.readers.obj_materials import read_materials
from r3d_cli.scene.readers.source import Source, decode


def read_obj(source: Source) -> RawMesh:
    mesh, arrays = read_arrays(source, "obj")
    names = arrays["materials"]
    read = False
    defined: dict[str, Material] = {}
    maps: dict[str, MtlMap] = {}
    # Names that were quoted, commented or written in another case are found too.
    wanted = {reading for name in names for reading in _readings(name)} or None
    for line, text in arrays["libraries"] if source.textures else ():
        for name in library_names(decode(text), source.find):
            library = _open(source, name, line, mesh.warnings)
            if library is not None:
                read = True
                found = read_materials(library, wanted)
                defined |= found.materials
                maps |= found.maps
                mesh.warnings += found.warnings
    meant = {name: _meant(name, defined) for name in names}
    mesh.materials = [
        replace(defined[meant[name]], name=name) if meant[name] in defined else Material(name)
        for name in names
    ]
    unknown = [name for name in names if meant[name] not in defined]
    if read and unknown:
        mesh.warnings.append(f"{source.name}: no library defines the material '{unknown[0]}'; drawn in grey")
    if mesh.uvs is None and any(material.base_color_texture for material in mesh.materials):
        problem = "has no texture coordinates ('vt'); drawn without its textures"
        mesh.warnings.append(NotDrawn(f"{source.name}: {problem}"))
    for index, name in enumerate(names):
        if meant[name] in maps:
            place_texture(mesh, index, maps[meant[name]])
    return mesh


def _readings(name: str) -> list[str]:
    """What a usemtl statement may mean, the likeliest first."""
    return [name, name.partition(" #")[0].rstrip(), name.strip('"')]


def _meant(name: str, defined: dict[str, Material]) -> str:
    """The name in the library that a usemtl statement means; its own where there is none."""
    if name in defined:
        return name
    folded = {key.casefold(): key for key in defined}
    found = [folded[reading.casefold()] for reading in _readings(name) if reading.casefold() in folded]
    return found[0] if found else name


def _open(source: Source, name: str, line: int, warnings: list[str]) -> Source | None:
    path = source.find(name)
    try:
        if path is not None:
            return Source.open(path)
        problem = f"{source.name}:{line}: the material library '{name}' is not in '{source.folder}'"
        # The two were renamed together, which the name in the file does not follow.
        path = source.find(f"{Path(source.name).stem}.mtl")
        if path is not None:
            library = Source.open(path)
            warnings.append(f"{problem}; '{path.name}' taken instead")
            return library
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
