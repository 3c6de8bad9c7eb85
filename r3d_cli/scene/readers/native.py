"""PLY, STL and OFF, through the readers in `cuda_src/readers/read_*.cpp`; `obj` uses them too."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.color import linear_to_srgb
from r3d_cli.scene.model import Material, MeshError, NotDrawn, RawMesh, Texture
from r3d_cli.scene.normals import compute_face_normals
from r3d_cli.scene.readers.images import TextureLoader
from r3d_cli.scene.readers.precision import compact
from r3d_cli.scene.readers.source import Source, decode
from r3d_cli.scene.surface import DEFAULT_MATERIAL


def read_ply(source: Source) -> RawMesh:
    mesh, arrays = read_arrays(source, "ply")
    loader = TextureLoader(source)
    for name in arrays["textures"]:
        image = loader.image(name)
        texture = None if image is None else Texture(image)
        mesh.materials.append(Material(name, (1.0, 1.0, 1.0, 1.0), texture) if texture else Material(name))
    mesh.warnings += loader.warnings
    if mesh.uvs is not None and any(material.base_color_texture for material in mesh.materials):
        mesh.colors = mesh.face_colors = None  # the photographs are what they were taken from
    return mesh


def read_stl(source: Source) -> RawMesh:
    mesh, _ = read_arrays(source, "stl")
    mesh.normals = unit_face_normals(mesh.verts, mesh.faces)
    mesh.faces_normals = np.repeat(np.arange(len(mesh.faces))[:, None], 3, axis=1)
    mesh.up = "z"
    return mesh


def read_off(source: Source) -> RawMesh:
    return read_arrays(source, "off")[0]


def read_arrays(source: Source, kind: str) -> tuple[RawMesh, dict[str, Any]]:
    """The mesh without its materials, and everything the native reader found."""
    from r3d_cli import _native

    data = source.data
    if kind in ("obj", "off") and b"\n" not in data:  # lines may end as on the first Macintosh
        data = data.replace(b"\r", b"\n")
    try:
        arrays = getattr(_native, f"read_{kind}")(data)
    except _native.ReadError as error:
        raise MeshError(f"{source.name}{error}") from None
    for key in ("materials", "textures"):
        arrays[key] = [decode(name) for name in arrays[key]]
    mesh = RawMesh(
        compact(arrays["verts"]),
        arrays["faces"],
        arrays["normals"],
        arrays["faces_normals"],
        arrays["uvs"],
        arrays["faces_uvs"],
        arrays["colors"],
        arrays["face_colors"],
        faces_material=arrays["faces_material"],
        display_colors=True,
        warnings=[
            *(f"{source.name}{warning}" for warning in arrays["warnings"]),
            *(NotDrawn(f"{source.name}{warning}") for warning in arrays["not_drawn"]),
        ],
    )
    _choose_colors(mesh)
    return mesh, arrays


def _choose_colors(mesh: RawMesh) -> None:
    """Of colours of vertices and of faces those that tell more, the vertices' where both do."""
    if mesh.face_colors is None:
        return
    if mesh.colors is not None and len(mesh.colors) and (mesh.colors != mesh.colors[0]).any():
        mesh.face_colors = None
        return
    mesh.colors = None
    without = mesh.face_colors[:, 0] < 0
    mesh.face_colors[without] = (*linear_to_srgb(np.array(DEFAULT_MATERIAL.base_color[:3])), 1.0)


def unit_face_normals(
    verts: NDArray[np.floating],  # (V, 3)
    faces: NDArray[np.int64],  # (F, 3)
) -> NDArray[np.float32]:  # (F, 3)
    """Unit normals of faces, (0, 0, 0) where a face has no area."""
    with np.errstate(all="ignore"):
        normals = compute_face_normals(verts, faces)
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
    return np.nan_to_num(normals, nan=0.0, posinf=0.0, neginf=0.0).astype(np.float32)
