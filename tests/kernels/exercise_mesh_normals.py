"""A run of the kernels of normals, forward and backward."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from machines import Machine, on_cpu

from r3d_cli.backend.mesh_normals import (
    face_areas_normals_bwd,
    face_areas_normals_fwd,
    vertex_normals_bwd,
    vertex_normals_fwd,
)


def exercise(on: Machine) -> None:
    """A vertex of many faces, one in none, faces without area, and one that names no vertex: NaN."""
    rng = np.random.default_rng(0)
    verts, faces = rng.normal(size=(300, 3)), rng.integers(0, 299, (600, 3))
    faces[:40, 0], faces[40:50, 1] = 5, faces[40:50, 2]
    flat = faces.ravel()
    corners = np.argsort(flat, kind="stable").astype(np.int32)
    first = np.searchsorted(flat[corners], np.arange(301)).astype(np.int32)
    mesh = (verts, faces, first, corners)

    def run(mesh: tuple[np.ndarray, ...], call: Callable[..., Any]) -> list[np.ndarray]:
        areas, normals = call(face_areas_normals_fwd, *mesh[:2])
        verts_normals, lengths = call(vertex_normals_fwd, *mesh)
        grad_areas, grads = np.cos(np.arange(600.0)), np.sin(np.arange(1800.0)).reshape(600, 3)
        given = (*mesh, areas, normals)
        return [
            *(areas, normals, verts_normals),
            call(face_areas_normals_bwd, *given, grad_areas, grads),
            call(face_areas_normals_bwd, *given, None, grads),
            call(face_areas_normals_bwd, *given, grad_areas, None),
            call(vertex_normals_bwd, *mesh, verts_normals, lengths, grads[:300]),
        ]

    for got, want in zip(run(mesh, on), run(mesh, on_cpu), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12, atol=1e-14)
    faces[100] = (8, 300, -1)
    for got in run(mesh, on)[:3]:
        assert np.isnan(got).any()
        assert np.isfinite(got).any()
