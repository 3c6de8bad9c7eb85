"""The CUDA kernels of rasterize_meshes, emulated, against the CPU schedule and the recorded cases."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shapes import assert_same, by_vertex, make_meshes

from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.rasterize_meshes import Fragments, rasterize_meshes, rasterize_meshes_bwd

CASES = {
    "one face": {},
    "one face, perspective": {"perspective_correct": True},
    "one face, clipped planes": {"perspective_correct": True, "z_near": 1.0, "z_far": 2.5},
    "one face, blurred": {"blur_radius": 1e-3},
    "culled": {"cull_backfaces": True, "faces_per_pixel": 3},
    "few": {"faces_per_pixel": 5, "perspective_correct": True, "z_near": 0.9},
    "few, blurred": {"faces_per_pixel": 8, "blur_radius": 1e-2, "clip_barycentric_coords": True},
    "sorted in place": {
        "faces_per_pixel": 20,
        "blur_radius": 1e-3,
        "perspective_correct": True,
        "z_far": 2.0,
    },
    "heap": {"faces_per_pixel": 50, "blur_radius": 0.05, "clip_barycentric_coords": True},
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_equals_the_cpu_schedule(case: str, dtype: type, emulation: Emulation) -> None:
    """Ragged, with an empty mesh in the middle, on images wider, higher and smaller than a tile."""
    meshes = make_meshes(120, 0, 300, dtype=dtype)
    for image_size in ((24, 56), (50, 17), (5, 3)):
        want = rasterize_meshes(*meshes, image_size, **CASES[case])
        got = rasterize_meshes(*meshes, image_size, device=emulation, **CASES[case])
        assert got.zbuf.dtype == dtype
        assert_same(got, want)


@pytest.mark.parametrize("faces_per_pixel", [2, 12, 40])
def test_small_budgets_take_several_bands(faces_per_pixel: int, emulation: Emulation) -> None:
    meshes = make_meshes(90, 0, 150, size=0.6)
    options = {"faces_per_pixel": faces_per_pixel, "blur_radius": 1e-3, "device": emulation}
    want = rasterize_meshes(*meshes, (70, 40), **options)
    for budget in (0, 200, 1500):
        got = rasterize_meshes(*meshes, (70, 40), workspace_budget=budget, **options)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_array_equal(a, b)


def test_bands_respect_the_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every list but that of a single overfull tile fits; every tile is in exactly one band."""
    launches = []
    device = Emulation()
    kernels = device.kernels("tile_lists", "float32")
    launch = kernels.launch

    def record(name: str, *arguments: Any, **options: Any) -> None:
        launches.append((name, arguments))
        launch(name, *arguments, **options)

    monkeypatch.setattr(kernels, "launch", record)
    rasterize_meshes(*make_meshes(200), (64, 64), faces_per_pixel=2, workspace_budget=4 * 150, device=device)
    fills = [a[1] for name, a in launches if name.endswith("fill")]
    bands = [(fill["first_tile"], fill["last_tile"], fill["list"]) for fill in fills]
    assert len(bands) > 2
    assert bands[0][0] == 0
    assert bands[-1][1] == 16
    assert all(before[1] == after[0] for before, after in itertools.pairwise(bands))
    assert all(lists.size <= 150 for _, _, lists in bands)


@pytest.mark.parametrize("perspective_correct", [False, True])
def test_zbuffer_equals_the_general_path(perspective_correct: bool, emulation: Emulation) -> None:
    """Faces for a thread, for a warp and for the grid, against the nearest of the two nearest."""
    small, large = make_meshes(400, size=0.05), make_meshes(12, size=1.5, seed=1)
    verts = np.concatenate([small[0], large[0]])
    faces = np.concatenate([small[1], large[1] + len(small[0])])
    options = {"perspective_correct": perspective_correct, "z_near": 0.7, "device": emulation}
    for first in ([0, 412], [0, 5, 5, 412]):
        meshes = (verts, faces, np.array(first))
        got = rasterize_meshes(*meshes, (90, 110), **options)
        want = rasterize_meshes(*meshes, (90, 110), faces_per_pixel=2, **options)
        for a, b in zip(got, want, strict=True):
            np.testing.assert_array_equal(a[:, :, :, 0], b[:, :, :, 0])
    assert (got.pix_to_face >= 400).any()
    assert {"rasterize_meshes_zbuffer_large", "rasterize_meshes_fine_few"} <= emulation.launched


