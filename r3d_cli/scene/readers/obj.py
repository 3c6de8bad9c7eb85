"""Wavefront OBJ with its MTL materials."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

import numpy as np

from r3d_cli.scene.model import Material, MeshError, NotDrawn, RawMesh
from r3d_cli.scene.readers.mtl_names import MtlMap, library_names, readings
from r3d_cli.scene.readers.native import read_arrays
from r3d_cli.scene.readers.obj_materials import read_materials
from r3d_cli.scene.readers.source import Source, decode


def read_obj(source: Source) -> RawMesh:
    mesh, arrays = read_arrays(source, "obj")
    names = arrays["materials"]
    defined: dict[str, Material] = {}
    maps: dict[str, MtlMap] = {}
    wanted = {reading for name in names for reading in readings(name)} or None
    libraries = _libraries(source, arrays["libraries"], mesh.warnings) if source.textures else []
    for library in libraries:
        found = read_materials(library, wanted, vertex_colors=mesh.colors is not None)
        defined |= found.materials
        maps |= found.maps
        mesh.warnings += found.warnings
    names = names or _only_material(mesh, defined, source.name)
    meant = _meant(names, defined)
    mesh.materials = [
        replace(defined[meant[name]], name=name) if meant[name] in defined else Material(name)
        for name in names
    ]
    unknown = [name for name in names if meant[name] not in defined]
    if libraries and unknown:
        mesh.warnings.append(f"{source.name}: no library defines the material '{unknown[0]}'; drawn in grey")
    if mesh.uvs is None and any(material.base_color_texture for material in mesh.materials):
        problem = "has no texture coordinates ('vt'); drawn without its textures"
        mesh.warnings.append(NotDrawn(f"{source.name}: {problem}"))
    _prefer_textures(mesh, source)
    for index, name in enumerate(names):
        if meant[name] in maps:
            place_texture(mesh, index, maps[meant[name]])
    return mesh


def _prefer_textures(mesh: RawMesh, source: Source) -> None:
    """Where a face has a texture, the colours of its vertices go: the two are versions of one thing."""
    if mesh.colors is None or mesh.uvs is None or mesh.faces_material is None:
        return
    has_texture = np.array([m.base_color_texture is not None for m in mesh.materials] + [False])
    textured = has_texture[mesh.faces_material]
    if mesh.faces_uvs is not None:
        textured &= (mesh.faces_uvs >= 0).all(axis=1)
    if textured.any() and (mesh.colors != mesh.colors[0]).any():
        problem = "colours of vertices are not drawn where there is a texture"
        mesh.warnings.append(NotDrawn(f"{source.name}: {problem}; take the mtllib line out to see them"))
    if textured.all():
        mesh.colors = None
    elif textured.any():
        mesh.colors[mesh.faces[textured].ravel()] = 1


def _meant(names: list[str], defined: Collection[str]) -> dict[str, str]:
    """The names in the libraries that those of usemtl statements mean; where there is none, their own."""
    others = {reading: key for key in defined for reading in readings(key)}
    meant = {}
    for name in names:
        found = [others[reading] for reading in readings(name) if reading in others]
        meant[name] = found[0] if found and name not in defined else name
    return meant


def _libraries(source: Source, statements: list[tuple[int, bytes]], warnings: list[str]) -> list[Source]:
    """The material libraries that a file names; the one of its own name where it has none of those."""
    libraries, problems = [], []
    for line, text in statements:
        for name in library_names(decode(text), source.find):
            path = source.find(name)
            try:
                if path is not None:
                    libraries.append(Source.open(path))
                    continue
                problem = f"{source.name}:{line}: the material library '{name}' is not in '{source.folder}'"
            except MeshError as error:
                problem = str(error)
            problems.append(problem)
    mend = "drawn without it"
    if problems and not libraries:  # mesh and library may have been renamed together
        path = source.find(f"{Path(source.name).stem}.mtl")
        try:
            libraries += [Source.open(path)] if path is not None else []
        except MeshError:  # it is one of those
            path = None
        mend = mend if path is None else f"'{path.name}' taken instead"
    warnings += [f"{problem}; {mend}" for problem in problems]
    return libraries


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
