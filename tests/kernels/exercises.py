"""One small run of each kernel file that launches all of its kernels and checks what they wrote.

The race, mutation and sanitizer tests repeat these runs, the last two in a process of their own:
``python exercises.py STEM BUILD ORDER [BARRIER]`` leaves out the barrier of that number.
A new kernel file takes an entry in ``EXERCISES``; a test names the kernels that no run launches.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable

import numpy as np

from r3d_cli.backend.antialias import (
    antialias_bwd_color,
    antialias_bwd_edges,
    antialias_bwd_verts,
    antialias_fwd,
)
from r3d_cli.backend.arrays import NumpyArrays
from r3d_cli.backend.emulation import Emulation
from r3d_cli.backend.mesh_edges import mesh_edges
from r3d_cli.backend.mesh_normals import (
    face_areas_normals_bwd,
    face_areas_normals_fwd,
    vertex_normals_bwd,
    vertex_normals_fwd,
)
from r3d_cli.backend.packed_to_padded import packed_to_padded_bwd, packed_to_padded_fwd
from r3d_cli.backend.rasterize_meshes import (
    Fragments,
    RasterSettings,
    rasterize_meshes,
    rasterize_meshes_bwd,
)
from r3d_cli.backend.scan import exclusive_scan
from r3d_cli.backend.shade_meshes import Surface, shade_meshes
from r3d_cli.backend.signatures import blank_comments_and_strings
from r3d_cli.backend.soft_silhouette import soft_silhouette_bwd, soft_silhouette_fwd
from r3d_cli.backend.sort_runs import sort_runs
from r3d_cli.backend.sources import kernel_source
from r3d_cli.backend.tile_lists import tile_lists
from r3d_cli.backend.vertex_corners import vertex_corners
from r3d_cli.backend.weighted_rows import (
    weighted_rows_fwd,
    weighted_rows_rows_bwd,
    weighted_rows_weights_bwd,
)

Meshes = tuple[np.ndarray, np.ndarray, np.ndarray]


def make_meshes(*faces_per_mesh: int, size: float = 0.3, dtype: type = np.float32, seed: int = 0) -> Meshes:
    """Packed meshes of independent random triangles: vertices, faces, first faces."""
    rng = np.random.default_rng(seed)
    count = sum(faces_per_mesh)
    centers = np.concatenate([rng.uniform(-1.1, 1.1, (count, 1, 2)), rng.uniform(0.5, 3, (count, 1, 1))], 2)
    corners = centers + rng.normal(0, size, (count, 3, 3)) * (1, 1, 0.5)
    verts = corners.reshape(-1, 3).astype(dtype)
    first = np.concatenate([[0], np.cumsum(faces_per_mesh)]).astype(np.int64)
    return verts, np.arange(3 * count).reshape(-1, 3), first


def covering_verts(count: int, seed: int = 1) -> np.ndarray:  # (3 count, 3)
    """Of faces over the whole picture, one behind another."""
    corners = np.array([[-5, -5, 2.5], [5, -5, 2.5], [0, 7, 2.5]])
    return np.tile(corners, (count, 1)) + np.random.default_rng(seed).normal(0, 0.3, (3 * count, 3))


def assert_same(got: Fragments, want: Fragments, tolerance: float = 1e-5) -> None:
    """The same faces, but for depths that tie once rounded; the same numbers, but for rounding."""
    same = got.pix_to_face == want.pix_to_face
    swapped = ~same & (got.pix_to_face >= 0) & (want.pix_to_face >= 0)
    swapped &= np.abs(got.zbuf - want.zbuf) <= tolerance
    assert (same | swapped).all(), f"{(~(same | swapped)).sum()} of {same.size} slots hold other faces"
    for name in ("zbuf", "bary_coords", "dists"):
        a, b = getattr(got, name)[same], getattr(want, name)[same]
        np.testing.assert_allclose(a, b, rtol=1e-3, atol=tolerance, err_msg=name)


def by_vertex(meshes: Meshes) -> tuple[np.ndarray, np.ndarray]:
    """What ``vertex_corners`` makes of the faces."""
    flat = meshes[1].ravel()
    corners = np.argsort(flat, kind="stable").astype(np.int32)
    return np.searchsorted(flat[corners], np.arange(len(meshes[0]) + 1)).astype(np.int32), corners


def scan(device: Emulation) -> None:
    """Three levels of chunks are not needed to reach both kernels: two are."""
    values = np.random.default_rng(0).integers(0, 100, 2500)
    want = np.concatenate([[0], np.cumsum(values)[:-1]])
    exclusive_scan(values, len(values), device.kernels("scan", "float32"), NumpyArrays())
    np.testing.assert_array_equal(values, want)


def list_tiles(device: Emulation) -> None:
    """Boxes for a thread and for a block, several blocks; lists that are sorted, in several bands."""
    rng = np.random.default_rng(0)
    corner = rng.integers(0, 90, (600, 2))
    boxes = np.concatenate([corner, np.minimum(corner + rng.integers(0, 9, (600, 2)), 89)], 1)
    boxes[::40] = (0, 0, 89, 89)
    boxes, first, depths = boxes.astype(np.int16), np.array([0, 350, 350, 600]), rng.uniform(1, 2, 600)
    for budget in (1 << 20, 4 * 600):
        options = {"tile": 16, "depths": depths, "workspace_budget": budget}
        got = tile_lists(boxes, first, (90, 90), device=device, **options)
        for band, want in zip(got, tile_lists(boxes, first, (90, 90), **options), strict=True):
            np.testing.assert_array_equal(band.offsets, want.offsets)
            held = want.offsets[want.last_tile] - want.offsets[want.first_tile]
            np.testing.assert_array_equal(band.lists[:held], want.lists[:held])


def rasterize(device: Emulation) -> None:
    """Faces for one thread, a warp and the grid; lists longer than a batch; registers, insertion and heap."""
    verts = make_meshes(400)[0]
    verts[:, :2] = verts[:, :2] * 0.15 + (0.1, -0.05)  # nearly all in one tile
    large = make_meshes(8, size=1, seed=3)
    verts = np.concatenate([verts, large[0], 8 * large[0][:6]])
    faces = np.arange(len(verts)).reshape(-1, 3)
    first = np.array([0, 406, 406, len(faces)])
    for faces_per_pixel, image_size in ((1, (70, 82)), (2, (70, 82)), (9, (18, 20)), (34, (18, 20))):
        options = {"image_size": image_size, "faces_per_pixel": faces_per_pixel}
        want = rasterize_meshes(verts, faces, first, **options)
        assert_same(rasterize_meshes(verts, faces, first, device=device, **options), want)
        after = {"after_zbuf": want.zbuf[..., 0].copy(), "after_face": want.pix_to_face[..., 0].copy()}
        after["after_zbuf"][:, ::5] = np.inf
        want = rasterize_meshes(verts, faces, first, **options, **after)
        assert_same(rasterize_meshes(verts, faces, first, device=device, **options, **after), want)
    rasterize_gradients(device)


def rasterize_gradients(device: Emulation) -> None:
    """Faces that share vertices, cut by the planes, seen inside and in the blur; both ways of summing."""
    rng = np.random.default_rng(5)
    verts = rng.uniform((-1.1, -1.1, 0.5), (1.1, 1.1, 3), (30, 3)).astype(np.float32)
    faces = np.stack([rng.permutation(30)[:3] for _ in range(20)])
    first = np.array([0, 12, 12, 20])
    settings = {"blur_radius": 0.01, "perspective_correct": True, "z_near": 1.0, "z_far": 2.5}
    fragments = rasterize_meshes(verts, faces, first, (10, 13), faces_per_pixel=3, **settings)
    grads = [rng.normal(size=part.shape).astype(np.float32) for part in fragments[1:]]
    arguments = verts, faces, first, fragments.pix_to_face, *grads
    want = rasterize_meshes_bwd(*arguments, **settings)
    assert np.abs(want).max() > 1
    for corners in (None, by_vertex((verts, faces, first))):
        got = rasterize_meshes_bwd(*arguments, corners=corners, device=device, **settings)
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


def shade(device: Emulation) -> None:
    """Two materials, one see-through; more layers than a sample keeps, so that the flag is raised as well;
    a texture, lines along the edges, a picture behind."""
    verts, faces, first = make_meshes(60, size=0.8)
    layers = 4
    fragments = rasterize_meshes(verts, faces, first, (24, 20), faces_per_pixel=layers)
    materials = np.array([[1, 1, 1, 1] + [0] * 6 + [32, 0.5], [1, 0.5, 0.2, 0.1] + [0] * 6 + [8, 0.5]])
    codes = np.array([[0, -1, 0, 0], [-1, -1, 2, 0]], np.int32)
    blended = (np.arange(60) % 3 > 0).astype(np.int32)
    texels = np.random.default_rng(0).integers(0, 256, (21, 4), dtype=np.uint8)
    surface = Surface(
        verts, faces, None, None, 3 * verts[:, :2].copy(), faces, None, blended,
        materials.astype(np.float32), codes, texels, np.array([[0, 4, 4, 3, 0, 2, 0]]),
        np.linspace(0, 1, 511, dtype=np.float32),
    )  # fmt: skip
    light = np.array([[1, 2, -3, 0] + [0.1] * 3 + [0.6] * 3 + [0.2] * 3 + [0.5]], np.float32)
    scene = (fragments, surface, light, np.array([0, 0, 0, 1], np.float32), np.ones(4, np.float32))
    backdrop = np.random.default_rng(1).integers(0, 256, (12, 10, 4), dtype=np.uint8)
    wireframe = np.array([1, 0, 0, 1e-3], np.float32)
    for more in ({}, {"shading": "gouraud", "focal": 20.0, "backdrop": backdrop, "wireframe": wireframe}):
        options = {"supersampling": 2, "want_linear": True, **more}
        want, got = shade_meshes(*scene, **options), shade_meshes(*scene, device=device, **options)
        assert not want.finished
        assert got.finished == want.finished
        np.testing.assert_allclose(got.linear, want.linear, atol=1e-4)
        assert np.abs(got.image.astype(int) - want.image).max() <= 1


def silhouette(device: Emulation) -> None:
    """Lists longer than a batch, more faces at a pixel than count, a block of faces over the picture."""
    small = make_meshes(280, size=0.1)[0] * (0.2, 0.2, 1)
    verts = np.concatenate([small, covering_verts(12)]).astype(np.float32)
    faces = np.arange(len(verts)).reshape(-1, 3) % (len(verts) - 3)
    batch, few = (verts, faces, np.array([0, 286, 286, 292])), (verts, faces[-3:], np.array([0, 3]))
    settings, sigma = RasterSettings(1e-3, perspective_correct=True, z_near=0.6), 0.02
    for meshes, faces_per_pixel, image_size in (
        (batch, None, (18, 20)),
        (batch, 9, (18, 20)),
        (few, 2, (66, 70)),
    ):
        want = soft_silhouette_fwd(*meshes, image_size, sigma, faces_per_pixel, settings=settings)
        grad = np.random.default_rng(0).normal(size=want.uncovered.shape).astype(np.float32)
        want_grad = soft_silhouette_bwd(*meshes, want, grad, sigma, faces_per_pixel, settings=settings)
        for corners in (None, by_vertex(meshes)):
            how = {"settings": settings, "device": device}
            in_order = corners is not None
            got = soft_silhouette_fwd(*meshes, image_size, sigma, faces_per_pixel, in_order=in_order, **how)
            np.testing.assert_allclose(got.uncovered, want.uncovered, rtol=1e-4, atol=1e-6)
            got_grad = soft_silhouette_bwd(*meshes, got, grad, sigma, faces_per_pixel, corners=corners, **how)
            np.testing.assert_allclose(got_grad, want_grad, rtol=1e-3, atol=1e-4 * np.abs(want_grad).max())


def shade_softly(device: Emulation) -> None:
    """Long lists, more faces at a pixel than count, a block of faces over the picture; maps, whose texels'
    gradients are added up as integers where they must repeat."""
    from phong_scenes import assert_same_shading, phong_scene

    small = make_meshes(265, size=0.1)[0] * (0.2, 0.2, 1)
    verts = np.concatenate([small, covering_verts(10)]).astype(np.float32)
    faces = np.arange(len(verts)).reshape(-1, 3) % (len(verts) - 3)
    batch, few = (verts, faces, np.array([0, 268, 268, 275])), (verts, faces[-3:], np.array([0, 3]))
    settings = RasterSettings(1e-3, perspective_correct=True, z_near=0.6)
    for meshes, texture, faces_per_pixel, image_size in (
        (batch, "maps", 9, (18, 20)),
        (few, "vertices", 2, (65, 66)),
    ):
        scene = phong_scene(
            *meshes,
            image_size=image_size,
            faces_per_pixel=faces_per_pixel,
            settings=settings,
            texture=texture,
        )
        want = scene.run()
        for corners in (None, by_vertex(meshes)):
            assert_same_shading(scene.run(device, corners), want, 1e-4)


def fans(*sizes: int) -> np.ndarray:  # (sum of sizes, 3)
    """Closed fans, each of so many faces round a vertex of its own."""
    faces, first = [], 0
    for size in sizes:
        rim = np.arange(size)
        faces.append(first + np.stack([np.zeros(size, int), rim + 1, (rim + 1) % size + 1], 1))
        first += size + 1
    return np.concatenate(faces)


def runs(device: Emulation) -> None:
    """Runs for a thread and for a block, longer than the block; more long ones than one."""
    lengths = [20, 600, 0, 7, 50, 40]
    values = np.random.default_rng(0).integers(0, 500, sum(lengths)).astype(np.int32)
    want = np.concatenate([np.sort(run) for run in np.split(values, np.cumsum(lengths)[:-1])])
    kernels = device.kernels("sort_runs", "float32")
    first = sort_runs(np.cumsum(lengths), values, len(lengths), kernels, NumpyArrays())
    np.testing.assert_array_equal(values, want)
    np.testing.assert_array_equal(first, [0, *np.cumsum(lengths)])


def faces_alone(op: Callable[..., tuple[np.ndarray, np.ndarray]]) -> Callable[[Emulation], None]:
    """An op on faces, over vertices of many faces and of few."""

    def exercise(device: Emulation) -> None:
        faces = fans(3, 80, 300)
        count = int(faces.max()) + 3
        for got, want in zip(op(faces, count, device=device), op(faces, count), strict=True):
            np.testing.assert_array_equal(got, want)

    return exercise


def pad_and_pack(device: Emulation) -> None:
    """Rows before the first element, an empty element, several blocks; words of both sizes."""
    first, max_size = np.array([2, 70, 70]), 70
    for name in ("float32", "int64"):
        packed = np.random.default_rng(0).integers(1, 9, (100, 3)).astype(name)
        want = packed_to_padded_fwd(packed, first, max_size, -1)
        got = packed_to_padded_fwd(packed, first, max_size, -1, device=device)
        np.testing.assert_array_equal(got, want)
        want = packed_to_padded_bwd(want, first, len(packed))
        np.testing.assert_array_equal(packed_to_padded_bwd(got, first, len(packed), device=device), want)


def normals(device: Emulation) -> None:
    """A vertex of many faces, one in none, faces without area, and one that names no vertex: NaN."""
    rng = np.random.default_rng(0)
    verts, faces = rng.normal(size=(300, 3)), rng.integers(0, 299, (600, 3))
    faces[:40, 0], faces[40:50, 1] = 5, faces[40:50, 2]
    flat = faces.ravel()
    corners = np.argsort(flat, kind="stable").astype(np.int32)
    first = np.searchsorted(flat[corners], np.arange(301)).astype(np.int32)
    mesh = (verts, faces, first, corners)

    def run(mesh: tuple[np.ndarray, ...], **options: Emulation) -> list[np.ndarray]:
        areas, normals = face_areas_normals_fwd(*mesh[:2], **options)
        verts_normals, lengths = vertex_normals_fwd(*mesh, **options)
        grad_areas, grads = np.cos(np.arange(600.0)), np.sin(np.arange(1800.0)).reshape(600, 3)
        given = (*mesh, areas, normals)
        return [
            *(areas, normals, verts_normals),
            face_areas_normals_bwd(*given, grad_areas, grads, **options),
            face_areas_normals_bwd(*given, None, grads, **options),
            face_areas_normals_bwd(*given, grad_areas, None, **options),
            vertex_normals_bwd(*mesh, verts_normals, lengths, grads[:300], **options),
        ]

    for got, want in zip(run(mesh, device=device), run(mesh), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    faces[100] = (8, 300, -1)
    for got in run(mesh, device=device)[:3]:
        assert np.isnan(got).any()
        assert np.isfinite(got).any()


def weigh_rows(device: Emulation) -> None:
    """Rows of many terms and of none; both ways of adding; and a term that names no row: NaN."""
    rng = np.random.default_rng(0)
    for channels, terms in ((3, 4), (5, 3)):
        rows, weights = rng.normal(size=(120, channels)), rng.normal(size=(211, terms))
        ids, grad = rng.integers(0, 119, (211, terms)), rng.normal(size=(211, channels))
        ids[:40, 1] = 7
        order = np.argsort(ids.ravel(), kind="stable").astype(np.int32)
        first = np.searchsorted(ids.ravel()[order], np.arange(121)).astype(np.int32)
        want = weighted_rows_rows_bwd(ids, weights, grad, 120)
        for lists in ((), (first, order)):
            got = weighted_rows_rows_bwd(ids, weights, grad, 120, *lists, device=device)
            np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)
        for run, given in ((weighted_rows_fwd, weights), (weighted_rows_weights_bwd, grad)):
            np.testing.assert_allclose(
                run(rows, ids, given, device=device), run(rows, ids, given), rtol=1e-12
            )
        ids[100, 1], ids[101, 0] = 120, -1
        for run, given in ((weighted_rows_fwd, weights), (weighted_rows_weights_bwd, grad)):
            bad = np.isnan(run(rows, ids, given, device=device)).any(1)
            np.testing.assert_array_equal(bad.nonzero()[0], [100, 101])
        others = (ids >= 0) & (ids < 120)
        want = weighted_rows_rows_bwd(np.where(others, ids, 0), weights * others, grad, 120)
        got = weighted_rows_rows_bwd(ids, weights, grad, 120, device=device)
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-13)


def blended(device: Emulation) -> None:
    """Silhouettes of open fans, seen from both sides, over several blocks; edges of three faces."""
    rng = np.random.default_rng(0)
    faces = fans(5, 7, 9)
    verts = rng.uniform((-1, -1, 0.5), (1, 1, 3), (int(faces.max()) + 1, 3))
    faces = np.concatenate([faces, faces[:3, [1, 0, 2]] + [0, 0, 6]])
    fragments = rasterize_meshes(verts, faces, np.array([0, 12, len(faces)]), (17, 23))
    color, grad = rng.random((2, 2, 17, 23, 3))
    mesh = verts, faces
    given = color, fragments.pix_to_face, fragments.zbuf, *mesh, opposites(faces)
    want, got = antialias_fwd(*given), antialias_fwd(*given, device=device)
    assert (want.crossings >= 0).sum() > 100
    assert_all_close(got, want)
    tables = color, grad, want.crossings, want.shares
    assert_all_close(
        (
            antialias_bwd_color(grad, want.shares, device=device),
            antialias_bwd_verts(*tables, *mesh, device=device),
        ),
        (antialias_bwd_color(grad, want.shares), antialias_bwd_verts(*tables, *mesh)),
    )
    ends, grad_ends = antialias_bwd_edges(*tables, *mesh, device=device)
    summed = np.zeros_like(verts)
    np.add.at(summed, ends.ravel(), grad_ends.reshape(-1, 3))
    assert_all_close([summed], [antialias_bwd_verts(*tables, *mesh)])


def opposites(faces: np.ndarray) -> np.ndarray:  # (F, 3) int32
    """The corners of each edge in a ring."""
    edges = np.sort(faces[:, [[1, 2], [2, 0], [0, 1]]].reshape(-1, 2), 1)
    _, edge = np.unique(edges, axis=0, return_inverse=True)
    table = np.empty(edge.size, np.int32)
    for number in range(edge.max() + 1):
        ring = np.flatnonzero(edge.ravel() == number)
        table[ring] = np.roll(ring, -1)
    return table.reshape(-1, 3)


def assert_all_close(got: Iterable[np.ndarray], want: Iterable[np.ndarray]) -> None:
    for x, y in zip(got, want, strict=True):
        np.testing.assert_allclose(x, y, rtol=1e-12, atol=1e-12)


EXERCISES: dict[str, Callable[[Emulation], None]] = {
    "antialias": blended,
    "mesh_edges": faces_alone(mesh_edges),
    "mesh_normals": normals,
    "packed_to_padded": pad_and_pack,
    "rasterize_meshes": rasterize,
    "scan": scan,
    "shade_meshes": shade,
    "soft_phong": shade_softly,
    "soft_silhouette": silhouette,
    "sort_runs": runs,
    "tile_lists": list_tiles,
    "vertex_corners": faces_alone(vertex_corners),
    "weighted_rows": weigh_rows,
}


def count_barriers(stem: str) -> int:
    """Barriers in a kernel file and the headers that it includes."""
    return len(re.findall(r"__syncthreads\(\);", blank_comments_and_strings(kernel_source(stem))))


def main(stem: str, build: str, order: str, barrier: str = "-1") -> None:
    EXERCISES[stem](Emulation(order, build=build, dropped={stem: int(barrier)}))


if __name__ == "__main__":
    main(*sys.argv[1:])
