"""Normals that are smooth but for creases."""

from __future__ import annotations

import numpy as np
import pytest

from r3d_cli.scene.creases import CREASE_ANGLE, compute_corner_normals
from r3d_cli.scene.normals import compute_face_normals, compute_vertex_normals


def box() -> tuple[np.ndarray, np.ndarray]:
    """Eight vertices, twelve triangles."""
    verts = np.array([[x, y, z] for x in (0, 1) for y in (0, 1) for z in (0, 1)], np.float32)
    squares = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    return verts, np.array([t for a, b, c, d in squares for t in ((a, b, c), (a, c, d))])


def roof(angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Two triangles that share an edge, their normals at an angle, degrees."""
    slope = np.radians(angle / 2)
    rise = -np.sin(slope)
    verts = np.array([[0, 0, 0], [0, 1, 0], [-np.cos(slope), 0, rise], [np.cos(slope), 0, rise]])
    return verts, np.array([[0, 1, 2], [1, 0, 3]])


def test_a_box_has_flat_sides():
    verts, faces = box()
    normals, faces_normals = compute_corner_normals(verts, faces)
    np.testing.assert_allclose(
        normals[faces_normals], compute_face_normals(verts, faces)[:, None].repeat(3, 1)
    )


@pytest.mark.parametrize("offset", [-1.0, 1.0])
def test_the_crease_angle_decides(offset):
    verts, faces = roof(CREASE_ANGLE + offset)
    normals, faces_normals = compute_corner_normals(verts, faces)
    ridge = normals[faces_normals[:, :2]]
    if offset < 0:
        np.testing.assert_allclose(ridge, np.broadcast_to([0, 0, 1], ridge.shape), atol=1e-6)
    else:
        units = compute_face_normals(verts, faces)
        units /= np.linalg.norm(units, axis=1, keepdims=True)
        np.testing.assert_allclose(ridge, units[:, None].repeat(2, axis=1), atol=1e-6)


def test_a_round_surface_has_its_vertex_normals():
    rng = np.random.default_rng(0)
    from scipy.spatial import ConvexHull

    verts = rng.normal(size=(2000, 3))
    verts /= np.linalg.norm(verts, axis=1, keepdims=True)
    faces = ConvexHull(verts).simplices.astype(np.int64)
    outward = np.einsum("ij,ij->i", compute_face_normals(verts, faces), verts[faces[:, 0]]) > 0
    faces[~outward] = faces[~outward][:, ::-1]
    normals, faces_normals = compute_corner_normals(verts, faces)
    np.testing.assert_allclose(normals[faces_normals], compute_vertex_normals(verts, faces)[faces], atol=1e-6)


def test_a_corner_sums_the_faces_near_its_own():
    """Held to the definition, corner by corner, on triangles in disorder."""
    rng = np.random.default_rng(1)
    verts, faces = rng.normal(size=(12, 3)), rng.integers(0, 12, (60, 3))
    face_normals = compute_face_normals(verts, faces)
    lengths = np.linalg.norm(face_normals, axis=1)
    normals, faces_normals = compute_corner_normals(verts, faces)
    for face in np.flatnonzero(lengths > 0):
        for corner in range(3):
            # A corner counts as often as the vertex stands in a face.
            count = (faces == faces[face, corner]).sum(axis=1)
            cosine = face_normals @ face_normals[face] / np.maximum(lengths * lengths[face], 1e-30)
            near = cosine >= np.cos(np.radians(CREASE_ANGLE))
            total = (face_normals * (count * near)[:, None]).sum(axis=0)
            expected = total / np.linalg.norm(total)
            np.testing.assert_allclose(normals[faces_normals[face, corner]], expected, atol=1e-5)


def test_a_fan_of_very_many_faces_keeps_one_normal():
    count = 500
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    rim = np.stack([np.cos(angle), np.sin(angle), np.where(np.arange(count) % 2, 3.0, -3.0)], axis=1)
    verts = np.concatenate([[[0, 0, 0]], rim])
    ids = np.arange(count)
    faces = np.stack([np.zeros(count, np.int64), 1 + ids, 1 + (ids + 1) % count], axis=1)
    normals, faces_normals = compute_corner_normals(verts, faces)
    assert len(np.unique(faces_normals[:, 0])) == 1
    assert np.isfinite(normals).all()
