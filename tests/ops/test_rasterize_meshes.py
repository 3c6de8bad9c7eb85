"""The kernel against the reference on random ragged batches: every face a pixel may see, in depth order."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from r3d_cli.backend.rasterize_meshes import Fragments, rasterize_meshes
from r3d_cli.reference import rasterize_meshes as reference

pytestmark = pytest.mark.usefixtures("isa")

#: Rounding errors that may pile up in one edge function, weight or distance.
ROUNDINGS = 16


@dataclass
class Batch:
    """Packed meshes and how to rasterize them."""

    verts: np.ndarray  # (V, 3)
    faces: np.ndarray  # (F, 3)
    mesh_first_face: np.ndarray  # (N + 1,)
    image_size: tuple[int, int]
    settings: dict[str, Any] = field(default_factory=dict)

    def rasterize(self, **more: Any) -> Fragments:
        return rasterize_meshes(
            self.verts, self.faces, self.mesh_first_face, self.image_size, **{**self.settings, **more}
        )


def one_mesh(
    verts: Any, faces: Any, image_size: tuple[int, int], dtype: Any = np.float32, **options: Any
) -> Batch:
    verts, faces = np.asarray(verts, dtype).reshape(-1, 3), np.asarray(faces, np.int64).reshape(-1, 3)
    return Batch(verts, faces, np.array([0, len(faces)]), image_size, options)


class Truth:
    """The samples of every pixel and face of one mesh, and how far rounding may take a kernel from them."""

    samples: reference.Samples  # (P, F)
    z_error: torch.Tensor  # (P, F), of sample.z
    bary_error: torch.Tensor  # (P, F, 3)
    dist_error: torch.Tensor  # (P, F), of sample.distance2
    certain: torch.Tensor  # (P, F) bool: hit whatever the rounding
    possible: torch.Tensor  # (P, F) bool: hit with some rounding

    def __init__(self, batch: Batch, first: int, last: int) -> None:
        options = {"z_near": None, "z_far": None, **batch.settings}
        scene = reference.Scene(
            torch.from_numpy(batch.verts)[torch.from_numpy(batch.faces[first:last])],
            options.get("blur_radius", 0.0),
            options.get("perspective_correct", False),
            options.get("clip_barycentric_coords", False),
            options.get("cull_backfaces", False),
            options["z_near"],
            options["z_far"],
            options.get("is_perspective", options.get("perspective_correct", False)),
        )
        points = reference.pixel_centers(batch.image_size, torch.from_numpy(batch.verts).dtype)
        self.samples = s = scene.sample(points[:, None], torch.arange(last - first)[None])
        unit = ROUNDINGS * float(np.finfo(batch.verts.dtype).eps)
        triangles = scene.triangles[None]  # (1, F, 3, 3)
        z = triangles[..., 2]

        # Where the planes cut, corners of the polygon are computed, and carry an error of their own.
        near = -math.inf if options["z_near"] is None else options["z_near"]
        far = math.inf if options["z_far"] is None else options["z_far"]
        cut = scene.cut[None]  # (1, F)
        planes = [abs(plane) for plane in (near, far) if math.isfinite(plane) and plane != 0]
        nearest = torch.full_like(z[..., 0], min(planes, default=1.0))
        if near <= 0:  # then edges are cut at a share of their extent
            extent = (z.abs() * triangles[..., :2].abs().amax(-1).clamp(min=1)).amax(-1)
            nearest = nearest.minimum(reference.NEAREST_CUT / 4 * extent + 1e-30)
        lever = 1 + z.abs().amax(-1) / nearest
        reach = triangles[..., :2].abs().amax((-1, -2)) * torch.where(cut, lever, 1) * lever
        corner_error = torch.where(cut, unit * reach, 0)

        seen = (scene.polygons[None] - points.double()[:, None, None]).norm(dim=-1).amax(-1)
        position_error = unit * seen + corner_error
        self.dist_error = 2 * s.distance2.sqrt() * position_error + position_error**2

        # Outside of what was cut, samples are those of the nearest point.
        around = cut & ~s.inside
        offset = reference.to_boundary(scene.polygons[None] - points.double()[:, None, None])[0]
        places = points.double()[:, None] + torch.where(around[..., None], offset, 0)  # (P, F, 2)
        corners = (triangles[..., :2] - places[..., None, :]).norm(dim=-1)  # (P, F, 3)
        edge_error = unit * corners.roll(-1, -1) * corners.roll(-2, -1)
        moved = torch.where(around, position_error, 0)[..., None]
        edge_error = edge_error + moved * (corners.roll(-1, -1) + corners.roll(-2, -1))
        weights = reference.edge_functions(places, triangles)
        weights = weights * weights.sum(-1, keepdim=True).sign()
        depth = torch.where(z.abs() < 1e-37, 1e-37, z)
        depth = torch.where(scene.perspective[None, :, None], depth, 1)
        weights, edge_error = weights / depth, edge_error / depth.abs() + unit * (weights / depth).abs()
        if options.get("clip_barycentric_coords"):
            total = weights.clamp(min=0).sum(-1, keepdim=True)
        else:
            total = weights.sum(-1, keepdim=True)
        doubt = edge_error.sum(-1, keepdim=True)
        self.bary_error = (edge_error + s.bary.abs() * doubt) / (total - doubt) + unit * s.bary.abs()
        self.bary_error = torch.where(
            (total > 2 * doubt) & self.bary_error.isfinite(), self.bary_error, math.inf
        )
        # A depth of exactly zero under an infinite error is still unknown.
        scaled = torch.where(self.bary_error.isfinite(), self.bary_error * z.abs(), math.inf)
        self.z_error = scaled.sum(-1) + unit * (s.bary * z).abs().sum(-1)

        area2 = reference.signed_area2(scene.polygons)[None]
        doubtful = cut & (area2.abs() <= corner_error * reach)
        visible = scene.visible[None]
        blur = options.get("blur_radius", 0.0)
        at_edge = s.distance2.sqrt() <= corner_error
        inside = s.inside & ~(cut & at_edge)
        within = s.distance2 + self.dist_error < blur
        front = (s.z > self.z_error) | ((z > 0).all(-1) & s.inside)
        self.certain = visible & ~doubtful & (inside | within) & front
        maybe_within = (s.distance2 - self.dist_error < blur) if blur > 0 else torch.zeros_like(s.inside)
        maybe_inside = s.inside | (cut & at_edge)
        self.possible = (visible | doubtful) & (maybe_inside | maybe_within) & (s.z > -self.z_error)


def assert_true(batch: Batch, fragments: Fragments | None = None) -> None:
    """Slots hold faces that the pixel sees; no nearer one is missing; ids break ties."""
    fragments = batch.rasterize() if fragments is None else fragments
    K = batch.settings.get("faces_per_pixel", 1)
    pixels = math.prod(batch.image_size)
    meshes = len(batch.mesh_first_face) - 1
    assert fragments.pix_to_face.shape == (meshes, *batch.image_size, K)
    for n in range(meshes):
        first, last = batch.mesh_first_face[n : n + 2].tolist()
        ids = torch.from_numpy(fragments.pix_to_face[n].reshape(pixels, K).copy())
        z = torch.from_numpy(fragments.zbuf[n].reshape(pixels, K)).double()
        bary = torch.from_numpy(fragments.bary_coords[n].reshape(pixels, K, 3)).double()
        dists = torch.from_numpy(fragments.dists[n].reshape(pixels, K)).double()
        empty = ids < 0
        for values in (ids[empty], z[empty], bary[empty], dists[empty]):
            assert (values == -1).all(), "an empty slot holds something other than -1"
        assert (empty[:, 1:] >= empty[:, :-1]).all(), "a face behind an empty slot"
        if first == last:
            assert empty.all()
            continue
        assert ((ids >= first) & (ids < last) | empty).all(), "a face of another mesh"
        later = (z[:, 1:] > z[:, :-1]) | ((z[:, 1:] == z[:, :-1]) & (ids[:, 1:] > ids[:, :-1]))
        assert (later | empty[:, 1:]).all(), "slots are not in the order of (depth, id)"

        truth = Truth(batch, first, last)
        local = (ids - first).clamp(min=0)

        def at(
            table: torch.Tensor, local: torch.Tensor = local
        ) -> torch.Tensor:  # (P, F, ...) -> (P, K, ...)
            index = local.reshape(*local.shape, *[1] * (table.ndim - 2)).expand(-1, -1, *table.shape[2:])
            return table.expand(pixels, *table.shape[1:]).gather(1, index)

        full = ~empty
        listed = torch.zeros(pixels, last - first, dtype=torch.bool)
        listed[torch.nonzero(full)[:, 0], local[full]] = True
        assert listed.sum() == full.sum(), "a face twice at one pixel"
        assert (at(truth.possible) | empty).all(), "a face where there is none"
        z_error, farthest = at(truth.z_error), torch.where(full[:, -1], z[:, -1], math.inf)
        slack = truth.z_error + torch.where(full[:, -1], z_error[:, -1], 0)[:, None]
        missing = truth.certain & ~listed & (truth.samples.z < farthest[:, None] - slack)
        assert not missing.any(), f"a face is missing: pixel, face {torch.nonzero(missing)[0].tolist()}"

        assert ((z - at(truth.samples.z)).abs() <= z_error)[full].all(), "wrong depth"
        bary_error = (bary - at(truth.samples.bary)).abs()
        assert (bary_error <= at(truth.bary_error))[full].all(), "wrong barycentric coordinates"
        distance2 = at(truth.samples.distance2)
        assert ((dists.abs() - distance2).abs() <= at(truth.dist_error))[full].all(), "wrong distance"
        sure = full & (distance2 > 2 * at(truth.dist_error))
        assert ((dists < 0) == at(truth.samples.inside))[sure].all(), "wrong side of the boundary"


def random_batch(
    seed: int, meshes: int, image_size: tuple[int, int], dtype: Any, style: str, **options: Any
) -> Batch:
    """Ragged meshes of 0..12 faces over shared vertices.

    Styles: ``any`` coordinates; ``ties`` with vertices on pixel centres and equal depths, so that edges pass
    through centres; ``slivers`` of nearly collinear vertices; ``far`` with vertices up to 1e15 away;
    ``planes`` with vertices behind the camera and past the planes.
    """
    rng = np.random.default_rng(seed)
    verts, faces, counts = [np.zeros((0, 3))], [np.zeros((0, 3), np.int64)], [0]
    centers = reference.pixel_centers(image_size, torch.from_numpy(np.zeros(1, dtype)).dtype).numpy()
    for _ in range(meshes):
        start = sum(len(v) for v in verts)
        V, F = int(rng.integers(0, 9)), int(rng.integers(0, 13))
        v = np.column_stack((rng.uniform(-1.5, 1.5, (V, 2)), rng.uniform(0.5, 3, V)))
        if style == "ties":
            v[:, :2] = centers[rng.integers(0, len(centers), V)]
            v[:, 2] = rng.integers(1, 3, V)
        elif style == "slivers":
            v[:, 1] = v[:, 0] * rng.uniform(-1, 1) + rng.normal(0, 10 ** rng.uniform(-5, -0.5), V)
        elif style == "far":
            v[:, :2] *= 10 ** rng.uniform(0, 15, (V, 1))
        elif style == "planes":
            v[:, 2] = rng.uniform(-1, 5, V)
        F = F if V else 0
        verts.append(v)
        faces.append(start + rng.integers(0, max(V, 1), (F, 3)))
        counts.append(F)
    return Batch(
        np.concatenate(verts).astype(dtype), np.concatenate(faces), np.cumsum(counts), image_size, options
    )


@given(
    seed=st.integers(0, 2**32 - 1),
    meshes=st.integers(0, 3),
    image_size=st.tuples(st.integers(1, 20), st.integers(1, 20)),
    dtype=st.sampled_from((np.float32, np.float64)),
    style=st.sampled_from(("any", "ties", "slivers", "far", "planes")),
    K=st.sampled_from((1, 2, 4, 50, 200)),
    blur_radius=st.sampled_from((0.0, 1e-4, 1e-2, 0.3)),
    perspective=st.booleans(),
    clip=st.booleans(),
    cull=st.booleans(),
)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_random_batches(
    seed: int,
    meshes: int,
    image_size: tuple[int, int],
    dtype: Any,
    style: str,
    K: int,
    blur_radius: float,
    perspective: bool,
    clip: bool,
    cull: bool,
) -> None:
    planes = {"z_near": 0.7, "z_far": 3.5} if style == "planes" else {}
    batch = random_batch(
        seed,
        meshes,
        image_size,
        dtype,
        style,
        faces_per_pixel=K,
        blur_radius=blur_radius,
        perspective_correct=perspective,
        clip_barycentric_coords=clip,
        cull_backfaces=cull,
        **planes,
    )
    assert_true(batch)
