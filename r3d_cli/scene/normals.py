"""Vertex normals of a triangle mesh."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from r3d_cli.backend.mesh_normals import vertex_normals_fwd
from r3d_cli.backend.vertex_corners import vertex_corners


def compute_face_normals(
    verts: NDArray[np.floating],  # (V, 3)
    faces: NDArray[np.int64],  # (F, 3)
) -> NDArray[np.float64]:  # (F, 3)
    """Normals by the right-hand rule, as long as twice the face's area."""
    a, b, c = (verts[faces[:, corner]].astype(np.float64) for corner in range(3))
    u, v = b - a, c - a
    # np.cross takes three times as long.
    return np.stack([u[:, i - 2] * v[:, i - 1] - u[:, i - 1] * v[:, i - 2] for i in range(3)], axis=1)


def compute_vertex_normals(
    verts: NDArray[np.floating],  # (V, 3)
    faces: NDArray[np.int64],  # (F, 3)
) -> NDArray[np.float32]:  # (V, 3)
    """Unit normals of vertices: the area-weighted mean of the faces around each.

    Vertices in no face, and those whose faces cancel or hold coordinates that are not finite, get (0, 0, 0).

    Example:
        >>> import numpy as np
        >>> verts = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0]], dtype=np.float32)
        >>> compute_vertex_normals(verts, np.array([[0, 1, 2]])).tolist()
        [[0.0, 0.0, 1.0], [0.0, 0.0, 1.0], [0.0, 0.0, 1.0]]
    """
    normals = _vertex_normals(verts, faces)
    if not np.isfinite(normals).all():
        with np.errstate(all="ignore"):
            finite = np.isfinite(compute_face_normals(verts, faces)).all(axis=1)
        normals = _vertex_normals(verts, faces[finite])
    return normals.astype(np.float32)


def _vertex_normals(verts: NDArray[np.floating], faces: NDArray[np.int64]) -> NDArray[np.float64]:
    in_double, ids = np.ascontiguousarray(verts, np.float64), np.ascontiguousarray(faces)
    return vertex_normals_fwd(in_double, ids, *vertex_corners(ids, len(verts)))[0]


def sum_at(
    targets: NDArray[np.int64],  # (P,)
    normals: NDArray[np.float64],  # (P, 3)
    count: int,
) -> NDArray[np.float32]:  # (count, 3)
    """Sums of the normals of each target, at unit length; those that are not finite do not count."""
    finite = np.isfinite(normals).all(axis=1)
    if not finite.all():
        targets, normals = targets[finite], normals[finite]
    sums = np.empty((count, 3))
    for axis in range(3):
        sums[:, axis] = np.bincount(targets, normals[:, axis], count)
    # By the largest component first: squares of tiny or huge ones would leave the range.
    sums /= np.maximum(np.abs(sums).max(axis=1, keepdims=True, initial=0), np.finfo(np.float64).tiny)
    length = np.sqrt((sums * sums).sum(axis=1, keepdims=True))
    return np.divide(sums, length, out=np.zeros_like(sums), where=length > 0.5).astype(np.float32)
