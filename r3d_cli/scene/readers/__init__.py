"""Mesh files to RawMesh: `read_mesh` knows the formats, by extension or by content."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.model import NO_VERTICES, MeshError, RawMesh
from r3d_cli.scene.policy import LimitError, current
from r3d_cli.scene.readers.content import fault_of, is_whole_stl, told_format
from r3d_cli.scene.readers.converters import way_from
from r3d_cli.scene.readers.mend_normals import mend_normals
from r3d_cli.scene.readers.source import Source

# Names of formats are their extensions. xyz and dae are trimesh's; dae needs the extra [formats].
FORMATS = ("obj", "ply", "stl", "off", "glb", "gltf", "xyz", "3mf", "dae")

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
    return read_source(source, path_or_bytes, format, linear_colors=linear_colors)


def read_source(
    source: Source,
    path_or_bytes: str | os.PathLike[str] | bytes,
    format: str | None = None,
    *,
    linear_colors: bool = True,
) -> RawMesh:
    """`read_mesh` of a file that is open already."""
    if not source.data:
        source.fail("is empty; fetch it again or export the mesh again")
    if fault := fault_of(source.data):
        source.fail(fault)
    warning = None
    if format is None:
        kind, warning = detect_format(source, path_or_bytes)
    else:
        kind = _known(source, format)
    if kind in ("obj", "xyz") and source.data == NO_VERTICES:
        return RawMesh(np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64), format=kind)
    try:
        with np.errstate(all="ignore"):  # files may hold any number
            mesh = _reader(kind)(source)
        current().check_faces(len(mesh.faces))
    except LimitError as error:
        source.fail(str(error))
    except MemoryError:
        source.fail("needs more memory than there is; reduce the mesh")
    mesh.format = kind
    if warning:
        mesh.warnings.insert(0, warning)
    if kind != "stl":  # whose normals are those of the faces
        mend_normals(mesh)
    _warn_of_wild_coordinates(mesh, source)
    if linear_colors and mesh.display_colors:
        for colors in (mesh.colors, mesh.face_colors):
            if colors is not None:
                colors[:, :3] = srgb_to_linear(colors[:, :3])
        mesh.display_colors = False
    return mesh


def detect_format(source: Source, path_or_bytes: str | os.PathLike[str] | bytes) -> tuple[str, str | None]:
    """The format by the path's extension, unless the content is that of another; of files without one and of
    streams by the content. And a warning where the two differ."""
    told = told_format(source.data)
    extension = "" if isinstance(path_or_bytes, bytes) else _extension(os.fspath(path_or_bytes))
    if told is None and not extension:
        source.fail(f"its format is not told by its name or content; name one of {', '.join(FORMATS)}")
    if not extension or (told and told != extension and not _may_hold(extension, told, source.data)):
        kind = _known(source, str(told))
        return kind, f"{source.name}: is {kind} by its content, and is read as that" if extension else None
    return _known(source, extension), None


def _extension(path: str) -> str:
    """In lower case, without its dot; of packed files that of what is packed."""
    stem, extension = os.path.splitext(path.lower())
    return (os.path.splitext(stem)[1] if extension == ".gz" else extension).removeprefix(".")


def _may_hold(extension: str, told: str, data: bytes) -> bool:
    """Whether a file of the extension may look as if it were of the other format."""
    if extension == "stl":
        return is_whole_stl(data)
    return {extension, told} == {"glb", "gltf"} or (
        extension not in FORMATS and told in ("obj", "off", "gltf")
    )


def _known(source: Source, format: str) -> str:
    kind = format.lower().removeprefix(".")
    if kind in FORMATS:
        return kind
    if way := way_from(kind, source.name):
        source.fail(way)
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
    if kind == "3mf":
        from r3d_cli.scene.readers.threemf import read_3mf

        return read_3mf
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
