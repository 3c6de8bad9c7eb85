"""Small inputs for the kernels' tests and exercises, and how their results are compared."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from r3d_cli.backend.rasterize_meshes import Fragments

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


def fans(*sizes: int) -> np.ndarray:  # (sum of sizes, 3)
    """Closed fans, each of so many faces round a vertex of its own."""
    faces, first = [], 0
    for size in sizes:
        rim = np.arange(size)
        faces.append(first + np.stack([np.zeros(size, int), rim + 1, (rim + 1) % size + 1], 1))
        first += size + 1
    return np.concatenate(faces)


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
