"""A ragged batch: built from lists, then packed, padded, with edges and normals, perhaps with gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from r3d_cli.bench.arrays import as_numpy
from r3d_cli.bench.meshes import sphere
from r3d_cli.bench.suite import Case, Place, Prepared, Selection, Suite

if TYPE_CHECKING:
    from torch import Tensor

SMALLEST = 1_000  # faces of a batch's smallest mesh; the others grow by one factor up to the largest

_SIZES = {"quick": (5_000,), "default": (5_000, 20_000), "full": (2_000, 5_000, 20_000, 50_000)}


@dataclass(frozen=True)
class Inputs:
    verts: list[Tensor]  # N of (V_i, 3) float32; leaves with gradients where they are asked for
    faces: list[Tensor]  # N of (F_i, 3) int64
    cotangent: Tensor | None  # (sum V_i, 3), of the normals; None: no gradients

    @property
    def places(self) -> list[tuple[int, int]]:
        """First and last row, exclusive, of each mesh's packed vertices."""
        ends = np.cumsum([len(verts) for verts in self.verts]).tolist()
        return list(zip([0, *ends[:-1]], ends, strict=True))


def cases(selection: Selection) -> Iterator[Case]:
    for size in selection.sizes or _SIZES[selection.level]:
        for backward in (False, True):
            yield {"meshes": 64, "faces": size, "backward": backward}


def make_inputs(case: Case, place: Place) -> Inputs:
    import torch

    largest, count = int(case["faces"] or 0), int(case["meshes"] or 0)
    sizes = np.geomspace(min(SMALLEST, largest), largest, count).round().astype(int).tolist()
    meshes = [sphere(size) for size in sizes]
    backward = bool(case["backward"])
    verts = [torch.from_numpy(mesh.verts).to(place.device, copy=True) for mesh in meshes]
    faces = [torch.from_numpy(mesh.faces).to(place.device) for mesh in meshes]
    generator = torch.Generator().manual_seed(0)
    cotangent = torch.randn(sum(map(len, verts)), 3, generator=generator).to(place.device)
    for leaf in verts:
        leaf.requires_grad_(backward)
    return Inputs(verts, faces, cotangent if backward else None)


def ours(inputs: Inputs) -> Prepared:
    from r3d_cli.structures import Meshes

    return views_of(Meshes, inputs)


def views_of(meshes_class: Any, inputs: Inputs) -> Prepared:
    """What is timed, with r3d's Meshes or PyTorch3D's."""
    import torch

    def call() -> dict[str, Tensor]:
        batch = meshes_class(inputs.verts, inputs.faces)
        views = {
            "verts_packed": batch.verts_packed(),
            "faces_packed": batch.faces_packed(),
            "verts_padded": batch.verts_padded(),
            "faces_padded": batch.faces_padded(),
            "edges": batch.edges_packed(),
            "normals": batch.verts_normals_packed(),
        }
        if inputs.cotangent is not None:
            gradients = torch.autograd.grad(views["normals"], inputs.verts, inputs.cotangent)
            views["grad_verts"] = torch.cat(gradients)
        return views

    return Prepared(call)


def outcome(inputs: Inputs, result: dict[str, Any]) -> dict[str, Any]:
    return {name: as_numpy(view) for name, view in result.items()}


def reference(inputs: Inputs) -> dict[str, Any]:
    """The loop over the meshes, in double precision."""
    from r3d_cli.bench.peers.torch_loop import loop

    verts = [leaf.detach().cpu().double().requires_grad_(leaf.requires_grad) for leaf in inputs.verts]
    cotangent = None if inputs.cotangent is None else inputs.cotangent.cpu().double()
    return outcome(inputs, loop(Inputs(verts, [faces.cpu() for faces in inputs.faces], cotangent)))


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    for name, want in expected.items():
        have = outcome[name]
        if have.shape != want.shape:
            return f"{name} has the shape {have.shape}, not {want.shape}"
        if have.dtype.kind == "i" and not np.array_equal(have, want):
            return f"{name} names other rows"
        # Gradients of normals grow as meshes get finer.
        if have.dtype.kind == "f" and not np.allclose(
            have, want, rtol=0, atol=1e-4 * max(1, np.abs(want).max())
        ):
            return f"{name} is off by up to {np.abs(have - want).max():.1e}"
    return ""


def work(inputs: Inputs) -> dict[str, float]:
    """Vertices and faces are read once; packed, padded, edges and normals are written once."""
    verts, faces = ([len(part) for part in parts] for parts in (inputs.verts, inputs.faces))
    rows = 12 * (sum(verts) * 3 + len(verts) * max(verts))
    ids = 24 * (sum(faces) * 2 + len(faces) * max(faces)) + 16 * sum(faces) * 3 / 2
    return {"bytes": rows + ids}


suite = Suite(
    name="meshes",
    about="a ragged batch of 64 meshes: packed, padded, edges, normals, and their gradients",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("torch_loop", "pytorch3d"),
    tiny={"meshes": 3, "faces": 80},
    work=work,
)
