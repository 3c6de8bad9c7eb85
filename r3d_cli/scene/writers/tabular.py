"""PLY, OFF and STL: vertices and faces without materials."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.model import NO_VERTICES, RawMesh
from r3d_cli.scene.readers.native import unit_face_normals
from r3d_cli.scene.writers.text import format_rows

_PLY_TYPES = {"f4": "float", "f8": "double", "u1": "uchar", "i4": "int"}


def encode_ply(
    mesh: RawMesh, *, binary: bool = True, decimals: int | None = None, colors_as_uint8: bool = False
) -> bytes:
    """PLY (Turk 1994), little endian where binary; vertices may have normals and colours."""
    columns: list[tuple[str, NDArray]] = [("x y z", _real(mesh.verts))]
    if mesh.normals is not None and mesh.faces_normals is None:
        columns.append(("nx ny nz", mesh.normals.astype(np.float32)))
    if mesh.colors is not None:
        colors = visible(mesh.colors)
        names = "red green blue alpha" if colors.shape[1] == 4 else "red green blue"
        columns.append((names, to_bytes(colors) if colors_as_uint8 else colors))
    vertex = [(name, values.dtype.str[1:]) for names, values in columns for name in names.split()]
    header = ["ply", f"format {'binary_little_endian' if binary else 'ascii'} 1.0", "comment written by r3d"]
    header += [f"element vertex {len(mesh.verts)}"]
    header += [f"property {_PLY_TYPES[kind]} {name}" for name, kind in vertex]
    header += [f"element face {len(mesh.faces)}", "property list uchar int vertex_indices", "end_header", ""]
    body = _binary_ply(mesh, vertex, columns) if binary else _text_ply(mesh, columns, decimals)
    return "\n".join(header).encode() + body


def _binary_ply(mesh: RawMesh, vertex: list[tuple[str, str]], columns: list[tuple[str, NDArray]]) -> bytes:
    verts = np.empty(len(mesh.verts), [(name, f"<{kind}") for name, kind in vertex])
    for names, values in columns:
        for index, name in enumerate(names.split()):
            verts[name] = values[:, index]
    faces = np.empty(len(mesh.faces), [("count", "u1"), ("ids", "<i4", 3)])
    faces["count"], faces["ids"] = 3, mesh.faces
    return verts.tobytes() + faces.tobytes()


def _text_ply(mesh: RawMesh, columns: list[tuple[str, NDArray]], decimals: int | None) -> bytes:
    tables = [values for _, values in columns]
    return _rows(tables, decimals) + format_rows("3 % % %\n", mesh.faces)


def encode_off(mesh: RawMesh, *, decimals: int | None = None) -> bytes:
    """OFF (Geomview); COFF with four numbers in [0, 1] a vertex where there are colours.

    Colours of faces follow their vertices: as bytes where they are some, else in [0, 1].
    """
    magic, tables = "OFF", [_real(mesh.verts)]
    if mesh.colors is not None:
        magic = "COFF"
        tables.append(mesh.colors)
    header = f"{magic}\n{len(mesh.verts)} {len(mesh.faces)} 0\n".encode()
    if mesh.face_colors is None:
        return header + _rows(tables, decimals) + format_rows("3 % % %\n", mesh.faces)
    colors: NDArray = visible(mesh.face_colors)
    whole = to_bytes(colors)
    # Readers tell bytes by their not being 0 and 1 alone.
    if np.abs(colors * 255 - whole).max(initial=0) < 1e-4 and whole.max(initial=0) > 1:
        colors = whole
    faces = format_rows(f"3 % % %{' %' * colors.shape[1]}\n", mesh.faces, colors, decimals=decimals)
    return header + _rows(tables, decimals) + faces


def encode_xyz(mesh: RawMesh, *, decimals: int | None = None) -> bytes:
    """Points without faces: a line each, x y z and the colour in bytes."""
    if not len(mesh.verts):
        return NO_VERTICES
    tables: list[NDArray] = [_real(mesh.verts)]
    if mesh.colors is not None:
        tables.append(to_bytes(mesh.colors[:, :3]))
    return _rows(tables, decimals)


def encode_stl(mesh: RawMesh, *, binary: bool = True, decimals: int | None = None) -> bytes:
    """STL: the triangles' corners (float32 where binary) and normals."""
    corners = mesh.verts[mesh.faces].reshape(-1, 9)
    normals = unit_face_normals(mesh.verts, mesh.faces)
    if binary:
        facets = np.zeros(
            len(mesh.faces), [("normal", "<f4", 3), ("corners", "<f4", 9), ("attributes", "<u2")]
        )
        facets["normal"], facets["corners"] = normals, corners
        return b"written by r3d".ljust(80) + len(facets).to_bytes(4, "little") + facets.tobytes()
    vertex = "  vertex % % %\n"
    facet = f"facet normal % % %\n outer loop\n{vertex * 3} endloop\nendfacet\n"
    return b"solid r3d\n" + format_rows(facet, normals, _real(corners), decimals=decimals) + b"endsolid r3d\n"


def visible(colors: NDArray[np.float32]) -> NDArray[np.float32]:  # (V, 4) -> (V, 3 or 4)
    """Colours without their alpha where all of them are opaque."""
    return colors if (colors[:, 3] != 1).any() else colors[:, :3]


def to_bytes(colors: NDArray[np.floating]) -> NDArray[np.uint8]:
    """Values in [0, 1] as the nearest of 256; what lies outside goes to its end."""
    return (np.nan_to_num(colors).clip(0, 1) * 255).round().astype(np.uint8)


def _real(values: NDArray[np.floating]) -> NDArray[np.floating]:
    return values if values.dtype == np.float64 else values.astype(np.float32)


def _rows(tables: list[NDArray], decimals: int | None) -> bytes:
    pattern = " ".join("%" * sum(table.shape[1] for table in tables)) + "\n"
    return format_rows(pattern, *tables, decimals=decimals)
