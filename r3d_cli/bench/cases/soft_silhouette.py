"""Soft silhouettes of many views, forward and with the gradient, fused; peers keep fragments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from r3d_cli.bench.arrays import as_numpy
from r3d_cli.bench.meshes import camera, parse_image, read_centered, sphere, sphere_faces
from r3d_cli.bench.suite import Case, Change, Place, Selection, Suite, arrays_that_differ

if TYPE_CHECKING:
    from torch import Tensor

RADIUS = 0.8
BASE: Case = {
    "mesh": "ico",
    "faces": 5_120,
    "image": 128,
    "batch": 20,
    "K": "all",
    "sigma": 1e-4,
    "blur": 9.21e-4,
    "backward": False,
}

#: What differs from BASE; each is run forward alone and with the backward.
_QUICK: list[Change] = [{"faces": 1_280, "image": 64, "batch": 4}, {"batch": 4}, {"batch": 4, "K": 50}]
_DEFAULT: list[Change] = [{}, {"K": 50}, {"K": 100}, {"image": 512, "batch": 4}]
_FULL: list[Change] = [
    *_DEFAULT,
    {"batch": 1},
    {"image": 256},
    {"faces": 81_920, "batch": 4},
    {"faces": 1_280, "image": 64},
]

_TOLERANCE = 1e-3  # share of pixels, of vertices, that may differ


@dataclass(frozen=True)
class Inputs:
    """One mesh, seen from all around; tensors on the device."""

    verts: Tensor  # (N V, 3) float32 NDC x and y, view depth; a leaf with gradients where they are asked for
    faces: Tensor  # (N F, 3) int64
    mesh_first_face: Tensor  # (N + 1,) int64
    image_size: tuple[int, int]
    sigma: float
    blur_radius: float
    faces_per_pixel: int | None
    cotangent: Tensor | None  # (N, H, W) of the silhouettes; None: no gradients

    @property
    def num_views(self) -> int:
        return len(self.mesh_first_face) - 1


def cases(selection: Selection) -> Iterator[Case]:
    yield from cases_of(BASE, selection, {"quick": _QUICK, "default": _DEFAULT, "full": _FULL})


def cases_of(base: Case, selection: Selection, levels: dict[str, list[Change]]) -> Iterator[Case]:
    """Each case forward alone, and with the backward."""
    sized: list[Change] = [{"faces": sphere_faces(faces)} for faces in selection.sizes]
    files: list[Change] = [{"mesh": name, "faces": None} for name in selection.files]
    for change in [*(sized or levels[selection.level]), *files]:
        for backward in (False, True):
            yield {**base, **change, "backward": backward}


def make_inputs(case: Case, place: Place) -> Inputs:
    import torch

    if case["mesh"] == "ico":
        verts, faces = sphere(int(case["faces"] or 0))
        verts = RADIUS * verts
    else:
        assert place.data is not None
        verts, faces = read_centered(place.data / str(case["mesh"]))
    count = int(case["batch"] or 1)
    seen = []
    for view in range(count):
        angle = 2 * math.pi * view / count
        turn = [[math.cos(angle), 0, -math.sin(angle)], [0, 1, 0], [math.sin(angle), 0, math.cos(angle)]]
        seen.append(camera().to_ndc(camera().to_view((verts @ np.array(turn)).astype(np.float32))))
    backward, size = bool(case["backward"]), parse_image(case["image"])  # type: ignore[arg-type]
    generator = torch.Generator().manual_seed(0)
    cotangent = torch.randn(count, *size, generator=generator) if backward else None
    leaf = torch.from_numpy(np.concatenate(seen).astype(np.float32)).to(place.device, copy=True)
    return Inputs(
        leaf.requires_grad_(backward),
        torch.from_numpy(np.concatenate([faces + view * len(verts) for view in range(count)])).to(
            place.device
        ),
        (torch.arange(count + 1) * len(faces)).to(place.device),
        size,
        float(case["sigma"] or 0),
        float(case["blur"] or 0),
        None if case["K"] == "all" else int(case["K"] or 1),
        None if cotangent is None else cotangent.to(place.device),
    )


def ours(inputs: Inputs) -> Callable[[], Any]:
    from r3d_cli.ops.soft_silhouette import soft_silhouette

    def alpha() -> Tensor:
        return soft_silhouette(
            inputs.verts,
            inputs.faces,
            inputs.mesh_first_face,
            inputs.image_size,
            sigma=inputs.sigma,
            blur_radius=inputs.blur_radius,
            faces_per_pixel=inputs.faces_per_pixel,
            perspective_correct=True,
            clip_barycentric_coords=True,
        )

    return lambda: with_gradient(inputs, alpha)


def with_gradient(inputs: Inputs, silhouettes: Callable[[], Tensor]) -> tuple[Tensor, Tensor | None]:
    """What is timed, for r3d and peers."""
    import torch

    alpha = silhouettes()
    if inputs.cotangent is None:
        return alpha, None
    return alpha.detach(), torch.autograd.grad(alpha, inputs.verts, inputs.cotangent)[0]


def outcome(inputs: Inputs, result: tuple[Any, Any]) -> dict[str, Any]:
    """Of the first and the last view."""
    alpha, grad = result
    found = {"alpha": as_numpy(alpha)[[0, -1]]}
    if grad is not None:
        found["grad_verts"] = as_numpy(grad).reshape(inputs.num_views, -1, 3)[[0, -1]]
    return found


def reference(inputs: Inputs) -> dict[str, Any]:
    """In double precision: every pair of a face and a pixel of its box."""
    from r3d_cli.bench.peers.torch_naive import blend

    views = inputs.num_views
    verts = inputs.verts.detach().cpu().double().reshape(views, -1, 3)[[0, -1]]
    backward = inputs.cotangent is not None
    alphas, grads = [], []
    for i, view in enumerate(verts):
        leaf = view.clone().requires_grad_(backward)
        faces = inputs.faces[: len(inputs.faces) // views].cpu()
        alpha = blend(leaf, faces, inputs.mesh_first_face[:2].cpu(), inputs)
        if inputs.cotangent is not None:
            alpha.backward(inputs.cotangent[[-i]].cpu().double())
            grads.append(as_numpy(leaf.grad))
        alphas.append(alpha.detach().numpy()[0])
    expected = {"alpha": np.stack(alphas)}
    return {**expected, "grad_verts": np.stack(grads)} if grads else expected


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    return arrays_that_differ(outcome, expected, 1e-3, _TOLERANCE)


def work(inputs: Inputs) -> dict[str, float]:
    """Meshes are read, silhouettes written; backward both and a gradient are read, another is written."""
    mesh = inputs.verts.nbytes + inputs.faces.nbytes
    picture = 4 * inputs.num_views * math.prod(inputs.image_size)
    both = inputs.cotangent is not None
    return {"bytes": float(mesh + picture + both * (mesh + inputs.verts.nbytes + 2 * picture))}


suite = Suite(
    name="soft-silhouette",
    about="NDC vertices of a mesh's views to soft silhouettes, forward and with the vertices' gradient",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("r3d_fragments", "torch_naive", "pytorch3d"),
    tiny={"mesh": "ico", "faces": 80, "image": 16, "batch": 2},
    work=work,
)
