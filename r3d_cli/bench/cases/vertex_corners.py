"""Adjacency of packed faces: which corners of which faces name each vertex."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from r3d_cli.backend.vertex_corners import vertex_corners
from r3d_cli.bench.arrays import as_numpy, as_torch, to_device
from r3d_cli.bench.meshes import batch, read_centered, sphere_faces
from r3d_cli.bench.suite import Case, Change, Place, Selection, Suite

BASE: Case = {"mesh": "ico", "faces": 100_000, "batch": 1, "ragged": False, "shuffled": False}

_VARIANTS: list[Change] = [
    {"faces": 20_000, "batch": 32, "ragged": True},
    {"faces": 640_000, "shuffled": True},
]
_LEVELS: dict[str, list[Change]] = {
    "quick": [{}, _VARIANTS[0]],
    "default": [*({"faces": faces} for faces in (10_000, 100_000, 640_000)), *_VARIANTS],
    "full": [*({"faces": faces} for faces in (1_000, 10_000, 100_000, 640_000, 10_000_000)), *_VARIANTS],
}


@dataclass(frozen=True)
class Inputs:
    """The packed faces of a batch, on the device."""

    faces: Any  # (F, 3) int64 into the packed vertices
    num_verts: int


def cases(selection: Selection) -> Iterator[Case]:
    chosen: list[Change] = [{"faces": size} for size in selection.sizes]
    for change in chosen or _LEVELS[selection.level]:
        case = {**BASE, **change}
        yield {**case, "faces": sphere_faces(int(case["faces"] or 0))}
    for name in selection.files:
        yield {**BASE, "mesh": name, "faces": None}


def make_inputs(case: Case, place: Place) -> Inputs:
    """Shuffled: faces and ids in no order, as unwelded scans may have them: nothing stays in the caches."""
    if case["mesh"] == "ico":
        meshes = batch(int(case["faces"] or 0), int(case["batch"] or 1), bool(case["ragged"]))
    else:
        assert place.data is not None
        meshes = [read_centered(place.data / str(case["mesh"]))]
    first = np.cumsum([0, *(len(mesh.verts) for mesh in meshes)])
    faces = np.concatenate([mesh.faces + start for mesh, start in zip(meshes, first, strict=False)])
    if case["shuffled"]:
        rng = np.random.default_rng(0)
        faces = rng.permutation(first[-1])[rng.permutation(faces)]
    return Inputs(to_device(place.device)(faces), int(first[-1]))


def ours(inputs: Inputs) -> Callable[[], Any]:
    return lambda: vertex_corners(inputs.faces, inputs.num_verts)


def outcome(inputs: Inputs, result: tuple[Any, Any]) -> dict[str, Any]:
    return {"first": as_numpy(result[0]), "corners": as_numpy(result[1])}


def reference(inputs: Inputs) -> dict[str, Any]:
    from r3d_cli.reference.vertex_corners import vertex_corners as slow

    return outcome(inputs, slow(as_torch(as_numpy(inputs.faces)), inputs.num_verts))


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    wrong = [name for name, array in expected.items() if not np.array_equal(outcome[name], array)]
    return f"{' and '.join(wrong)} differ" if wrong else ""


def work(inputs: Inputs) -> dict[str, float]:
    """The faces are read once, the lists written once."""
    return {"bytes": float(inputs.faces.nbytes + 4 * (inputs.num_verts + 1) + 12 * len(inputs.faces))}


suite = Suite(
    name="vertex-corners",
    about="packed faces to the corners that name each vertex",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("torch_naive",),
    tiny={"mesh": "ico", "faces": 80},
    work=work,
)
