"""The CUDA kernels of soft_silhouette, emulated, against the CPU schedule."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from shapes import Meshes, by_vertex, covering_verts, make_meshes

from r3d_cli.backend import soft_silhouette as backend
from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.rasterize_meshes import RasterSettings, rasterize_meshes
from r3d_cli.backend.soft_silhouette import SoftSilhouette, soft_silhouette_bwd, soft_silhouette_fwd

pytestmark = pytest.mark.slow

SETTINGS = {
    "hard": RasterSettings(),
    "perspective": RasterSettings(perspective_correct=True),
    "clipped planes": RasterSettings(perspective_correct=True, z_near=1.0, z_far=2.5),
    "blurred": RasterSettings(blur_radius=1e-3),
    "culled": RasterSettings(blur_radius=1e-3, cull_backfaces=True),
    "blurred, perspective, near plane": RasterSettings(0.01, perspective_correct=True, z_near=0.9),
    "blurred, bounded to the face": RasterSettings(0.01, clip_barycentric_coords=True),
    "all": RasterSettings(0.05, True, True, False, 0.8, 2.0),
}
SIGMA = 0.01


def shared_vertices(num_faces: int = 40, seed: int = 1, dtype: type = np.float32) -> Meshes:
    """Two meshes with an empty one between them, of triangles that share vertices and intersect."""
    rng = np.random.default_rng(seed)
    verts = rng.uniform((-1.3, -1.3, 0.5), (1.3, 1.3, 3), (30, 3)).astype(dtype)
    faces = np.stack([rng.permutation(30)[:3] for _ in range(num_faces)])
    return verts, faces, np.array([0, num_faces // 2, num_faces // 2, num_faces])


def assert_same_gradient(got: np.ndarray, want: np.ndarray, tolerance: float) -> None:
    scale = np.abs(want).max()
    assert scale > 0
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * scale)


def assert_same(got: SoftSilhouette, want: SoftSilhouette, tolerance: float) -> None:
    """Where the CPU knows a limit that lets all faces of a pixel pass, the GPU may leave it open."""
    np.testing.assert_allclose(got.uncovered, want.uncovered, rtol=tolerance, atol=tolerance)
    if got.limit_depth is not None and got.limit_depth.size:
        limited = np.isfinite(got.limit_depth)
        np.testing.assert_array_equal(got.limit_face[~limited], 0x7FFFFFFF)
        np.testing.assert_array_equal(got.limit_face[limited], want.limit_face[limited])
        np.testing.assert_allclose(got.limit_depth[limited], want.limit_depth[limited], rtol=tolerance)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("faces_per_pixel", [None, 1, 5, 20])
@pytest.mark.parametrize("case", SETTINGS)
def test_equals_the_cpu_schedule(
    case: str, faces_per_pixel: int | None, dtype: type, emulation: Emulation
) -> None:
    """Ragged, with an empty mesh, on images wider, higher and smaller than a tile; both ways of summing."""
    rng = np.random.default_rng(0)
    tolerance = 2e-5 if dtype is np.float32 else 1e-11
    for meshes in (shared_vertices(dtype=dtype), make_meshes(60, 0, 90, dtype=dtype)):
        for image_size in ((20, 37), (5, 3)):
            options: dict[str, Any] = {"settings": SETTINGS[case]}
            arguments = SIGMA, faces_per_pixel
            want = soft_silhouette_fwd(*meshes, image_size, *arguments, **options)
            assert (want.uncovered < 0.5).any()
            grad = rng.normal(size=want.uncovered.shape).astype(dtype)
            want_grad = soft_silhouette_bwd(*meshes, want, grad, *arguments, **options)
            options["device"] = emulation
            for in_order in (False, True):
                got = soft_silhouette_fwd(*meshes, image_size, *arguments, in_order=in_order, **options)
                assert got.uncovered.dtype == dtype
                assert_same(got, want, tolerance)
                corners = by_vertex(meshes) if in_order else None
                got_grad = soft_silhouette_bwd(*meshes, got, grad, *arguments, corners=corners, **options)
                assert_same_gradient(got_grad, want_grad, 10 * tolerance)


def test_limits_are_those_of_the_fragments() -> None:
    """The K-th nearest of the exposed rasterizer, with more faces in a tile than a batch holds."""
    verts, faces, first = make_meshes(700, size=0.4)
    verts[:, :2] *= 0.15
    settings = {"blur_radius": 1e-3, "perspective_correct": True}
    for K in (1, 8, 9, 30):
        fragments = rasterize_meshes(verts, faces, first, (20, 20), faces_per_pixel=K + 1, **settings)
        got = soft_silhouette_fwd(
            verts, faces, first, (20, 20), SIGMA, K, settings=RasterSettings(**settings), device=Emulation()
        )
        limited = fragments.pix_to_face[..., K] >= 0
        assert limited.any()
        assert not limited.all()
        np.testing.assert_array_equal(np.isfinite(got.limit_depth), limited)
        np.testing.assert_array_equal(got.limit_face[limited], fragments.pix_to_face[..., K - 1][limited])


@pytest.mark.parametrize("faces_per_pixel", [1, 10, 59, 60])
def test_ties_go_to_the_lowest_ids(faces_per_pixel: int, emulation: Emulation) -> None:
    """Sixty copies of a face: as many count as may, whatever the list's order."""
    verts = np.array([[-1, -1, 2], [1, -1, 2], [0, 1.5, 2]], np.float32)
    faces, first = np.tile(np.arange(3), (60, 1)), np.array([0, 60])
    options: dict[str, Any] = {"settings": RasterSettings(), "device": emulation}
    one = soft_silhouette_fwd(verts, faces[:1], np.array([0, 1]), (20, 20), 1.0, **options).uncovered
    got = soft_silhouette_fwd(verts, faces, first, (20, 20), 1.0, faces_per_pixel, **options)
    np.testing.assert_allclose(got.uncovered, one**faces_per_pixel, rtol=1e-4)
    limited = np.isfinite(got.limit_depth)
    np.testing.assert_array_equal(limited, (one < 1) & (faces_per_pixel < 60))
    assert (got.limit_face[limited] == faces_per_pixel - 1).all()


