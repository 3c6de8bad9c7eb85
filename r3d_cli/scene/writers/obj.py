"""Wavefront OBJ with its MTL and the pictures of its textures."""

from __future__ import annotations

import io
import itertools
from collections import Counter

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.color import linear_to_srgb
from r3d_cli.scene.model import NO_VERTICES, Material, RawMesh
from r3d_cli.scene.png import write_png
from r3d_cli.scene.writers.tabular import visible
from r3d_cli.scene.writers.text import format_rows


def encode_obj(mesh: RawMesh, stem: str, *, decimals: int | None = None) -> dict[str, bytes]:
    """The files of an OBJ by name: ``stem``.obj, and where there are materials ``stem``.mtl and pictures.

    Vertex colours follow the coordinates, as MeshLab writes them. Faces keep their order.
    """
    if not len(mesh.verts):
        return {f"{stem}.obj": NO_VERTICES}
    files: dict[str, bytes] = {}
    text = b""
    names = _unique_names(mesh.materials)
    if mesh.materials:
        library, pictures = _encode_materials(mesh.materials, names, stem)
        files = {f"{stem}.mtl": library, **pictures}
        text += f"mtllib {stem}.mtl\n".encode()
    verts = [mesh.verts]
    if mesh.colors is not None:
        verts.append(visible(mesh.colors))
    text += _rows("v", *verts, decimals=decimals)
    if mesh.uvs is not None:
        text += _rows("vt", mesh.uvs, decimals=decimals)
    if mesh.normals is not None:
        text += _rows("vn", mesh.normals, decimals=decimals)
    return {f"{stem}.obj": text + _encode_faces(mesh, names), **files}


def _rows(keyword: str, *tables: NDArray, decimals: int | None) -> bytes:
    numbers = " %" * sum(table.shape[1] for table in tables)
    return format_rows(f"{keyword}{numbers}\n", *tables, decimals=decimals)


def _encode_faces(mesh: RawMesh, names: list[str]) -> bytes:
    """Face lines in their order, in runs of one material and one form of corner."""
    uvs = None if mesh.uvs is None else _ids(mesh.faces_uvs, mesh.faces)
    normals = None if mesh.normals is None else _ids(mesh.faces_normals, mesh.faces)
    material = np.full(len(mesh.faces), -1) if mesh.faces_material is None else mesh.faces_material
    has_uvs = _complete(uvs, len(mesh.faces))
    has_normals = _complete(normals, len(mesh.faces))
    changes = np.zeros(len(mesh.faces), bool)
    for property in (material, has_uvs, has_normals):
        changes[1:] |= property[1:] != property[:-1]
    starts = np.concatenate([[0], changes.nonzero()[0], [len(mesh.faces)]])
    lines, current = [], -1
    for start, end in itertools.pairwise(starts):
        if start == end:
            continue
        if material[start] != current:
            current = material[start]
            lines.append(f"usemtl {names[current]}\n".encode())
        run = slice(start, end)
        columns = [mesh.faces[run]]
        corner = "%"
        if uvs is not None and has_uvs[start]:
            columns.append(uvs[run])
            corner += "/%"
        if normals is not None and has_normals[start]:
            columns.append(normals[run])
            corner += "/%" if len(columns) == 3 else "//%"
        ids = np.stack(columns, axis=2).reshape(-1, 3 * len(columns)) + 1
        lines.append(format_rows(f"f {corner} {corner} {corner}\n", ids))
    return b"".join(lines)


def _ids(ids: NDArray[np.int64] | None, faces: NDArray[np.int64]) -> NDArray[np.int64]:  # (F, 3)
    return faces if ids is None else ids


def _complete(ids: NDArray[np.int64] | None, num_faces: int) -> NDArray[np.bool_]:  # (F,)
    return np.zeros(num_faces, bool) if ids is None else np.min(ids, axis=1, initial=0) >= 0


def _unique_names(materials: list[Material]) -> list[str]:
    """Names of materials without line breaks and double blanks, none of them twice, and last that of none."""
    names = [" ".join(material.name.split()) for material in materials]
    counts = Counter([*names, "none"])
    return [
        name if name and counts[name] == 1 else f"material_{index}" for index, name in enumerate(names)
    ] + ["none"]


def _encode_materials(
    materials: list[Material], names: list[str], stem: str
) -> tuple[bytes, dict[str, bytes]]:
    lines: list[str] = []
    pictures: dict[str, bytes] = {}
    for index, (material, name) in enumerate(zip(materials, names, strict=False)):
        texture = material.base_color_texture
        display = linear_to_srgb(np.array(material.base_color[:3])).astype(np.float32)
        kd = material.statements.get("kd", display)
        lines.append(f"newmtl {name}")
        for key, default in (("Ka", (1.0, 1.0, 1.0)), ("Kd", kd), ("Ks", (0.0, 0.0, 0.0)), ("Ns", (10.0,))):
            values = np.array([material.statements.get(key.lower(), default)], np.float32)
            lines.append(format_rows(key + " %" * values.shape[1], values).decode())
        if material.base_color[3] < 1:
            lines.append(f"d {material.base_color[3]:.9g}")
        if texture is not None:
            picture = f"{stem}.png" if not pictures else f"{stem}_{index}.png"
            pictures[picture] = encode_png(texture.image)
            clamp = "-clamp on " if "clamp" in texture.wrap else ""
            lines.append(f"map_Kd {clamp}{picture}")
        lines.append("")
    return "\n".join(lines).encode(), pictures


def encode_png(image: NDArray[np.uint8]) -> bytes:  # (H, W, 3 or 4)
    stream = io.BytesIO()
    write_png(stream, image)
    return stream.getvalue()