@pytest.mark.parametrize("faces_per_pixel", [1, 2, 10, 40])
def test_ties_go_to_the_lowest_id(faces_per_pixel: int, emulation: Emulation) -> None:
    """Sixty copies of one face: the list's order, and which copies are evicted, must not show."""
    verts = np.array([[-1, -1, 2], [1, -1, 2], [0, 1.5, 2]], np.float32)
    faces = np.tile(np.arange(3), (60, 1))
    for blur in (0.0, 1e-3):
        got = rasterize_meshes(
            verts,
            faces,
            np.array([0, 60]),
            (20, 20),
            faces_per_pixel=faces_per_pixel,
            blur_radius=blur,
            device=emulation,
        )
        covered = got.pix_to_face[got.pix_to_face[..., 0] >= 0]
        assert len(covered)
        assert (covered == np.arange(faces_per_pixel)).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("faces_per_pixel", [1, 3, 11, 40])
def test_layers_are_bitwise_those_of_a_larger_k(
    faces_per_pixel: int, dtype: type, emulation: Emulation
) -> None:
    """K at a time, each after the last: with copies of faces, whose order is that of their ids."""
    verts, _, first = make_meshes(40, 0, 80, size=0.6, dtype=dtype)
    verts[-60:] = verts[150:210]
    options: dict[str, Any] = {"blur_radius": 1e-3, "perspective_correct": True, "device": emulation}
    mesh = verts, np.arange(360).reshape(-1, 3), first
    everything = rasterize_meshes(*mesh, (21, 18), faces_per_pixel=120, **options)
    depth = int((everything.pix_to_face >= 0).sum(-1).max())
    assert depth >= 12
    after = np.full((3, 21, 18), -1, dtype), np.full((3, 21, 18), -1)
    for begin in range(0, depth + 1, faces_per_pixel):
        place = {"after_zbuf": after[0], "after_face": after[1]}
        got = rasterize_meshes(*mesh, (21, 18), faces_per_pixel=faces_per_pixel, **place, **options)
        for a, b in zip(got, everything, strict=True):
            np.testing.assert_array_equal(a, b[:, :, :, begin : begin + faces_per_pixel])
        last = got.pix_to_face[..., -1]
        after = np.where(last < 0, np.inf, got.zbuf[..., -1]).astype(dtype), last.copy()


def test_no_faces_no_meshes(emulation: Emulation) -> None:
    verts, faces = np.zeros((0, 3), np.float32), np.zeros((0, 3), np.int64)
    for faces_per_pixel in (1, 2):
        for first in ([0], [0, 0, 0]):
            got = rasterize_meshes(
                verts, faces, np.array(first), (4, 6), faces_per_pixel=faces_per_pixel, device=emulation
            )
            assert got.pix_to_face.shape == (len(first) - 1, 4, 6, faces_per_pixel)
            assert all((array == -1).all() for array in got)


@pytest.mark.parametrize("faces_per_pixel", [1, 2])
def test_outputs_are_optional(faces_per_pixel: int) -> None:
    meshes = make_meshes(50)
    options = {"faces_per_pixel": faces_per_pixel, "device": Emulation()}
    want = rasterize_meshes(*meshes, (20, 20), **options)
    got = rasterize_meshes(
        *meshes, (20, 20), want_zbuf=False, want_bary_coords=False, want_dists=False, **options
    )
    assert got[1:] == (None, None, None)
    np.testing.assert_array_equal(got.pix_to_face, want.pix_to_face)


@pytest.mark.parametrize("faces_per_pixel", [1, 2])
@pytest.mark.parametrize("bad", [-1, 150])
def test_the_first_bad_face_is_named(bad: int, faces_per_pixel: int, emulation: Emulation) -> None:
    verts, faces, first = make_meshes(50)
    faces[7, 2] = faces[31, 0] = bad
    with pytest.raises(IndexError, match=rf"face 7 names a vertex outside \[0, 150\): \[21, 22, {bad}\]"):
        rasterize_meshes(verts, faces, first, (8, 8), faces_per_pixel=faces_per_pixel, device=emulation)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("faces_per_pixel", [1, 3])
def test_vertices_at_pixel_centres(faces_per_pixel: int, dtype: type, emulation: Emulation) -> None:
    """A fan and a grid on the lattice of centres: each pixel in one face, the same as on the CPU."""
    side = 16
    center = (2 * np.arange(side) + 1) / side - 1
    x, y = np.meshgrid(center, center)
    grid = np.stack([x, y, np.ones_like(x)], -1).reshape(-1, 3).astype(dtype)
    corner = (np.arange(side - 1)[:, None] * side + np.arange(side - 1)).reshape(-1, 1)
    faces = np.concatenate([corner + (0, 1, side), corner + (side + 1, side, 1)])
    rim = [0, side - 1, side * side - 1, side * (side - 1)]
    fan = [[side * 5 + 9, rim[i], rim[(i + 1) % 4]] for i in range(4)]
    for mesh in (faces, np.array(fan)):
        first = np.array([0, len(mesh)])
        options = {"faces_per_pixel": faces_per_pixel}
        want = rasterize_meshes(grid, mesh, first, (side, side), **options)
        got = rasterize_meshes(grid, mesh, first, (side, side), device=emulation, **options)
        np.testing.assert_array_equal(got.pix_to_face, want.pix_to_face)
        assert (got.pix_to_face[0, 1:-1, 1:-1] >= 0).sum() == (side - 2) ** 2


