"""Vertex normals, colours: the small helpers of a scene."""

from __future__ import annotations

import numpy as np
import pytest

from r3d_cli.scene.color import linear_to_srgb, srgb_to_linear
from r3d_cli.scene.normals import compute_vertex_normals


def test_vertex_normals_are_weighted_by_area() -> None:
    # A face of area 1/2 in the xy plane and one of area 2 in the xz plane meet in an edge.
    verts = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 4]], np.float32)
    faces = np.array([[0, 1, 2], [1, 0, 3]])
    normals = compute_vertex_normals(verts, faces)
    shared = np.array([0, 4, 1]) / np.sqrt(17)
    np.testing.assert_allclose(normals, [shared, shared, [0, 0, 1], [0, 1, 0]], atol=1e-6)


@pytest.mark.parametrize("scale", [1e-30, 1e-12, 1.0, 1e12, 1e30])
def test_vertex_normals_at_any_scale(scale: float) -> None:
    verts = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], np.float64) * scale
    faces = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
    normals = compute_vertex_normals(verts, faces)
    np.testing.assert_allclose(normals, compute_vertex_normals(verts / scale, faces), atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(normals, axis=1), 1, atol=1e-6)


def test_vertex_normals_of_what_has_none() -> None:
    verts = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [np.nan, 0, 0], [0, 1, 0]], np.float32)
    faces = np.array([[0, 1, 2], [0, 1, 3]])
    assert (compute_vertex_normals(verts, faces) == 0).all()
    assert compute_vertex_normals(verts[:0], faces[:0]).shape == (0, 3)


def test_normals_of_a_sphere_are_its_radii() -> None:
    trimesh = pytest.importorskip("trimesh")
    sphere = trimesh.creation.icosphere(3)
    normals = compute_vertex_normals(sphere.vertices, np.asarray(sphere.faces, np.int64))
    np.testing.assert_allclose(normals, sphere.vertices, atol=0.02)


def test_colour_curves_are_inverse_and_meet_the_standard() -> None:
    light = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(srgb_to_linear(linear_to_srgb(light)), light, atol=1e-12)
    # IEC 61966-2-1: a twelfth or so below the knee; 18 % grey is about 46 %.
    assert srgb_to_linear(0.04) == pytest.approx(0.04 / 12.92)
    assert linear_to_srgb(0.18) == pytest.approx(0.4613, abs=1e-4)
    assert srgb_to_linear(np.float32([0.5])).dtype == np.float32
