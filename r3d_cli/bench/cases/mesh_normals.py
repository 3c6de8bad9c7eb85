"""Vertex normals of a mesh whose topology is known, and their gradient."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from r3d_cli.backend.mesh_normals import vertex_normals_bwd, vertex_normals_fwd
from r3d_cli.bench.arrays import as_numpy, as_torch, to_device
from r3d_cli.bench.meshes import read_centered, sphere, sphere_faces
from r3d_cli.bench.suite import Case, Place, Selection, Suite, arrays_that_differ

_SIZES = {
    "quick": (20_000,),
    "default": (10_000, 100_000, 640_000),
    "full": (1_000, 10_000, 100_000, 640_000, 10_000_000),
}


@dataclass(frozen=True)
class Inputs:
    """Arrays are on the device."""

    verts: Any  # (V, 3) float32
    faces: Any  # (F, 3) int64
    first: Any  # (V + 1,) int32 where each vertex's corners begin
    corners: Any  # (3 F,) int32
    grad_normals: Any  # (V, 3) float32


def cases(selection: Selection) -> Iterator[Case]:
    for size in selection.sizes or _SIZES[selection.level]:
        yield {"mesh": "ico", "faces": sphere_faces(size)}
    for name in selection.files:
        yield {"mesh": name, "faces": None}


def make_inputs(case: Case, place: Place) -> Inputs:
    if case["mesh"] == "ico":
        verts, faces = sphere(int(case["faces"] or 0))
    else:
        assert place.data is not None
        verts, faces = read_centered(place.data / str(case["mesh"]))
    flat = faces.ravel()
    first = np.cumsum([0, *np.bincount(flat, minlength=len(verts))]).astype(np.int32)
    corners = np.argsort(flat, kind="stable").astype(np.int32)
    grad = np.random.default_rng(0).normal(size=verts.shape).astype(np.float32)
    put = to_device(place.device)
    return Inputs(put(verts), put(faces), put(first), put(corners), put(grad))


def ours(inputs: Inputs) -> Callable[[], Any]:
    mesh = (inputs.verts, inputs.faces, inputs.first, inputs.corners)

    def call() -> Any:
        normals, lengths = vertex_normals_fwd(*mesh)
        return normals, vertex_normals_bwd(*mesh, normals, lengths, inputs.grad_normals)

    return call


def outcome(inputs: Inputs, result: tuple[Any, Any]) -> dict[str, Any]:
    return {"normals": as_numpy(result[0]), "grad_verts": as_numpy(result[1])}


def reference(inputs: Inputs) -> dict[str, Any]:
    """In double precision."""
    from r3d_cli.reference.mesh_normals import vertex_normals

    verts, faces, grad = (as_torch(as_numpy(x)) for x in (inputs.verts, inputs.faces, inputs.grad_normals))
    verts = verts.double().requires_grad_()
    normals = vertex_normals(verts, faces)
    normals.backward(grad.double())
    return {"normals": normals.detach().numpy(), "grad_verts": verts.grad.numpy()}


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    return arrays_that_differ(outcome, expected, 1e-3, 1e-4)


def work(inputs: Inputs) -> dict[str, float]:
    """Mesh and lists are read in both directions; normals, lengths and gradients written once, read once."""
    mesh = sum(x.nbytes for x in (inputs.verts, inputs.faces, inputs.first, inputs.corners))
    return {"bytes": float(2 * mesh + 4 * inputs.verts.nbytes + 8 * len(inputs.verts))}


suite = Suite(
    name="mesh-normals",
    about="vertex normals and their gradient, forward and backward",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("torch_naive", "pytorch3d"),
    tiny={"mesh": "ico", "faces": 80},
    work=work,
)