def test_unbounded_coordinates(emulation: Emulation) -> None:
    """Not finite: skipped. Huge: covered like any other face."""
    verts, faces, first = make_meshes(40)
    verts[3], verts[10, 2], verts[20, 0] = np.nan, np.inf, -np.inf
    verts[30:33] = [[-3e30, -3e30, 1], [3e30, -3e30, 1], [0, 3e30, 1]]
    for faces_per_pixel in (1, 3):
        options = {"faces_per_pixel": faces_per_pixel}
        want = rasterize_meshes(verts, faces, first, (20, 20), **options)
        got = rasterize_meshes(verts, faces, first, (20, 20), device=emulation, **options)
        assert_same(got, want)
    assert (got.pix_to_face == 10).any()
    assert not np.isin(got.pix_to_face, [1, 3, 6]).any()


RECORDED = ["hard", "persp_k4", "blur_k8", "blur_persp_clip_k8", "cull_k3", "wide", "tall", "k50"]


@pytest.mark.parametrize("name", RECORDED)
def test_recorded_cases(name: str, shared_data: Path) -> None:
    """PyTorch3D's answers, whose epsilons move numbers on slivers a little."""
    case = np.load(shared_data / "pytorch3d_cases" / f"raster_{name}.npz")
    verts = [case[f"verts_ndc_{i}"] for i in range(2)]
    faces = np.concatenate([case["faces_0"], case["faces_1"] + len(verts[0])])
    first = np.array([0, len(case["faces_0"]), len(faces)])
    got = rasterize_meshes(
        np.concatenate(verts),
        faces,
        first,
        tuple(map(int, case["image_size"])),
        faces_per_pixel=int(case["K"]),
        blur_radius=float(case["blur_radius"]),
        device=Emulation(order="random"),
        **{k: bool(case[k]) for k in ("perspective_correct", "clip_barycentric_coords", "cull_backfaces")},
    )
    want = Fragments(*(case[field] for field in Fragments._fields))
    assert_same(got, want, tolerance=2e-4)


@pytest.mark.parametrize("faces_per_pixel", [1, 3])
def test_the_backward_of_faces_large_and_small(faces_per_pixel: int, emulation: Emulation) -> None:
    """Faces over the whole picture, which a block sums and runs of pixels share, beside small ones; ids of no
    face give nothing."""
    small, large = (
        make_meshes(60, size=0.1, dtype=np.float64),
        make_meshes(2, size=3, dtype=np.float64, seed=1),
    )
    verts = np.concatenate([small[0], large[0]])
    mesh = verts, np.arange(len(verts)).reshape(-1, 3), np.array([0, 62])
    fragments = rasterize_meshes(*mesh, (70, 80), faces_per_pixel=faces_per_pixel)
    grads = [np.random.default_rng(i).normal(size=part.shape) for i, part in enumerate(fragments[1:])]
    want = rasterize_meshes_bwd(*mesh, fragments.pix_to_face, *grads)
    for corners in (None, by_vertex(mesh)):
        got = rasterize_meshes_bwd(*mesh, fragments.pix_to_face, *grads, corners=corners, device=emulation)
        np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11 * np.abs(want).max())
    beyond = np.where(fragments.pix_to_face == 61, 10**9, fragments.pix_to_face)
    got = rasterize_meshes_bwd(*mesh, beyond, *grads, device=emulation)
    assert not got[183:].any()
    np.testing.assert_allclose(got[:183], want[:183], rtol=1e-9, atol=1e-11 * np.abs(want).max())


def test_a_face_over_many_pixels_is_added_once_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several runs of pixels a warp, as in large pictures."""
    monkeypatch.setattr("r3d_cli.backend.rasterize_meshes.PIXELS_TO_SHARE", 512)
    mesh = make_meshes(3, size=2, dtype=np.float64)
    fragments = rasterize_meshes(*mesh, (64, 70))
    grads = [np.ones_like(part) for part in fragments[1:]]
    want = rasterize_meshes_bwd(*mesh, fragments.pix_to_face, *grads)
    got = rasterize_meshes_bwd(*mesh, fragments.pix_to_face, *grads, device=Emulation("random"))
    np.testing.assert_allclose(got, want, rtol=1e-9, atol=1e-11 * np.abs(want).max())
