"""Antialiasing a hard picture of a mesh whose topology is known, and its gradients."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from r3d_cli.backend.antialias import antialias_bwd_color, antialias_bwd_verts, antialias_fwd
from r3d_cli.backend.rasterize_meshes import rasterize_meshes
from r3d_cli.bench.arrays import as_numpy, as_torch, to_device
from r3d_cli.bench.meshes import camera, parse_image, read_centered, sphere, sphere_faces
from r3d_cli.bench.suite import Case, Place, Selection, Suite, arrays_that_differ

CHANNELS = 4
_SIZES = {
    "quick": ((100_000, 512),),
    "default": ((1_000, 512), (100_000, 512), (100_000, 1024)),
    "full": ((1_000, 512), (100_000, 512), (100_000, 1024), (1_000_000, 512), (1_000_000, 1024)),
}


@dataclass(frozen=True)
class Inputs:
    """Arrays are on the device."""

    color: Any  # (1, H, W, 4) float32
    pix_to_face: Any  # (1, H, W, 1) int64
    zbuf: Any  # (1, H, W, 1) float32
    verts: Any  # (V, 3) float32 NDC x and y, view depth
    faces: Any  # (F, 3) int64
    opposites: Any  # (F, 3) int32
    grad: Any  # (1, H, W, 4) float32


def cases(selection: Selection) -> Iterator[Case]:
    sizes = [(size, 512) for size in selection.sizes] or _SIZES[selection.level]
    for size, image in sizes:
        yield {"mesh": "ico", "faces": sphere_faces(size), "image": image}
    for name in selection.files:
        yield {"mesh": name, "faces": None, "image": 512}


def make_inputs(case: Case, place: Place) -> Inputs:
    from r3d_cli.ops.opposite_corners import opposite_corners

    if case["mesh"] == "ico":
        mesh, faces = sphere(int(case["faces"] or 0))
    else:
        assert place.data is not None
        mesh, faces = read_centered(place.data / str(case["mesh"]))
    # Half as large in the picture: its outline lies within.
    verts = camera().to_ndc(camera().to_view(mesh)) * np.array([0.5, 0.5, 1], np.float32)
    size = parse_image(case["image"])  # type: ignore[arg-type]
    verts = np.ascontiguousarray(verts, np.float32)
    fragments = rasterize_meshes(verts, faces, np.array([0, len(faces)]), size, perspective_correct=True)
    rng = np.random.default_rng(0)
    color, grad = rng.random((2, 1, *size, CHANNELS)).astype(np.float32)
    table = opposite_corners(as_torch(faces), len(verts)).numpy()
    put = to_device(place.device)
    arrays = color, fragments.pix_to_face, fragments.zbuf, verts, faces, table, grad
    return Inputs(*(put(np.array(array)) for array in arrays))


def ours(inputs: Inputs) -> Callable[[], Any]:
    mesh = inputs.verts, inputs.faces

    def call() -> Any:
        out = antialias_fwd(inputs.color, inputs.pix_to_face, inputs.zbuf, *mesh, inputs.opposites)
        grad_color = antialias_bwd_color(inputs.grad, out.shares)
        tables = inputs.color, inputs.grad, out.crossings, out.shares
        return out.image, grad_color, antialias_bwd_verts(*tables, *mesh)

    return call


def outcome(inputs: Inputs, result: tuple[Any, Any, Any]) -> dict[str, Any]:
    return dict(zip(("image", "grad_color", "grad_verts"), map(as_numpy, result), strict=True))


def reference(inputs: Inputs) -> dict[str, Any]:
    """In double precision."""
    from r3d_cli.reference.antialias import antialias

    arrays = inputs.color, inputs.verts, inputs.zbuf, inputs.grad
    color, verts, zbuf, grad = (as_torch(as_numpy(array)).double() for array in arrays)
    ids, faces = (as_torch(as_numpy(array)) for array in (inputs.pix_to_face, inputs.faces))
    color.requires_grad_()
    verts.requires_grad_()
    image = antialias(color, ids, zbuf, verts, faces)
    image.backward(grad)
    found = {"image": image.detach(), "grad_color": color.grad, "grad_verts": verts.grad}
    return {name: tensor.numpy() for name, tensor in found.items()}


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    """Where a silhouette lies between faces that single precision sees on the other side of it, pairs may
    differ."""
    return arrays_that_differ(outcome, expected, 1e-3, 1e-3)


def work(inputs: Inputs) -> dict[str, float]:
    """Pictures and fragments are read once in each direction, pictures and gradients written once."""
    fragments = inputs.pix_to_face.nbytes + inputs.zbuf.nbytes
    return {"bytes": float(5 * inputs.color.nbytes + fragments + inputs.verts.nbytes)}


suite = Suite(
    name="antialias",
    about="a hard picture to one blended along silhouettes, and the gradients of colours and vertices",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    tiny={"mesh": "ico", "faces": 80, "image": 16},
    work=work,
)
