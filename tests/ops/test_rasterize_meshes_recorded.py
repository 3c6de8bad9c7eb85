"""Held to what PyTorch3D 0.7.9 answered: the kernel and the reference that the other tests trust."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from r3d_cli.backend import rasterize_meshes as backend
from r3d_cli.reference import rasterize_meshes as reference

CASES = ("hard", "persp_k4", "blur_k8", "blur_persp_clip_k8", "cull_k3", "wide", "tall", "k50", "zclip")
FLOAT_EPS = float(np.finfo(np.float32).eps)


class Case:
    """One recorded call: its packed inputs, its settings, its answers."""

    def __init__(self, path: Path) -> None:
        recorded = dict(np.load(path))
        if "n_meshes" in recorded:
            count = int(recorded["n_meshes"])
            verts = [recorded[f"verts_ndc_{n}"] for n in range(count)]
            faces = [recorded[f"faces_{n}"] for n in range(count)]
            grads = [recorded[f"grad_verts_{n}"] for n in range(count)]
            switches = ("perspective_correct", "clip_barycentric_coords", "cull_backfaces")
            self.settings = {name: bool(recorded[name]) for name in switches}
            self.settings["blur_radius"] = float(recorded["blur_radius"])
        else:
            verts, faces, grads = [recorded["verts_ndc"]], [recorded["faces"]], [recorded["grad_verts"]]
            self.settings = {"perspective_correct": True, "z_near": 0.05}
        first_vert = np.cumsum([0] + [len(v) for v in verts])
        self.verts = np.concatenate(verts)
        self.faces = np.concatenate([f + start for f, start in zip(faces, first_vert, strict=False)])
        self.mesh_first_face = np.cumsum([0] + [len(f) for f in faces])
        self.grad_verts = np.concatenate(grads)
        self.pix_to_face = recorded["pix_to_face"]
        self.settings["faces_per_pixel"] = self.pix_to_face.shape[-1]
        self.image_size = self.pix_to_face.shape[1:3]
        self.floats = {name: recorded[name] for name in ("zbuf", "bary_coords", "dists")}
        self.cotangents = {
            name: recorded[f"cotangent_{short}"]
            for name, short in (("zbuf", "zbuf"), ("bary_coords", "bary"), ("dists", "dists"))
            if f"cotangent_{short}" in recorded
        }

    def area2(self) -> np.ndarray:
        """Twice each face's NDC area, (F,)."""
        a, b, c = np.moveaxis(self.verts[self.faces, :2].astype(np.float64), 1, 0)
        return np.abs(cross(b - a, c - a))

    def allowed(self) -> dict[str, np.ndarray]:
        """How far each recorded value may be off: (N, H, W, K[, 3]).

        PyTorch3D divides edge functions by (area + 1e-8), which scales the coordinates on the screen by
        1 / (1 + 1e-8 / area); perspective correction and clipping normalise them again. What remains is the
        rounding of the edge functions over the area, on their side and on ours.
        """
        centers = reference.pixel_centers(self.image_size, torch.float64).reshape(*self.image_size, 1, 1, 2)
        corners = self.verts[self.faces][self.pix_to_face].astype(np.float64)  # (N, H, W, K, 3, 3)
        seen = corners[..., :2] - centers.numpy()
        length = np.linalg.norm(seen, axis=-1)
        rounding = 4 * FLOAT_EPS * np.roll(length, -1, -1) * np.roll(length, -2, -1)
        area2 = self.area2()[self.pix_to_face][..., None]
        bary, z = np.abs(self.floats["bary_coords"]), np.abs(self.floats["zbuf"])
        bary_rounding = (
            rounding + bary * rounding.sum(-1, keepdims=True)
        ) / area2 + 4 * FLOAT_EPS * np.maximum(bary, 0.5)
        normalised = self.settings["perspective_correct"] or self.settings.get(
            "clip_barycentric_coords", False
        )
        scale = 0 if normalised else 1.1e-8 / area2
        return {
            "bary_coords": bary_rounding + scale * bary,
            "zbuf": (bary_rounding * corners[..., 2]).sum(-1) + (0 if normalised else scale[..., 0] * z),
            "dists": np.full(z.shape, 3e-8),
        }


