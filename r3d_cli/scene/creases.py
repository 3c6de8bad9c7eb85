"""Normals of a mesh that brings none: smooth where it is round, sharp at its creases."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from r3d_cli.backend.mesh_normals import face_areas_normals_fwd
from r3d_cli.scene.normals import compute_vertex_normals, sum_at

#: Faces that meet at a larger angle than this have a crease between them, not a round edge: a box of eight
#: vertices looks like a box, and a scan stays smooth.
CREASE_ANGLE = 45.0  # degrees

#: A vertex with more faces than this keeps its one normal: comparing them all pair by pair would take too
#: long.
_MOST_FACES_AT_A_CREASE = 128


def compute_corner_normals(
    verts: NDArray[np.floating],  # (V, 3)
    faces: NDArray[np.int64],  # (F, 3)
) -> tuple[NDArray[np.float32], NDArray[np.int64]]:  # (VN, 3), (F, 3)
    """Normals that are smooth but for creases, and the id of the normal of each face's corner.

    A corner's normal sums, weighted by area, the vertex's faces that lie within CREASE_ANGLE of the corner's
    own. Where no two faces of a vertex lie farther apart, that is the vertex's normal.
    """
    areas, units = face_areas_normals_fwd(
        np.ascontiguousarray(verts, np.float64), np.ascontiguousarray(faces)
    )
    units[areas == 0] = np.nan  # no direction: never far from another, never near
    normals = compute_vertex_normals(verts, faces)
    # Two faces can only be that far apart where one of them leans half as far from the vertex's normal.
    half = math.cos(math.radians(CREASE_ANGLE / 2))
    leans = np.zeros(len(verts), dtype=bool)
    for corner in range(3):
        of_corner = faces[:, corner]
        leans[of_corner[np.einsum("ij,ij->i", normals[of_corner], units) < half]] = True
    degree = np.bincount(faces.ravel(), minlength=len(verts))
    creased = leans & (degree <= _MOST_FACES_AT_A_CREASE)
    if not creased.any():
        return normals, faces
    corners = np.flatnonzero(creased[faces.ravel()])
    corners = corners[np.argsort(faces.ravel()[corners], kind="stable")]  # those of a vertex side by side
    # All pairs (a, b) of corners of one vertex.
    counts = degree[creased]
    partners, first = np.repeat(counts, counts), np.repeat(np.cumsum(counts) - counts, counts)
    a = np.repeat(np.arange(len(corners)), partners)
    b = first[a] + np.arange(len(a)) - np.repeat(np.cumsum(partners) - partners, partners)
    face_a, face_b = corners[a] // 3, corners[b] // 3
    near = np.einsum("ij,ij->i", units[face_a], units[face_b]) >= math.cos(math.radians(CREASE_ANGLE))
    b_near = face_b[near]
    smooth = sum_at(a[near], areas[b_near, None] * units[b_near], len(corners))
    faces_normals = faces.copy()
    faces_normals.ravel()[corners] = len(normals) + np.arange(len(corners))
    return np.concatenate([normals, smooth]), faces_normals
