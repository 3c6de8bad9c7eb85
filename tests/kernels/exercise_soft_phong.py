"""A run of the fused soft Phong kernels, forward and backward."""

from __future__ import annotations

import numpy as np
from machines import Machine
from phong_scenes import assert_same_shading, phong_scene
from shapes import by_vertex, covering_verts, make_meshes

from r3d_cli.backend.rasterize_meshes import RasterSettings


def exercise(on: Machine) -> None:
    """Long lists, more faces at a pixel than count, a block of faces over the picture; maps, whose texels'
    gradients are added up as integers where they must repeat."""
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
            assert_same_shading(scene.run(on, corners), want, 1e-4)