@pytest.mark.parametrize("faces_per_pixel", [None, 3])
def test_small_budgets_take_several_bands(faces_per_pixel: int | None, emulation: Emulation) -> None:
    meshes = make_meshes(90, 0, 150, size=0.6)
    options: dict[str, Any] = {"settings": RasterSettings(1e-3), "in_order": True, "device": emulation}
    want = soft_silhouette_fwd(*meshes, (70, 40), SIGMA, faces_per_pixel, **options)
    for budget in (0, 1500):
        got = soft_silhouette_fwd(
            *meshes, (70, 40), SIGMA, faces_per_pixel, workspace_budget=budget, **options
        )
        for a, b in zip(got, want, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("faces_per_pixel", [None, 12])
def test_in_order_repeats_bit_by_bit(faces_per_pixel: int | None) -> None:
    """Whatever the order of threads, on lists longer than a batch and faces larger than a warp's."""
    small = make_meshes(300, size=0.2)[0] * (0.3, 0.3, 1)
    verts = np.concatenate([small, covering_verts(20)]).astype(np.float32)
    faces = np.arange(len(verts)).reshape(-1, 3) % (len(verts) - 6)
    meshes = verts, faces, np.array([0, len(faces)])
    options: dict[str, Any] = {"settings": RasterSettings(1e-3, perspective_correct=True)}
    results = []
    for seed in range(4):
        options["device"] = Emulation(order="random", seed=seed)
        got = soft_silhouette_fwd(*meshes, (70, 66), SIGMA, faces_per_pixel, in_order=True, **options)
        grad = np.random.default_rng(0).normal(size=got.uncovered.shape).astype(np.float32)
        grad_verts = soft_silhouette_bwd(
            *meshes, got, grad, SIGMA, faces_per_pixel, corners=by_vertex(meshes), **options
        )
        results.append([array.tobytes() for array in (*got, grad_verts)])
    assert results[1:] == results[:-1]


def test_large_faces_are_shared_and_chunks_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Faces over the whole picture beside small ones, in chunks that do not fall together with blocks."""
    verts = np.concatenate([make_meshes(60, size=0.2)[0], covering_verts(20)]).astype(np.float32)
    faces = np.arange(len(verts)).reshape(-1, 3)
    faces[:60] %= 50  # that share vertices
    meshes = verts, faces, np.array([0, 30, 80])
    options: dict[str, Any] = {"settings": RasterSettings(1e-3, perspective_correct=True)}
    forward = soft_silhouette_fwd(*meshes, (90, 80), SIGMA, **options)
    grad = np.random.default_rng(0).normal(size=forward.uncovered.shape).astype(np.float32)
    want = soft_silhouette_bwd(*meshes, forward, grad, SIGMA, **options)
    for chunk, rows in ((2**18, 1), (2**18, 3), (37, 1)):
        monkeypatch.setattr(backend, "FACES_AT_ONCE", chunk)
        monkeypatch.setattr(backend, "MOST_ROWS", rows)
        for corners in (None, by_vertex(meshes)):
            got = soft_silhouette_bwd(
                *meshes, forward, grad, SIGMA, corners=corners, device=Emulation("random"), **options
            )
            assert_same_gradient(got, want, 1e-4)


@pytest.mark.parametrize("perspective", [False, True])
def test_gradients_of_bad_faces_are_finite(perspective: bool) -> None:
    """Slivers, edge-on, zero-area, huge and near-plane faces; the same numbers as on the CPU."""
    rng = np.random.default_rng(0)
    count = 300
    a = rng.uniform((-1, -1, 0.5), (1, 1, 3), (5 * count, 3))
    along, aside = rng.normal(size=(2, 5 * count, 3))
    kinds = np.repeat(np.arange(5), count)
    aside[kinds == 0] *= 10.0 ** rng.uniform(-30, -3, (count, 1))
    aside[kinds == 1] = along[kinds == 1] * (1, 1, 5) * rng.uniform(0, 2, (count, 1))
    aside[kinds == 2] *= 0
    a[kinds == 3, 2] = 10.0 ** rng.uniform(-8, -1, count)
    scale = np.where(kinds == 4, 10.0 ** rng.uniform(-25, 12, len(a)), 0.3)[:, None]
    verts = np.stack([a, a + scale * along, a + scale * aside], 1).reshape(-1, 3).astype(np.float32)
    meshes = verts, np.arange(len(verts)).reshape(-1, 3), np.arange(6) * count
    options: dict[str, Any] = {"settings": RasterSettings(1e-3, perspective, z_near=1e-4)}
    want = soft_silhouette_fwd(*meshes, (16, 16), SIGMA, 40, **options)
    grad = rng.normal(size=want.uncovered.shape).astype(np.float32)
    want_grad = soft_silhouette_bwd(*meshes, want, grad, SIGMA, 40, **options)
    options["device"] = Emulation()
    got = soft_silhouette_fwd(*meshes, (16, 16), SIGMA, 40, **options)
    np.testing.assert_allclose(got.uncovered, want.uncovered, rtol=1e-3, atol=1e-5)
    got_grad = soft_silhouette_bwd(*meshes, want, grad, SIGMA, 40, **options)
    assert np.isfinite(got_grad).all()
    np.testing.assert_allclose(got_grad, want_grad, rtol=1e-3, atol=1e-4)


def test_no_faces_no_meshes(emulation: Emulation) -> None:
    verts, faces = np.zeros((4, 3), np.float32), np.zeros((0, 3), np.int64)
    options: dict[str, Any] = {"settings": RasterSettings(1e-3), "device": emulation}
    for faces_per_pixel in (None, 2):
        for first in ([0], [0, 0, 0]):
            meshes = verts, faces, np.array(first)
            got = soft_silhouette_fwd(*meshes, (4, 6), SIGMA, faces_per_pixel, **options)
            assert got.uncovered.shape == (len(first) - 1, 4, 6)
            assert (got.uncovered == 1).all()
            for corners in (None, by_vertex(meshes)):
                grad = soft_silhouette_bwd(
                    *meshes, got, got.uncovered, SIGMA, faces_per_pixel, corners=corners, **options
                )
                assert grad.shape == (4, 3)
                assert not grad.any()


def test_a_face_past_the_vertices_is_named(emulation: Emulation) -> None:
    verts, faces, first = make_meshes(50)
    faces[7, 2] = faces[31, 0] = 150
    with pytest.raises(IndexError, match=r"soft_silhouette: face 7 names a vertex outside \[0, 150\)"):
        soft_silhouette_fwd(verts, faces, first, (8, 8), SIGMA, settings=RasterSettings(), device=emulation)
