"""The colours that a PLY file gives to faces, read by trimesh: a material for each colour."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.model import Material, RawMesh
from r3d_cli.scene.readers.source import Source

# A mesh of segments or labels has fewer; each becomes a material.
_MOST = 4096

_HEADER = re.compile(rb"ply\s.*?\bend_header\b", re.DOTALL)
_OF_FACES = re.compile(rb"^element\s+face\b(.*?)(?=^element\b|^end_header\b)", re.DOTALL | re.MULTILINE)


def has_face_colors(data: bytes) -> bool:
    """Whether the header of a PLY file declares colours of faces."""
    header = _HEADER.match(data.replace(b"\r", b"\n") if b"\n" not in data[:100] else data)
    faces = _OF_FACES.search(header[0]) if header else None
    return faces is not None and all(
        re.search(rb"^property\s+\w+\s+(diffuse_)?%s\s*$" % name, faces[1], re.MULTILINE)
        for name in (b"red", b"green", b"blue")
    )


def add_face_colors(mesh: RawMesh, source: Source) -> None:
    """Give each face of a PLY file the colour that it has there, or warn of what stands against it."""
    colors = _read(source, mesh.faces)
    if colors is None:
        problem = "which are read of triangles only"
    else:
        kinds, ids = np.unique(colors, axis=0, return_inverse=True)
        if len(kinds) <= _MOST:
            mesh.materials = [_material(color) for color in kinds]
            mesh.faces_material = ids.reshape(-1).astype(np.int32)
            return
        problem = f"and of those more than the {_MOST} that are read"
    mesh.warnings.append(
        f"{source.name}: has colours of faces, {problem}; drawn without them: give its vertices colours"
    )


def _read(source: Source, faces: NDArray[np.int64]) -> NDArray[np.uint8] | None:  # (F, 4)
    import trimesh

    try:
        theirs: Any = trimesh.load_mesh(io.BytesIO(source.data), file_type="ply", process=False)
        same = theirs.visual.kind == "face" and np.array_equal(theirs.faces, faces)
        return np.asarray(theirs.visual.face_colors, np.uint8) if same else None
    except Exception:  # whatever its parser raises; the mesh itself has been read
        return None


def _material(color: NDArray[np.uint8]) -> Material:
    from r3d_cli.scene.surface import DEFAULT_MATERIAL

    r, g, b = srgb_to_linear(color[:3] / 255).tolist()
    return Material(
        "#" + "".join(f"{value:02x}" for value in color.tolist()),
        base_color=(r, g, b, color[3] / 255),
        specular=DEFAULT_MATERIAL.specular,
        shininess=DEFAULT_MATERIAL.shininess,
        alpha_mode="opaque" if color[3] == 255 else "blend",
    )
