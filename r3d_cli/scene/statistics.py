"""What a mesh file holds, in numbers: what ``r3d info`` says."""

from __future__ import annotations

import dataclasses
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.bounds import bounds, finite_rows
from r3d_cli.scene.model import Material, RawMesh, Texture
from r3d_cli.scene.normals import compute_face_normals
from r3d_cli.scene.readers import read_source
from r3d_cli.scene.readers.source import Source
from r3d_cli.scene.topology import Topology, merge_vertices, topology

_FACES = 2**16  # that are measured at a time


@dataclass(frozen=True)
class TextureInfo:
    """An image that materials look up."""

    width: int  # pixels
    height: int
    channels: int
    wrap: tuple[str, str]  # u, v
    filter: str


@dataclass(frozen=True)
class MaterialInfo:
    """A material, and how many faces have it."""

    name: str
    faces: int
    base_color: tuple[float, ...]  # linear light and alpha
    base_color_texture: int | None  # id in MeshInfo.textures
    emissive: tuple[float, ...]
    emissive_texture: int | None
    alpha_mode: str  # opaque | mask | blend
    alpha_cutoff: float | None  # of mask
    double_sided: bool
    unlit: bool


@dataclass(frozen=True)
class MeshInfo:
    """A mesh in numbers; lengths in the mesh's own units."""

    vertices: int
    faces: int  # triangles
    degenerate_faces: int  # of no area
    unused_vertices: int  # in no face
    bounds: tuple[list[float], list[float]] | None  # least and greatest of the finite vertices; None: none
    size: list[float] | None  # of the bounds
    area: float  # of the faces with finite corners
    volume: float | None  # where watertight; below 0 where the faces are inside out
    topology: Topology  # vertices at one position taken as one
    as_stored: Topology  # by the file's own vertices
    up: str | None  # the axis that the format points up: y, z; None: it has none
    normals: bool  # whether the file has them
    uvs: bool
    colors: bool  # of vertices
    face_colors: bool
    materials: list[MaterialInfo]
    textures: list[TextureInfo]
    warnings: list[str]


def mesh_info(mesh: RawMesh) -> MeshInfo:
    """Counts, measures, topology and materials of a mesh.

    Example:
        >>> corners = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float32)
        >>> info = mesh_info(RawMesh(corners, np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])))
        >>> info.topology.watertight, round(info.volume, 4), info.size
        (True, 0.1667, [1.0, 1.0, 1.0])
    """
    verts = mesh.verts.astype(np.float64)
    finite = finite_rows(verts)
    box = size = None
    if finite.any():
        low, high = bounds(verts[finite])
        box, size = (low.tolist(), high.tolist()), (high - low).tolist()
        verts -= (low + high) / 2  # far from the origin, differences of products lose digits
    measures = _measure(verts, mesh.faces, finite)

    merged = merge_vertices(mesh.verts)
    together = apart = topology(mesh.faces, len(verts))
    if (merged != np.arange(len(merged))).any():
        together = topology(merged[mesh.faces], len(verts))
    volume = None
    if together.watertight and measures.all_finite:
        volume = measures.volume
    used = np.zeros(len(verts), dtype=bool)
    used[mesh.faces.ravel()] = True

    textures = _unique_textures(mesh.materials)
    return MeshInfo(
        vertices=len(verts),
        faces=len(mesh.faces),
        degenerate_faces=measures.degenerate,
        unused_vertices=int(np.count_nonzero(~used)),
        bounds=box,
        size=size,
        area=measures.area,
        volume=volume,
        topology=together,
        as_stored=apart,
        up=mesh.up,
        normals=mesh.normals is not None,
        uvs=mesh.uvs is not None,
        colors=mesh.colors is not None,
        face_colors=mesh.face_colors is not None,
        materials=[
            _material_info(material, count, textures)
            for material, count in zip(mesh.materials, _faces_of_materials(mesh), strict=True)
        ],
        textures=[_texture_info(texture) for texture in textures],
        warnings=list(mesh.warnings),
    )


@dataclass(frozen=True)
class FileInfo:
    """A mesh file in numbers."""

    path: str
    format: str  # one of readers.FORMATS
    bytes: int  # of the file itself, without what it refers to
    mesh: MeshInfo

    def record(self) -> dict[str, Any]:
        """One flat JSON object: the merged topology at its top, the stored one under ``as_stored``.

        Numbers that JSON lacks (infinity) become None.
        """
        found = dataclasses.asdict(self)
        mesh = found.pop("mesh")
        merged, stored = mesh.pop("topology"), mesh.pop("as_stored")
        merged["merged_vertices"] = merged.pop("vertices")
        stored.pop("vertices")
        last = {name: mesh.pop(name) for name in ("materials", "textures", "warnings")}
        return _finite({**found, **mesh, **merged, "as_stored": stored, **last})


