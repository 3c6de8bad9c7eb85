"""The formats that trimesh reads beside our own: its scene, flattened."""

from __future__ import annotations

import io
import re
from typing import Any

import numpy as np

from r3d_cli.extras import pip_install
from r3d_cli.scene.color import srgb_to_linear
from r3d_cli.scene.model import Material, RawMesh, Texture
from r3d_cli.scene.readers.images import to_array
from r3d_cli.scene.readers.merge import Part, merge
from r3d_cli.scene.readers.source import Source

# What trimesh's readers of these formats import, by the names that pip knows.
_PACKAGES = {
    "3dxml": "lxml networkx",
    "ctm": "openctm",
    "dae": "pycollada",
    "step": "cascadio",
    "stp": "cascadio",
    "xaml": "lxml networkx",
    "zae": "pycollada",
}


_COLLADA_LOSSES = (
    (rb"<instance_controller\b", "skinned or morphed meshes"),
    (rb"<ph>", "polygons with holes"),
    (rb"<line(?:s|strips)\b", "lines"),
)

# Of printers and of CAD.
_Z_UP = "step", "stp"


def formats() -> list[str]:
    """The formats that trimesh has a reader for, those included whose packages are not installed."""
    import trimesh

    readers = getattr(trimesh.exchange.load, "mesh_loaders", None)
    return sorted(readers if readers is not None else trimesh.available_formats())


def read_via_trimesh(source: Source, kind: str) -> RawMesh:
    import trimesh

    try:
        scene = trimesh.load_scene(
            io.BytesIO(source.data),
            file_type=kind,
            resolver=_resolver(source),
            process=False,
        )
        parts = [
            _part(scene.geometry[name], transform)
            for transform, name in (scene.graph[node] for node in scene.graph.nodes_geometry)
        ]
    # A library's parsers raise whatever comes up on broken files.
    except Exception as error:
        reason = (str(error) or type(error).__name__).splitlines()[0]
        packages = None
        missing = isinstance(error, ImportError) or kind not in trimesh.available_formats()
        if kind in _PACKAGES and missing:
            packages = _PACKAGES[kind].split()
        elif isinstance(error, ImportError) and error.name:
            packages = [error.name.partition(".")[0].replace("_", "-")]
        if packages:
            mend = pip_install(extra="formats") if kind == "dae" else pip_install(*packages)
            source.fail(f"files of the format {kind} need more packages ({reason}); {mend}")
        source.fail(f"cannot be read as {kind} ({reason}); check that the file is complete")
    mesh = merge([part for part in parts if part is not None])
    if kind == "dae":
        mesh.warnings += _collada_losses(source, len(mesh.faces))
    mesh.display_colors = True
    mesh.up = up_axis(kind, source.data)
    return mesh


def _collada_losses(source: Source, num_faces: int) -> list[str]:
    """A warning of what trimesh passes over in a COLLADA file; where nothing is left, why."""
    lost = [what for pattern, what in _COLLADA_LOSSES if re.search(pattern, source.data)]
    if not num_faces:
        import collada

        errors = collada.Collada(io.BytesIO(source.data), ignore=[collada.common.DaeError]).errors
        lost += [" ".join(str(error).split()) for error in errors[:1]]
    return [f"{source.name}: lacks what is not read: {', '.join(lost)}"] if lost else []


def _resolver(source: Source) -> Any:
    """Finds the files that this one names as it does for every format."""
    from trimesh.resolvers import Resolver

    class Found(Resolver):  # type: ignore[misc,unused-ignore]
        def __init__(self) -> None: ...

        def get(self, name: str) -> bytes:
            path = source.find(name.strip())
            if path is None or not source.textures:
                raise FileNotFoundError(name)
            return path.read_bytes()

        def keys(self) -> list[str]:
            return []

        def write(self, name: str, data: Any) -> None:
            raise PermissionError(name)

        def namespaced(self, namespace: str) -> Any:
            return self

    return Found()


def up_axis(kind: str, data: bytes) -> str | None:
    """The axis that a format, or in COLLADA the file, says is up: "y", "z", or None where neither does.

    >>> up_axis("step", b""), up_axis("dae", b"<asset><up_axis>Z_UP</up_axis></asset>"), up_axis("xyz", b"")
    ('z', 'z', None)
    """
    if kind == "dae":
        found = re.search(rb"<up_axis>\s*([YZ])_UP\s*</up_axis>", data)
        return found[1].decode().lower() if found else "y"
    return "z" if kind in _Z_UP else None


def _part(geometry: Any, transform: Any) -> Part | None:
    if not hasattr(geometry, "vertices") or hasattr(geometry, "entities"):
        return None  # curves
    faces = np.asarray(getattr(geometry, "faces", np.zeros((0, 3))), np.int64)
    visual: Any = getattr(geometry, "visual", None)
    part = Part(np.asarray(geometry.vertices, np.float64), faces, transform=transform)
    if getattr(visual, "uv", None) is not None and len(visual.uv) == len(part.verts):
        part.uvs = np.asarray(visual.uv, np.float32)
    colors = getattr(geometry, "colors", None)  # of a point cloud
    if colors is None and getattr(visual, "kind", None) == "vertex":
        colors = visual.vertex_colors
    if colors is not None and len(colors) == len(part.verts) and len(colors):
        part.colors = np.asarray(colors, np.float32) / np.float32(255)
    material = getattr(visual, "material", None)
    if material is not None:
        part.material = _material(material)
    return part


def _material(found: Any) -> Material:
    simple = found.to_simple() if hasattr(found, "to_simple") else found
    material = Material(str(getattr(found, "name", "") or ""))
    image = getattr(simple, "image", None)
    if image is not None:
        material.base_color_texture = Texture(to_array(image, alpha=True))
    diffuse = np.asarray(simple.diffuse, np.float64) / 255
    r, g, b = srgb_to_linear(diffuse[:3]).tolist()
    material.base_color = (r, g, b, float(diffuse[3]) if len(diffuse) > 3 else 1.0)
    if material.base_color[3] < 1:
        material.alpha_mode = "blend"
    return material