def cross(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, shared_data: Path) -> Case:
    return Case(shared_data / "pytorch3d_cases" / f"raster_{request.param}.npz")


def run_kernel(case: Case) -> Any:
    return backend.rasterize_meshes(
        case.verts, case.faces, case.mesh_first_face, case.image_size, **case.settings
    )


def run_reference(case: Case) -> Any:
    fragments = reference.rasterize_meshes(
        torch.from_numpy(case.verts),
        torch.from_numpy(case.faces),
        torch.from_numpy(case.mesh_first_face),
        case.image_size,
        **case.settings,
    )
    return backend.Fragments(*(field.numpy() for field in fragments))


@pytest.mark.parametrize("run", [run_kernel, run_reference])
@pytest.mark.usefixtures("isa")
def test_equals_recording(case: Case, run: Callable[[Case], Any]) -> None:
    fragments = run(case)
    # Equal depths are common: where clipping leaves one coordinate, all faces around a vertex have its depth.
    np.testing.assert_array_equal(fragments.pix_to_face, case.pix_to_face)
    covered = case.pix_to_face >= 0
    for name, allowed in case.allowed().items():
        ours, theirs = getattr(fragments, name), case.floats[name]
        excess = (np.abs(ours - theirs) - allowed)[covered]
        assert excess.max() <= 0, f"{name} differs by {excess.max()} more than allowed"
        assert np.median(allowed[covered]) < 3e-5, "the tolerance has become meaningless"
        assert (ours[~covered] == -1).all()


def gradient_of_reference(case: Case, grads: dict[str, np.ndarray]) -> np.ndarray:
    verts = torch.from_numpy(case.verts).requires_grad_()
    fragments = reference.rasterize_meshes(
        verts,
        torch.from_numpy(case.faces),
        torch.from_numpy(case.mesh_first_face),
        case.image_size,
        **case.settings,
    )
    outputs = [getattr(fragments, name) for name in grads]
    return torch.autograd.grad(outputs, verts, [torch.from_numpy(grad) for grad in grads.values()])[0].numpy()


def gradient_of_kernel(case: Case, grads: dict[str, np.ndarray]) -> np.ndarray:
    settings = {name: value for name, value in case.settings.items() if name != "faces_per_pixel"}
    mesh = case.verts, case.faces, case.mesh_first_face
    upstream = [grads.get(name) for name in ("zbuf", "bary_coords", "dists")]
    return backend.rasterize_meshes_bwd(*mesh, case.pix_to_face, *upstream, **settings)


@pytest.mark.parametrize("gradient", [gradient_of_reference, gradient_of_kernel])
def test_gradient_equals_recording(
    case: Case, gradient: Callable[[Case, dict[str, np.ndarray]], np.ndarray]
) -> None:
    covered = case.pix_to_face >= 0
    grads = {
        name: np.where(covered.reshape(*covered.shape, *[1] * (grad.ndim - 4)), grad, 0)
        for name, grad in case.cotangents.items()
    }
    grad_verts = gradient(case, grads)
    # On slivers PyTorch3D's (area + 1e-8) and max(denominator, 1e-8) change the gradient by 1e-8 / area.
    sliver = case.area2() < 1e-4
    regular = np.setdiff1d(np.arange(len(case.verts)), case.faces[sliver])
    assert len(regular) > 0.8 * len(case.verts)
    difference = np.abs(grad_verts - case.grad_verts)[regular]
    assert difference.max() <= 2e-4 * np.abs(case.grad_verts[regular]).max()
    assert np.isfinite(grad_verts).all()
