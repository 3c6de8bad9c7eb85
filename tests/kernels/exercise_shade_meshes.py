"""A run of the picture shader."""

from __future__ import annotations

import numpy as np
from machines import Machine
from shapes import make_meshes

from r3d_cli.backend.rasterize_meshes import rasterize_meshes
from r3d_cli.backend.shade_meshes import Surface, shade_meshes


def exercise(on: Machine) -> None:
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
        verts,
        faces,
        None,
        None,
        3 * verts[:, :2].copy(),
        faces,
        None,
        blended,
        materials.astype(np.float32),
        codes,
        texels,
        np.array([[0, 4, 4, 3, 0, 2, 0]]),
        np.linspace(0, 1, 511, dtype=np.float32),
    )
    light = np.array([[1, 2, -3, 0] + [0.1] * 3 + [0.6] * 3 + [0.2] * 3 + [0.5]], np.float32)
    scene = (fragments, surface, light, np.array([0, 0, 0, 1], np.float32), np.ones(4, np.float32))
    backdrop = np.random.default_rng(1).integers(0, 256, (12, 10, 4), dtype=np.uint8)
    wireframe = np.array([1, 0, 0, 1e-3], np.float32)
    for more in ({}, {"shading": "gouraud", "focal": 20.0, "backdrop": backdrop, "wireframe": wireframe}):
        options = {"supersampling": 2, "want_linear": True, **more}
        want, got = shade_meshes(*scene, **options), on(shade_meshes, *scene, **options)
        assert not want.finished
        assert got.finished == want.finished
        np.testing.assert_allclose(got.linear, want.linear, atol=1e-4)
        assert np.abs(got.image.astype(int) - want.image).max() <= 1
