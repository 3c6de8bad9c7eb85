"""Meshes of any size to measure with, and the camera that looks at them."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from r3d_cli.bench.suite import Unsupported
from r3d_cli.scene.camera import Camera, look_at

#: Where PyTorch3D's own benchmarks and the published figures look from.
FOV = 60.0
VIEW = (2.7, 10.0, 20.0)  # distance, elevation, azimuth
_RADIUS = 0.8
_TURN = 40.0  # degrees between the meshes of a batch

_GOLDEN = (1 + math.sqrt(5)) / 2
_CORNERS = np.array(
    [[a, b * _GOLDEN, 0.0] for a in (-1, 1) for b in (-1, 1)]
    + [[0.0, a, b * _GOLDEN] for a in (-1, 1) for b in (-1, 1)]
    + [[b * _GOLDEN, 0.0, a] for a in (-1, 1) for b in (-1, 1)]
)  # (12, 3)


class Mesh(NamedTuple):
    verts: NDArray[np.float32]  # (V, 3) world
    faces: NDArray[np.int64]  # (F, 3)


def sphere_faces(faces: int) -> int:
    """The number of faces nearest to ``faces`` that a sphere can have: 20 n^2."""
    return 20 * max(round(math.sqrt(faces / 20)), 1) ** 2


@lru_cache(maxsize=4)
def sphere(faces: int) -> Mesh:
    """An icosahedron whose faces are cut into n^2 triangles each, on the unit sphere; n = 2^L is ico level L.

    The icosahedron's edges have a set of vertices for each of their faces, equal to the last bit.

    Example:
        >>> len(sphere(5120).faces)
        5120
    """
    n = round(math.sqrt(sphere_faces(faces) / 20))
    row, column = (x[np.tri(n + 1, dtype=bool)] for x in np.mgrid[: n + 1, : n + 1])
    weights = np.stack([n - row, row - column, column], 1) / n  # (W, 3) of a face's three corners
    start = np.arange(n + 1) * np.arange(1, n + 2) // 2  # first vertex of a row
    row, column = (x[np.tri(n, dtype=bool)] for x in np.mgrid[:n, :n])
    above = start[row] + column
    below = start[row + 1] + column
    upright = np.stack([above, below, below + 1], 1)
    inner = column < row  # beside each but a row's last stands one on its head
    turned = np.stack([above, below + 1, above + 1], 1)[inner]
    local = np.concatenate([upright, turned])  # (n^2, 3)

    corners = _CORNERS[_icosahedron()]  # (20, 3, 3)
    # Sums of products rather than a matrix product: the same on both sides of an edge, to the last bit.
    verts = sum(weights[None, :, i, None] * corners[:, None, i] for i in range(3)).reshape(-1, 3)
    verts /= np.linalg.norm(verts, axis=1, keepdims=True)
    ids = local[None] + (np.arange(20) * len(weights))[:, None, None]
    return Mesh(verts.astype(np.float32), ids.reshape(-1, 3))


def _icosahedron() -> NDArray[np.int64]:  # (20, 3)
    """Triples of corners two apart, wound counter-clockwise seen from outside."""
    near = np.isclose(np.linalg.norm(_CORNERS[:, None] - _CORNERS[None], axis=2), 2.0)
    triples = [
        (a, b, c)
        for a in range(12)
        for b in range(a + 1, 12)
        for c in range(b + 1, 12)
        if near[a, b] and near[b, c] and near[a, c]
    ]
    outward = [np.linalg.det(_CORNERS[list(triple)]) > 0 for triple in triples]
    return np.array([t if out else (t[0], t[2], t[1]) for t, out in zip(triples, outward, strict=True)])


def batch(faces: int, count: int, ragged: bool) -> list[Mesh]:
    """Spheres, each turned a little further; ragged ones have ``faces``, a half, a quarter, an eighth, ..."""
    sizes = [faces >> (i % 4) if ragged else faces for i in range(count)]
    meshes = []
    for i, size in enumerate(sizes):
        angle = math.radians(i * _TURN)
        turn = np.array(
            [[math.cos(angle), 0, -math.sin(angle)], [0, 1, 0], [math.sin(angle), 0, math.cos(angle)]]
        )
        unit = sphere(size)
        meshes.append(Mesh((_RADIUS * unit.verts @ turn).astype(np.float32), unit.faces))
    return meshes


def read_centered(path: Path) -> Mesh:
    """A file's mesh, its vertices' mean at the origin and the farthest at a distance of 1.

    Raises:
        Unsupported: It has no faces.
    """
    from r3d_cli.scene.readers import read_mesh

    mesh = read_mesh(path)
    if not len(mesh.faces):
        raise Unsupported
    verts = mesh.verts - mesh.verts.mean(axis=0, dtype=np.float64)
    verts /= np.linalg.norm(verts, axis=1).max()
    return Mesh(verts.astype(np.float32), mesh.faces)


def camera() -> Camera:
    R, T = look_at(*VIEW)
    return Camera(R, T, fov=FOV)


def sphere_file(folder: Path, faces: int, format: str) -> Path:
    """The file of a sphere, written where it is not there yet."""
    path = folder / f"sphere-{faces}.{format}"
    if not path.exists():
        import trimesh

        partial = path.with_name(f"partial-{path.name}")
        mesh = sphere(faces)
        trimesh.Trimesh(mesh.verts, mesh.faces, process=False).export(partial)
        partial.rename(path)
    return path


def parse_image(image: int | str) -> tuple[int, int]:
    """``512`` or ``"512x256"`` (width x height) as (H, W)."""
    width, _, height = str(image).partition("x")
    return int(height or width), int(width)
