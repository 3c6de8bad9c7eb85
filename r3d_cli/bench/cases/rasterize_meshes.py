"""Rasterizing meshes: NDC vertices to all four outputs, against peers that find the same faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from r3d_cli.backend.rasterize_meshes import Fragments, rasterize_meshes
from r3d_cli.bench.arrays import as_numpy, to_device
from r3d_cli.bench.meshes import batch, camera, parse_image, read_centered, sphere_faces
from r3d_cli.bench.oracle import fragments_at
from r3d_cli.bench.suite import Case, Change, Place, Selection, Suite, share_that_differs

BASE: Case = {"mesh": "ico", "faces": 10_000, "image": 512, "batch": 1, "ragged": False, "K": 1, "blur": 0.0}

#: What differs from BASE.
_QUICK: list[Change] = [
    {"faces": 1_000, "image": 256},
    {"faces": 100_000},
    {"faces": 5_120, "image": 128, "K": 8, "blur": 1e-4},
    {"faces": 5_000, "image": 128, "batch": 4, "ragged": True},
]
_DEFAULT: list[Change] = [
    *({"faces": faces} for faces in (1_000, 10_000, 100_000, 1_000_000)),
    *({"faces": 100_000, "image": image} for image in (128, 256, 1024, 2048)),
    *({"image": 256, "batch": 8, "ragged": ragged} for ragged in (False, True)),
    *({"image": 256, "K": K, "blur": 1e-4} for K in (1, 8, 50)),
]
_FULL: list[Change] = [
    *_DEFAULT,
    {"faces": 1_000_000, "image": 1024},
    {"faces": 10_000_000, "image": 512},
    {"faces": 10_000_000, "image": 1024},
]
#: The grids of the paper's own benchmarks, forward.
_PAPER: dict[str, list[Change]] = {
    "cpu": [
        {"faces": 80, "image": image, "K": K, "blur": 1e-6} for image in (64, 128, 256, 512) for K in (3, 50)
    ],
    "cuda": [
        {"faces": 20 * 4**level, "image": image, "batch": count, "K": 40, "blur": 1e-6}
        for count in (8, 16)
        for level in (4, 5, 6)
        for image in (64, 128, 512, "512x256")
    ],
}

_SAMPLED = 512  # pixels that are compared with the reference
_PAIRS = 2e8  # of a sampled pixel and a face: fewer pixels where there are more faces
_TOLERANCE = 0.01  # share of the samples that may differ: edges are closed in some peers, half-open in others


@dataclass(frozen=True)
class Inputs:
    """Packed meshes. Arrays are on the device; ray tracers take the view-space vertices."""

    verts: Any  # (V, 3) float32 NDC x and y, view depth
    view: Any  # (V, 3) float32 view space
    faces: Any  # (F, 3) int64 into the packed vertices
    mesh_first_face: Any  # (N + 1,) int64
    mesh_first_vert: Any  # (N + 1,) int64
    focal: float  # NDC units for one view unit at depth 1
    image_size: tuple[int, int]
    faces_per_pixel: int
    blur_radius: float  # squared NDC distance

    @property
    def num_meshes(self) -> int:
        return len(self.mesh_first_face) - 1


def cases(selection: Selection) -> Iterator[Case]:
    kind = selection.device.partition(":")[0]
    levels = {"quick": _QUICK, "default": _DEFAULT, "full": _FULL + _PAPER[kind]}
    chosen: list[Change] = [{"faces": faces} for faces in selection.sizes]
    for change in chosen or levels[selection.level]:
        case = {**BASE, **change}
        yield {**case, "faces": sphere_faces(int(case["faces"] or 0))}
    for name in selection.files:
        for image in (512, 1024):
            yield {**BASE, "mesh": name, "faces": None, "image": image}


def make_inputs(case: Case, place: Place) -> Inputs:
    if case["mesh"] == "ico":
        meshes = batch(int(case["faces"] or 0), int(case["batch"] or 1), bool(case["ragged"]))
    else:
        assert place.data is not None
        meshes = [read_centered(place.data / str(case["mesh"]))]
    view = camera().to_view(np.concatenate([mesh.verts for mesh in meshes]))
    first_vert = np.cumsum([0, *(len(mesh.verts) for mesh in meshes)])
    faces = np.concatenate([mesh.faces + first for mesh, first in zip(meshes, first_vert, strict=False)])
    put = to_device(place.device)
    return Inputs(
        put(camera().to_ndc(view)),
        put(view),
        put(faces),
        put(np.cumsum([0, *(len(mesh.faces) for mesh in meshes)])),
        put(first_vert),
        camera().focal,
        parse_image(case["image"]),  # type: ignore[arg-type]
        int(case["K"] or 1),
        float(case["blur"] or 0.0),
    )


def ours(inputs: Inputs) -> Callable[[], Fragments]:
    return lambda: rasterize_meshes(
        inputs.verts,
        inputs.faces,
        inputs.mesh_first_face,
        inputs.image_size,
        blur_radius=inputs.blur_radius,
        faces_per_pixel=inputs.faces_per_pixel,
        perspective_correct=True,
    )


def sampled_pixels(inputs: Inputs) -> np.ndarray:  # (P, 3) mesh, row, column
    """The same for every contestant."""
    shape = (inputs.num_meshes, *inputs.image_size)
    count = int(np.clip(_PAIRS / max(len(inputs.faces), 1), 48, _SAMPLED))
    drawn = np.random.default_rng(0).integers(np.prod(shape), size=count)
    return np.stack(np.unravel_index(drawn, shape), axis=1)


def outcome(inputs: Inputs, result: Fragments) -> dict[str, Any]:
    """The fragments at the sampled pixels, (P, K, ...); a peer leaves out what it does not compute."""
    at = tuple(sampled_pixels(inputs).T)
    return {name: as_numpy(array)[at] for name, array in result._asdict().items() if array is not None}


def reference(inputs: Inputs) -> dict[str, Any]:
    return fragments_at(
        sampled_pixels(inputs),
        as_numpy(inputs.verts),
        as_numpy(inputs.faces),
        as_numpy(inputs.mesh_first_face),
        inputs.image_size,
        blur_radius=inputs.blur_radius,
        faces_per_pixel=inputs.faces_per_pixel,
    )


def differs(outcome: dict[str, Any], expected: dict[str, Any]) -> str:
    ids, want = outcome["pix_to_face"], expected["pix_to_face"]
    if ids.shape != want.shape:
        return f"pix_to_face has {ids.shape[1:]} slots a pixel, not {want.shape[1:]}"
    z, want_z = outcome["zbuf"], expected["zbuf"]
    level = np.isclose(z, want_z, rtol=1e-4)
    # Faces at one depth, as two that share an edge, may change places.
    wrong_face = ((ids < 0) != (want < 0)) | ((ids != want) & ~level)
    same = (ids == want) & (want >= 0)
    return (
        share_that_differs(wrong_face, _TOLERANCE, "pix_to_face")
        or share_that_differs(~level[same], _TOLERANCE, "zbuf")
        or _far(outcome, expected, same, "bary_coords", 1e-2)
        or _far(outcome, expected, same, "dists", 1e-5)
    )


def _far(
    outcome: dict[str, Any], expected: dict[str, Any], same: np.ndarray, name: str, tolerance: float
) -> str:
    if name not in outcome:
        return ""
    near = np.isclose(outcome[name][same], expected[name][same], rtol=1e-3, atol=tolerance)
    return share_that_differs(~near, _TOLERANCE, name)


def work(inputs: Inputs) -> dict[str, float]:
    """Each input is read once, each output written once: 28 bytes a slot."""
    height, width = inputs.image_size
    slots = inputs.num_meshes * height * width * inputs.faces_per_pixel
    return {"bytes": float(inputs.verts.nbytes + inputs.faces.nbytes + 28 * slots)}


suite = Suite(
    name="rasterize-meshes",
    about="NDC vertices to pix_to_face, zbuf, bary_coords and dists",
    cases=cases,
    inputs=make_inputs,
    ours=ours,
    outcome=outcome,
    reference=reference,
    differs=differs,
    peers=("torch_naive", "embree", "open3d", "mitsuba", "pytorch3d", "nvdiffrast"),
    tiny={"mesh": "ico", "faces": 80, "image": 16},
    work=work,
)