def file_info(path: str | os.PathLike[str], format: str | None = None) -> FileInfo:
    """Read a mesh file ("-": standard input) and say what it holds.

    Args:
        path: The file.
        format: One of ``readers.FORMATS``; by default told from the extension, else from the content.

    Raises:
        MeshError: The file cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.NamedTemporaryFile("w", suffix=".off") as file:
        ...     _ = file.write("OFF\\n3 1 0\\n0 0 0\\n1 0 0\\n0 1 0\\n3 0 1 2\\n")
        ...     file.flush()
        ...     found = file_info(file.name)
        >>> found.format, found.mesh.faces, found.record()["boundary_edges"]
        ('off', 1, 3)
    """
    source = Source.open(path)
    mesh = read_source(source, path, format)
    return FileInfo(source.name, mesh.format, len(source.data), mesh_info(mesh))


class _Measures(NamedTuple):
    area: float  # of the faces with finite corners
    volume: float  # that the faces enclose, if they do
    degenerate: int  # faces with finite corners and no area
    all_finite: bool


def _measure(
    verts: NDArray[np.float64],  # (V, 3)
    faces: NDArray[np.int64],  # (F, 3)
    finite: NDArray[np.bool_],  # (V,)
) -> _Measures:
    """In parts that stay in the processor's caches: arrays of all faces would take far longer to get."""
    areas, volumes = [0.0], [0.0]
    degenerate, all_finite = 0, True
    for start in range(0, len(faces), _FACES):
        part = faces[start : start + _FACES]
        a, b, c = part.T
        whole = finite[a] & finite[b] & finite[c]
        if not whole.all():
            all_finite, part = False, part[whole]
        with np.errstate(all="ignore"):  # coordinates may be next to infinite
            normals = compute_face_normals(verts, part)
            of_part = np.sqrt(np.einsum("ij,ij->i", normals, normals)) / 2
            areas.append(float(of_part.sum()))
            volumes.append(float((verts[part[:, 0]] * normals).sum() / 6))
        degenerate += int(np.count_nonzero(of_part == 0))
    return _Measures(float(np.sum(areas)), float(np.sum(volumes)), degenerate, all_finite)


def _faces_of_materials(mesh: RawMesh) -> list[int]:
    if mesh.faces_material is None:  # the first one has them all
        return [len(mesh.faces)] + [0] * (len(mesh.materials) - 1) if mesh.materials else []
    ids = mesh.faces_material[mesh.faces_material >= 0]
    return np.bincount(ids, minlength=len(mesh.materials)).tolist()


def _unique_textures(materials: Iterable[Material]) -> list[Texture]:
    """Each image once for each way to look it up."""
    found: dict[tuple[int, tuple[str, str], str], Texture] = {}
    for material in materials:
        for texture in (material.base_color_texture, material.emissive_texture):
            if texture is not None:
                found.setdefault(_key(texture), texture)
    return list(found.values())


def _key(texture: Texture) -> tuple[int, tuple[str, str], str]:
    return id(texture.image), texture.wrap, texture.filter


def _texture_info(texture: Texture) -> TextureInfo:
    height, width, channels = texture.image.shape
    return TextureInfo(width, height, channels, texture.wrap, texture.filter)


def _material_info(material: Material, faces: int, textures: list[Texture]) -> MaterialInfo:
    ids = {_key(texture): index for index, texture in enumerate(textures)}

    def id_of(texture: Texture | None) -> int | None:
        return None if texture is None else ids[_key(texture)]

    return MaterialInfo(
        name=material.name,
        faces=faces,
        base_color=tuple(float(value) for value in material.base_color),
        base_color_texture=id_of(material.base_color_texture),
        emissive=tuple(float(value) for value in material.emissive),
        emissive_texture=id_of(material.emissive_texture),
        alpha_mode=material.alpha_mode,
        alpha_cutoff=float(material.alpha_cutoff) if material.alpha_mode == "mask" else None,
        double_sided=material.double_sided,
        unlit=material.unlit,
    )


def _finite(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
