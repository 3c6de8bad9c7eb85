"""`MeshRasterizer`: world vertices through cameras to fragments, as a program calls it, and the gradients."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from r3d_cli.backend import rasterize_meshes as backend
from r3d_cli.bench.arrays import as_numpy
from r3d_cli.bench.cases import rasterize_meshes
from r3d_cli.bench.meshes import FOV, VIEW, batch, read_centered, sphere_faces
from r3d_cli.bench.oracle import fragments_at
from r3d_cli.bench.suite import Case, Change, Place, Prepared, Selection, Suite, share_that_differs

if TYPE_CHECKING:
    from torch import Tensor

    from r3d_cli.reference.rasterize_meshes import Samples

#: Many soft layers, as silhouettes are fitted with.
BASE: Case = {"mesh": "ico", "faces": 5_120, "image": 128, "K": 50, "blur": 9.21e-4, "backward": False}

_QUICK: list[Change] = [{}]
_DEFAULT: list[Change] = [{}, {"image": 512, "K": 8, "blur": 1e-5}, {"image": 512, "K": 1, "blur": 0.0}]
_FULL: list[Change] = [*_DEFAULT, {"faces": 100_000, "image": 512, "K": 8, "blur": 1e-5}]
_TOLERANCE = 0.01  # share of the gradient's numbers that may differ
_OF_FILES: list[Change] = [{"image": 512, "K": 8, "blur": 1e-5}, {"image": 512, "K": 1, "blur": 0.0}]


@dataclass(frozen=True)
class Inputs:
    verts: Tensor  # (V, 3) float32 world; a leaf with gradients where they are asked for
    faces: Tensor  # (F, 3) int64
    in_ndc: rasterize_meshes.Inputs  # the same on the host, for the reference, and how to rasterize
    backward: bool


def cases(selection: Selection) -> Iterator[Case]:
    levels = {"quick": _QUICK, "default": _DEFAULT, "full": _FULL}
    chosen: list[Change] = [{"faces": sphere_faces(faces)} for faces in selection.sizes]
    of_files = [{"mesh": name, "faces": None, **change} for name in selection.files for change in _OF_FILES]
    for change in [*(chosen or levels[selection.level]), *of_files]:
        for backward in (False, True):
            yield {**BASE, **change, "backward": backward}


def make_inputs(case: Case, place: Place) -> Inputs:
    import torch

    if case["mesh"] == "ico":
        mesh = batch(int(case["faces"] or 0), 1, ragged=False)[0]
    else:
        assert place.data is not None
        mesh = read_centered(place.data / str(case["mesh"]))
    in_ndc = rasterize_meshes.make_inputs({**rasterize_meshes.BASE, **case}, Place(data=place.data))
    backward = bool(case["backward"])
    verts = torch.from_numpy(mesh.verts).to(place.device, copy=True).requires_grad_(backward)
    return Inputs(verts, torch.from_numpy(mesh.faces).to(place.device), in_ndc, backward)


def ours(inputs: Inputs) -> Prepared:
    from r3d_cli import renderer, structures

    return fragments_of(renderer, structures, inputs)


def fragments_of(renderer: ModuleType, structures: ModuleType, inputs: Inputs) -> Prepared:
    """What is timed, with r3d's modules or PyTorch3D's."""
    import torch

    rasterizer, mesh = _scene(renderer, structures, inputs.verts.detach(), inputs)

    def call() -> dict[str, Any]:
        if not inputs.backward:
            return _fields(rasterizer(mesh))
        fragments = rasterizer(mesh.update_padded(inputs.verts[None]))
        grad_verts = torch.autograd.grad(_loss(fragments), inputs.verts)[0]
        return {**_fields(fragments), "grad_verts": grad_verts}

    return Prepared(call)


def _scene(renderer: ModuleType, structures: ModuleType, verts: Tensor, inputs: Inputs) -> tuple[Any, Any]:
    """A rasterizer, and the mesh."""
    R, T = renderer.look_at_view_transform(*VIEW)
    cameras = renderer.FoVPerspectiveCameras(R=R, T=T, fov=FOV).to(verts.device)
    settings = renderer.RasterizationSettings(
        image_size=inputs.in_ndc.image_size,
        blur_radius=inputs.in_ndc.blur_radius,
        faces_per_pixel=inputs.in_ndc.faces_per_pixel,
    )
    mesh = structures.Meshes([verts], [inputs.faces.to(verts.device)])
    return renderer.MeshRasterizer(cameras, settings), mesh


def _fields(fragments: Any) -> dict[str, Any]:
    return {name: getattr(fragments, name) for name in backend.Fragments._fields}


def _loss(fragments: Any) -> Tensor:
    """Of every slot, the empty ones too."""
    inside = fragments.zbuf.clamp(min=0).sum() + fragments.bary_coords.clamp(min=0).sum()
    return inside + fragments.dists.clamp(max=1).sum()


def outcome(inputs: Inputs, result: dict[str, Any]) -> dict[str, Any]:
    """Fragments at sampled pixels, and the gradient."""
    fragments = backend.Fragments(*(result[name] for name in backend.Fragments._fields))
    found = rasterize_meshes.outcome(inputs.in_ndc, fragments)
    return found | ({"grad_verts": as_numpy(result["grad_verts"])} if inputs.backward else {})


def reference(inputs: Inputs) -> dict[str, Any]:
    raster = inputs.in_ndc
    expected = fragments_at(
        rasterize_meshes.sampled_pixels(raster),
        raster.verts,
        raster.faces,
        raster.mesh_first_face,
        raster.image_size,
        blur_radius=raster.blur_radius,
        faces_per_pixel=raster.faces_per_pixel,
        clip_barycentric_coords=raster.blur_radius > 0,
    )
    return expected | ({"grad_verts": _gradient(inputs)} if inputs.backward else {})


def _gradient(inputs: Inputs) -> np.ndarray:  # (V, 3)
    """In double precision by the reference, of the slots that r3d fills: those at the sampled pixels are
    checked to be the right ones."""
    import torch

    from r3d_cli import renderer, structures
    from r3d_cli.reference.rasterize_meshes import Scene, pixel_centers

    raster = inputs.in_ndc
    ids = backend.rasterize_meshes(
        raster.verts,
        raster.faces,
        raster.mesh_first_face,
        raster.image_size,
        blur_radius=raster.blur_radius,
        faces_per_pixel=raster.faces_per_pixel,
        perspective_correct=True,
        clip_barycentric_coords=raster.blur_radius > 0,
        want_bary_coords=False,
        want_dists=False,
    ).pix_to_face
    verts = inputs.verts.detach().cpu().double().requires_grad_()
    rasterizer, mesh = _scene(renderer, structures, verts, inputs)
    triangles = rasterizer.transform(mesh).verts_packed()[inputs.faces.cpu()]
    blur = raster.blur_radius
    scene = Scene(triangles, blur, True, blur > 0, False, None, None, True)
    slots = torch.from_numpy(ids).flatten(0, 2)  # (H * W, K)
    pixels = (slots >= 0).nonzero()[:, 0]
    centers = pixel_centers(raster.image_size, torch.float32).double()
    samples: Samples = scene.sample(centers[pixels], slots[slots >= 0])
    dists = torch.where(samples.inside, -samples.distance2, samples.distance2)
    loss = _loss(backend.Fragments(None, samples.z, samples.bary, dists))
    return torch.autograd.grad(loss, verts)[0].numpy()


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    if (wrong := rasterize_meshes.differs(outcome, expected)) or "grad_verts" not in expected:
        return wrong
    have, want = outcome["grad_verts"], expected["grad_verts"]
    if have.shape != want.shape:
        return f"grad_verts has the shape {have.shape}, not {want.shape}"
    # In single precision the gradients of faces seen edge-on lose digits: see `_TOLERANCE`.
    far = ~np.isclose(have, want, rtol=0, atol=1e-3 * np.abs(want).max())
    return share_that_differs(far, _TOLERANCE, "grad_verts")


def work(inputs: Inputs) -> dict[str, float]:
    """The rasterizer's; a gradient reads the fragments, and the gradient of each of their numbers."""
    least = rasterize_meshes.work(inputs.in_ndc)
    slots = np.prod(inputs.in_ndc.image_size) * inputs.in_ndc.faces_per_pixel
    return {"bytes": least["bytes"] + (28.0 + 20.0) * slots * inputs.backward}


suite = Suite(
    name="mesh-rasterizer",
    about="MeshRasterizer: world vertices to fragments, and back to the gradients of the vertices",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("pytorch3d",),
    tiny={"mesh": "ico", "faces": 80, "image": 16, "K": 4},
    work=work,
)
