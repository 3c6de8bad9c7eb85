"""A run of the fused silhouette kernels, forward and backward."""

from __future__ import annotations

import numpy as np
from machines import Machine
from shapes import by_vertex, covering_verts, make_meshes

from r3d_cli.backend.rasterize_meshes import RasterSettings
from r3d_cli.backend.soft_silhouette import soft_silhouette_bwd, soft_silhouette_fwd


def exercise(on: Machine) -> None:
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
            given = *meshes, image_size, sigma, faces_per_pixel
            got = on(soft_silhouette_fwd, *given, in_order=corners is not None, settings=settings)
            np.testing.assert_allclose(got.uncovered, want.uncovered, rtol=1e-4, atol=1e-6)
            given = *meshes, got, grad, sigma, faces_per_pixel
            got_grad = on(soft_silhouette_bwd, *given, corners=corners, settings=settings)
            np.testing.assert_allclose(got_grad, want_grad, rtol=1e-3, atol=1e-4 * np.abs(want_grad).max())
