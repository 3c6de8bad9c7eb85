"""Mesh files to RawMesh: `read_mesh` knows the formats, by extension or by content."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.model import MeshError, RawMesh
from r3d_cli.scene.policy import LimitError, current
from r3d_cli.scene.readers.source import Source

# Names of formats are their extensions. The last three are trimesh's; 3mf and dae need packages of their own.
FORMATS = ("obj", "ply", "stl", "off", "glb", "gltf", "xyz", "3mf", "dae")

# What the first statement of an OBJ file may be.
_OBJ_KEYWORDS = {b"v", b"vn", b"vt", b"f", b"o", b"g", b"s", b"mtllib", b"usemtl"}

# float32 squares of coordinates beyond this are infinite.
_HUGE = 1e18


def read_mesh(
    path_or_bytes: str | os.PathLike[str] | bytes,
    format: str | None = None,
    *,
    name: str | None = None,
    folder: str | os.PathLike[str] | None = None,
    textures: bool = True,
    linear_colors: bool = True,
) -> RawMesh:
    """Read a mesh file.

    Polygons are triangulated, scenes flattened to one mesh, colours turned to linear light. What a mesh can
    do without (a missing texture, a face of two corners) becomes a line of ``RawMesh.warnings``. A file
    without faces, such as a point cloud, reads with F = 0.

    Args:
        path_or_bytes: a path, "-" for standard input, or the file's bytes.
        format: one of ``FORMATS``, or another that trimesh reads; by default told from the extension, else
            from the content.
        name: begins the messages instead of the path.
        folder: where materials and textures are looked for, if not beside the file.
        textures: whether to read material libraries and images.
        linear_colors: turn vertex colours to linear light; else they stay as the file stores them.

    Raises:
        MeshError: if the file cannot be read; one line, "path:line: what is wrong; what to do".

    Example:
        >>> mesh = read_mesh(b"v 0 0 0\\nv 1 0 0\\nv 1 1 0\\nv 0 1 0\\nf 1 2 3 4\\n", "obj")
        >>> mesh.faces.tolist()
        [[0, 1, 2], [0, 2, 3]]
    """
    source = Source.open(path_or_bytes)
    source = replace(
        source,
        name=name or source.name,
        folder=Path(folder) if folder else source.folder,
        textures=textures,
    )
    kind = _known(source, format) if format else detect_format(source, path_or_bytes)
    if not source.data:
        source.fail("is empty; fetch it again or export the mesh again")
    try:
        with np.errstate(all="ignore"):  # files may hold any number
            mesh = _reader(kind)(source)
        current().check_faces(len(mesh.faces))
    except LimitError as error:
        source.fail(str(error))
    except MemoryError:
        source.fail("needs more memory than there is; reduce the mesh")
    _warn_of_wild_coordinates(mesh, source)
    if linear_colors and mesh.display_colors and mesh.colors is not None:
        mesh.colors[:, :3] = srgb_to_linear(mesh.colors[:, :3])
        mesh.display_colors = False
    return mesh


def detect_format(source: Source, path_or_bytes: str | os.PathLike[str] | bytes) -> str:
    """The format by the path's extension; of files without one and of streams by the content."""
    if not isinstance(path_or_bytes, bytes):
        extension = os.path.splitext(os.fspath(path_or_bytes))[1]
        if extension:
            return _known(source, extension)
    start = source.data[:4096].removeprefix(b"\xef\xbb\xbf")
    for kind, pattern in (
        ("ply", rb"ply\s"),
        ("glb", rb"glTF"),
        ("gltf", rb"\s*\{"),
        ("stl", rb"\s*solid\b"),
    ):
        if re.match(pattern, start):
            return kind
    for line in start.splitlines():
        word = line.split(None, 1)[:1]
        if word and not word[0].startswith(b"#"):
            if re.fullmatch(rb"(ST)?C?N?4?n?OFF\d*", word[0]):
                return "off"
            if word[0] in _OBJ_KEYWORDS:
                return "obj"
            break
    facets = int.from_bytes(source.data[80:84], "little")
    if len(source.data) >= 84 and len(source.data) == 84 + 50 * facets:
        return "stl"
    source.fail(f"its format is not told by its name or content; name one of {', '.join(FORMATS)}")


def _known(source: Source, format: str) -> str:
    kind = format.lower().removeprefix(".")
    if kind not in FORMATS:
        from r3d_cli.scene.readers.via_trimesh import formats

        known = formats()
        if kind not in known:
            names = [*FORMATS, *(name for name in known if name not in FORMATS)]
            source.fail(
                f"'{kind}' is not a known mesh format; convert it to one of {', '.join(names)}, or name the "
                "one it is in (--format)"
            )
    return kind


def _reader(kind: str) -> Callable[[Source], RawMesh]:
    if kind == "obj":
        from r3d_cli.scene.readers.obj import read_obj

        return read_obj
    if kind in ("ply", "stl", "off"):
        from r3d_cli.scene.readers import native

        return {"ply": native.read_ply, "stl": native.read_stl, "off": native.read_off}[kind]
    if kind in ("glb", "gltf"):
        from r3d_cli.scene.readers.gltf import read_gltf

        return read_gltf
    from r3d_cli.scene.readers.via_trimesh import read_via_trimesh

    return lambda source: read_via_trimesh(source, kind)


def _warn_of_wild_coordinates(mesh: RawMesh, source: Source) -> None:
    if np.abs(mesh.verts).max(initial=0) <= _HUGE:  # false where anything is NaN
        return
    finite = np.isfinite(mesh.verts).all(axis=1)
    huge = finite & (np.abs(mesh.verts) > _HUGE).any(axis=1)
    for rows, what in ((~finite, "not finite"), (huge, f"beyond {_HUGE:g}")):
        if count := np.count_nonzero(rows):
            mesh.warnings.append(
                f"{source.name}: {count} of {len(finite)} vertices have coordinates that are {what}; "
                "faces with them may not be drawn"
            )


__all__ = ["FORMATS", "MeshError", "RawMesh", "read_mesh"]
