"""trimesh: loading mesh files, and edges of faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from r3d_cli.bench.suite import Prepared

if TYPE_CHECKING:
    from r3d_cli.bench.cases.io import Inputs as Files
    from r3d_cli.bench.cases.vertex_corners import Inputs as Faces

NAME = "trimesh"
REQUIRES, INSTALL = "trimesh", "pip install trimesh"
DEVICES = ("cpu",)


def io(inputs: Files) -> Prepared:
    import trimesh

    return Prepared(
        lambda: trimesh.load(inputs.path, force="mesh", process=False),
        lambda mesh: (mesh.vertices, mesh.faces),
    )


def mesh_edges(inputs: Faces) -> Prepared:
    """Its edges come in an order of their own, a face's from its first vertex on."""
    import trimesh

    verts = np.zeros((inputs.num_verts, 3))

    def call() -> Any:  # on a new mesh, since a mesh keeps its edges
        mesh = trimesh.Trimesh(verts, inputs.faces, process=False, validate=False)
        return mesh.edges_unique, mesh.faces_unique_edges

    def in_our_order(result: Any) -> tuple[np.ndarray, np.ndarray]:
        edges, faces_to_edges = result
        order = np.lexsort((edges[:, 1], edges[:, 0]))
        rank = np.argsort(order)
        return edges[order], rank[faces_to_edges[:, [1, 2, 0]]]

    return Prepared(call, in_our_order)
