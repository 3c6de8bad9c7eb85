"""Edges of packed faces, and which of them bound each face."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from r3d_cli.backend.mesh_edges import mesh_edges
from r3d_cli.bench.arrays import as_numpy, as_torch
from r3d_cli.bench.cases.vertex_corners import Inputs, cases, differs, make_inputs
from r3d_cli.bench.suite import Suite


def ours(inputs: Inputs) -> Callable[[], Any]:
    return lambda: mesh_edges(inputs.faces, inputs.num_verts)


def outcome(inputs: Inputs, result: tuple[Any, Any]) -> dict[str, Any]:
    return {"edges": as_numpy(result[0]), "faces_to_edges": as_numpy(result[1])}


def reference(inputs: Inputs) -> dict[str, Any]:
    from r3d_cli.reference.mesh_edges import mesh_edges as slow

    return outcome(inputs, slow(as_torch(as_numpy(inputs.faces)), inputs.num_verts))


def work(inputs: Inputs) -> dict[str, float]:
    """The faces are read once; their edges, half as many again on a closed surface, are written once."""
    return {"bytes": float(inputs.faces.nbytes * 3)}


suite = Suite(
    name="mesh-edges",
    about="packed faces to unique sorted edges and each face's three of them",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("torch_naive", "trimesh", "pytorch3d"),
    tiny={"mesh": "ico", "faces": 80},
    work=work,
)
