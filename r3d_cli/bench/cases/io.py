"""Loading mesh files: from the path to arrays of vertices and faces, and to the library's `Meshes`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from r3d_cli.bench.cases.render import mesh_path
from r3d_cli.bench.meshes import sphere, sphere_faces
from r3d_cli.bench.suite import Case, Place, Prepared, Selection, Suite, Unsupported
from r3d_cli.scene.readers import read_mesh

FORMATS = ("obj", "ply", "stl", "glb")

_SIZES = {
    "quick": (20_000,),
    "default": (10_000, 100_000, 1_000_000),
    "full": (1_000, 10_000, 100_000, 1_000_000),
}

#: Vertices (V, 3) and faces (F, 3): what every reader's result is turned into.
Soup: TypeAlias = "tuple[np.ndarray, np.ndarray]"


@dataclass(frozen=True)
class Inputs:
    path: Path
    faces: int | None  # of the sphere that was written; None: a file of --data
    as_meshes: bool = False  # ours into tensors, with textures; the peers as ever


def cases(selection: Selection) -> Iterator[Case]:
    for size in selection.sizes or _SIZES[selection.level]:
        for format in FORMATS:
            yield {"mesh": f"ico.{format}", "faces": sphere_faces(size), "into": "arrays"}
    for size in selection.sizes or _SIZES[selection.level]:
        yield {"mesh": "ico.obj", "faces": sphere_faces(size), "into": "Meshes"}
    for name in selection.files:
        yield {"mesh": name, "faces": None, "into": "arrays"}
        if name.lower().endswith(FORMATS):
            yield {"mesh": name, "faces": None, "into": "Meshes"}


def make_inputs(case: Case, place: Place) -> Inputs:
    faces = None if case["faces"] is None else int(case["faces"])
    return Inputs(mesh_path(case, place), faces, case["into"] == "Meshes")


def ours(inputs: Inputs) -> Prepared:
    if inputs.as_meshes:
        from r3d_cli.io import IO

        return Prepared(
            lambda: IO().load_mesh(inputs.path),
            lambda mesh: (mesh.verts_packed().numpy(), mesh.faces_packed().numpy()),
        )
    return Prepared(lambda: read_mesh(inputs.path), lambda mesh: (mesh.verts, mesh.faces))


def outcome(inputs: Inputs, result: Soup) -> dict[str, Any]:
    """The surface that was read, told by its size, its place and its area."""
    verts, faces = np.asarray(result[0], dtype=np.float64), np.asarray(result[1])
    if not len(faces):
        return {"faces": 0, "area": 0.0, "box": np.zeros(6)}
    corners = verts[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    area = np.linalg.norm(normals, axis=1).sum() / 2
    box = np.concatenate([corners.min((0, 1)), corners.max((0, 1))])
    return {"faces": len(faces), "area": area, "box": box}


def reference(inputs: Inputs) -> dict[str, Any]:
    """The sphere that was written; of other files, what trimesh reads.

    Raises:
        Unsupported: It reads no faces: a point cloud, or triangle strips.
    """
    if inputs.faces is not None:
        return outcome(inputs, sphere(inputs.faces))
    import trimesh

    mesh: Any = trimesh.load(inputs.path, force="mesh", process=False)
    if not len(getattr(mesh, "faces", ())):
        raise Unsupported
    return outcome(inputs, (mesh.vertices, mesh.faces))


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    if outcome["faces"] != expected["faces"]:
        return f"read {outcome['faces']} faces, not {expected['faces']}"
    size = np.linalg.norm(expected["box"][3:] - expected["box"][:3])
    if not np.allclose(outcome["box"], expected["box"], rtol=0, atol=1e-4 * size):
        return "the mesh has another bounding box"
    return "" if np.isclose(outcome["area"], expected["area"], rtol=1e-3) else "the mesh has another area"


suite = Suite(
    name="io",
    about="loading OBJ, PLY, STL and GLB files",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("trimesh", "open3d", "pytorch3d"),
    tiny={"mesh": "ico.obj", "faces": 80, "into": "Meshes"},
    devices=("cpu",),
)
