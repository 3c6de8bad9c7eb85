"""Lit, softly blended pictures of many views, forward and with gradients, fused; the peer keeps fragments."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from r3d_cli.bench.arrays import as_numpy
from r3d_cli.bench.cases import soft_silhouette
from r3d_cli.bench.suite import Case, Change, Place, Selection, Suite, arrays_that_differ

if TYPE_CHECKING:
    from torch import Tensor

BASE: Case = {**soft_silhouette.BASE, "gamma": 1e-4}

#: What differs from BASE; each is run forward alone and with the backward.
_QUICK: list[Change] = [{"faces": 1_280, "image": 64, "batch": 4}, {"batch": 4}, {"batch": 4, "K": 50}]
_DEFAULT: list[Change] = [{}, {"K": 50}, {"image": 512, "batch": 4}]
_FULL: list[Change] = [*_DEFAULT, {"batch": 1}, {"image": 256}, {"faces": 81_920, "batch": 4}]

_MOST = 120  # faces at a pixel that the reference keeps
_TOLERANCE = 2e-3  # share of values that may differ


@dataclass(frozen=True)
class Inputs:
    """The views of `soft_silhouette`, with colours at vertices and a lamp."""

    views: soft_silhouette.Inputs  # whose cotangent is that of alpha
    surface: Any  # ops.soft_phong.PhongSurface
    texture: Any  # ops.soft_phong.PackedTexture, whose texels have gradients where the vertices have
    gamma: float
    cotangent: Tensor | None  # (N, H, W, 4); None: no gradients

    @property
    def faces_per_pixel(self) -> int | None:
        return self.views.faces_per_pixel


def cases(selection: Selection) -> Iterator[Case]:
    levels = {"quick": _QUICK, "default": _DEFAULT, "full": _FULL}
    yield from soft_silhouette.cases_of(BASE, selection, levels)


def make_inputs(case: Case, place: Place) -> Inputs:
    import torch

    from r3d_cli.ops.soft_phong import PackedTexture, PhongSurface

    views = soft_silhouette.make_inputs(case, place)
    verts, device = views.verts.detach(), place.device
    generator = torch.Generator().manual_seed(1)
    texels = torch.rand(verts.shape, generator=generator).to(device)
    # The camera's space will do for the world: the camera at its origin, a lamp beside it.
    positions = torch.cat([verts[:, :2] * verts[:, 2:], verts[:, 2:]], 1)
    middle = positions.reshape(views.num_views, -1, 3).mean(1, keepdim=True)
    normals = (positions.reshape(views.num_views, -1, 3) - middle).reshape(-1, 3)
    look = [0.5] * 3 + [0.3] * 3 + [0.2] * 3 + [1.0, 1.0, 0.0] + [0.0] * 3 + [64.0, 1.0, 100.0] + [1.0] * 3
    looks = torch.tensor(look, device=device).repeat(views.num_views, 1)
    cotangent = None
    if views.cotangent is not None:
        cotangent = torch.randn(*views.cotangent.shape, 4, generator=generator).to(device)
        texels.requires_grad_()
    return Inputs(
        views,
        PhongSurface(positions, normals, looks),
        PackedTexture(texels, views.faces),
        float(case["gamma"] or 0),
        cotangent,
    )


def ours(inputs: Inputs) -> Callable[[], Any]:
    from r3d_cli.ops.soft_phong import soft_phong

    views = inputs.views

    def image() -> Tensor:
        return soft_phong(
            views.verts,
            views.faces,
            views.mesh_first_face,
            inputs.surface,
            inputs.texture,
            views.image_size,
            sigma=views.sigma,
            gamma=inputs.gamma,
            blur_radius=views.blur_radius,
            faces_per_pixel=inputs.faces_per_pixel,
            perspective_correct=True,
            clip_barycentric_coords=True,
        )

    return lambda: with_gradients(inputs, image)


def with_gradients(inputs: Inputs, pictures: Callable[[], Tensor]) -> tuple[Tensor, ...]:
    """What is timed, for r3d and peers: pictures, and gradients of the vertices and their colours."""
    import torch

    image = pictures()
    if inputs.cotangent is None:
        return (image,)
    leaves = inputs.views.verts, inputs.texture.texels
    return image.detach(), *torch.autograd.grad(image, leaves, inputs.cotangent)


def outcome(inputs: Inputs, result: tuple[Any, ...]) -> dict[str, Any]:
    """Of the first and the last view."""
    count = inputs.views.num_views
    found = {"image": as_numpy(result[0])[[0, -1]]}
    for name, grad in zip(("grad_verts", "grad_texels"), result[1:], strict=False):
        found[name] = as_numpy(grad).reshape(count, -1, 3)[[0, -1]]
    return found


def reference(inputs: Inputs) -> dict[str, Any]:
    """Every face at every pixel in full, in double precision; the fragments are r3d's."""
    import torch

    from r3d_cli.ops.rasterize_meshes import rasterize_meshes
    from r3d_cli.ops.soft_phong import PackedTexture, PhongSurface
    from r3d_cli.reference.soft_phong import shade_fragments

    views, count = inputs.views, inputs.views.num_views
    faces, first = views.faces[: len(views.faces) // count].cpu(), views.mesh_first_face[:2].cpu()
    K = _MOST if inputs.faces_per_pixel is None else inputs.faces_per_pixel
    results: list[tuple[Tensor, ...]] = []
    for view in (0, count - 1):

        def rows(tensor: Tensor, view: int = view) -> Tensor:
            return tensor.detach().cpu().double().reshape(count, -1, tensor.shape[-1])[view]

        leaves = rows(views.verts).requires_grad_(), rows(inputs.texture.texels).requires_grad_()
        surface = PhongSurface(*(rows(part) for part in inputs.surface))
        fragments = rasterize_meshes(
            leaves[0],
            faces,
            first,
            views.image_size,
            faces_per_pixel=K,
            blur_radius=views.blur_radius,
            perspective_correct=True,
            clip_barycentric_coords=True,
        )
        image = shade_fragments(
            fragments,
            faces,
            surface,
            PackedTexture(leaves[1], faces),
            lights="point",
            sigma=views.sigma,
            gamma=inputs.gamma,
        )
        grads: tuple[Tensor, ...] = ()
        if inputs.cotangent is not None:
            grads = torch.autograd.grad(image, leaves, inputs.cotangent[view : view + 1].cpu().double())
        results.append((image.detach()[0], *grads))
    names = ("image", "grad_verts", "grad_texels")
    pairs = zip(names, zip(*results, strict=True), strict=False)
    return {name: torch.stack(both).numpy() for name, both in pairs}


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    return arrays_that_differ(outcome, expected, 2e-3, _TOLERANCE)


def work(inputs: Inputs) -> dict[str, float]:
    """Meshes and colours are read, pictures written; backward all and a gradient are read, others written."""
    rows = inputs.views.verts.nbytes
    mesh = inputs.views.faces.nbytes + 4 * rows
    pictures = 16 * inputs.views.num_views * math.prod(inputs.views.image_size)
    both = inputs.cotangent is not None
    return {"bytes": float(mesh + pictures + both * (mesh + 2 * pictures + 2 * rows))}


suite = Suite(
    name="soft-phong",
    about="NDC vertices of a mesh's views to lit, softly blended pictures, forward and with gradients",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("r3d_fragments",),
    tiny={"mesh": "ico", "faces": 80, "image": 16, "batch": 2},
    work=work,
)
